//! The service's own log: on its error output, and in files where it keeps some.

use crate::config::{Log, LogFormat};
use crate::service_log::ServiceLog;
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

/// Sends everything that is traced to the error output and into the files, as configured. Later calls change nothing.
pub fn start(log: &Log, files: Option<ServiceLog>) {
    let filter = EnvFilter::builder().parse(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(|| Stderr).log_internal_errors(false);
    // Without a thread for them there are no files; the error output has everything.
    let kept = files.and_then(|files| files.start().ok());
    let started = match log.format {
        LogFormat::Json => {
            let kept =
                kept.map(|kept| fmt::layer().json().flatten_event(true).with_writer(move || kept.clone()));
            let kept = kept.map(|kept| kept.log_internal_errors(false));
            registry.with(lines.json().flatten_event(true)).with(kept).try_init()
        }
        // Colours only disturb, in files as in systemd's journal.
        LogFormat::Text => {
            let kept = kept.map(|kept| fmt::layer().with_ansi(false).with_writer(move || kept.clone()));
            let kept = kept.map(|kept| kept.log_internal_errors(false));
            registry.with(lines.with_ansi(false)).with(kept).try_init()
        }
    };
    // Refused only when the process has a subscriber already, as a test may.
    _ = started;
}
