//! Hosts and ports of sources.

use std::fmt;

/// Where a source listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl HostPort {
    /// From `host`, `host:port`, `[address]` or `[address]:port`; `None` when it is none of these.
    #[must_use]
    pub fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) if host.contains(':') => (host, port),
            Some(_) => return None,
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None if port.is_empty() => default_port,
            None => return None,
        };
        let fits = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:%".contains(c));
        fits.then(|| Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HostPort;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        for (text, shown) in [
            ("plc", Some("plc:502")),
            ("192.0.2.1:1502", Some("192.0.2.1:1502")),
            ("[2001:db8::1]", Some("[2001:db8::1]:502")),
            ("[2001:db8::1]:7", Some("[2001:db8::1]:7")),
            ("2001:db8::1", None),
            ("plc:", None),
            ("plc:0", None),
            ("plc:70000", None),
            (":502", None),
            ("", None),
            ("tcp://plc", None),
            ("a b", None),
            ("[plc]:1", None),
            ("user@plc", None),
        ] {
            let parsed = HostPort::parse(text, 502).map(|address| address.to_string());
            assert_eq!(parsed.as_deref(), shown, "{text}");
        }
    }
}
