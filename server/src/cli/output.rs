//! What commands print. A reader that went away (`| head`) is not an error.

use serde::Serialize;
use std::fmt;
use std::io::{self, Write};

/// Prints a line to the standard output.
pub(super) fn line(text: impl fmt::Display) {
    let mut out = io::stdout().lock();
    _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a line to the error output.
pub(super) fn complain(text: impl fmt::Display) {
    _ = writeln!(io::stderr().lock(), "gateway-ota: {text}");
}

/// Prints a value for scripts.
pub(super) fn json(value: &impl Serialize) -> Result<(), super::Failure> {
    let text = serde_json::to_string_pretty(value).map_err(super::Failure::failed)?;
    line(text);
    Ok(())
}
