//! What commands print: answers to the standard output, what goes on meanwhile to the error output.

use crate::failure::Failure;
use serde::Serialize;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Prints a line. A reader that went away (`| head`) ends the command, and is not an error.
pub(crate) fn line(text: impl fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::unread()),
        Err(error) => Err(Failure::failed(format!("cannot print: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Prints a value for scripts.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string_pretty(value).map_err(Failure::failed)?)
}

/// Columns as wide as what is in them.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// One line that is written over on a terminal; elsewhere a line for each change.
#[derive(Default)]
pub(crate) struct Ticker {
    last: String,
}

impl Ticker {
    /// `text` for a terminal, `change` for a log.
    pub(crate) fn show(&mut self, text: &str, change: String) {
        let mut out = io::stderr();
        if out.is_terminal() {
            _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
        } else if self.last != change {
            _ = writeln!(out, "{change}");
        }
        self.last = change;
    }

    /// What comes next begins on a line of its own.
    pub(crate) fn end(self) {
        let mut out = io::stderr();
        if out.is_terminal() && !self.last.is_empty() {
            _ = writeln!(out);
        }
    }
}

/// A remark beside the answer.
pub(crate) fn remark(text: impl fmt::Display) {
    _ = writeln!(io::stderr(), "{text}");
}
