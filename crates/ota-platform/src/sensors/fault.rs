//! Why a source says nothing, as a clause for the technician.

use std::error::Error;
use std::io;

/// The part of an error that helps: refused, unreachable, name, certificate; else that the connection broke.
pub(super) fn clause(error: &(dyn Error + 'static)) -> String {
    find(error).unwrap_or_else(|| "the connection broke".to_owned())
}

fn find(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(format!("the TLS connection is refused: {tls}"));
    }
    match error.downcast_ref::<io::Error>() {
        // What an error of input and output carries is not what it names as its source.
        Some(io) => io.get_ref().and_then(|inner| find(inner)).or_else(|| io_clause(io).map(str::to_owned)),
        None => error.source().and_then(find),
    }
}

fn io_clause(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "it cannot be reached",
        io::ErrorKind::TimedOut => "it cannot be reached in time",
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "it closed the connection"
        }
        // The standard library has no kind of its own for it.
        _ if error.to_string().contains("lookup") => "its name cannot be resolved",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_is_found_however_deep_it_lies() {
        let tls = rustls::Error::NoCertificatesPresented;
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert!(clause(&wrapped).starts_with("the TLS connection is refused: "), "{}", clause(&wrapped));
        let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "early");
        assert_eq!(clause(&io::Error::other(cut)), "it closed the connection");
        assert_eq!(clause(&io::Error::other("odd")), "the connection broke");
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_told() {
        let error = tokio::net::TcpStream::connect(("no..such..host", 1)).await.unwrap_err();
        assert_eq!(clause(&error), "its name cannot be resolved");
    }
}
