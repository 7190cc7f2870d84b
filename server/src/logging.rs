//! The service's own log, on its error output.

use crate::config::{Log, LogFormat};
use std::io::{self, Write};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// An error output that may be gone: what cannot be written is dropped, and nothing ever panics over it.
#[derive(Debug, Clone, Copy)]
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stderr().write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(_) => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        _ = io::stderr().flush();
        Ok(())
    }
}

/// Sends everything that is traced to the error output, as configured. Later calls change nothing.
pub fn start(log: &Log) {
    let filter = EnvFilter::builder().parse(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(|| Stderr).log_internal_errors(false);
    let started = match log.format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        // systemd's journal keeps the time by itself, and colours only disturb there.
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
    };
    // Refused only when the process has a subscriber already, as a test may.
    _ = started;
}
