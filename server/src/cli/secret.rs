//! Secrets from the standard input: never from the command line, where every user of the system could read them.

use super::Failure;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal, Write};

/// The first line of the standard input; a terminal is asked for `what` and does not echo.
pub(super) fn read(what: &str) -> Result<String, Failure> {
    let input = std::io::stdin();
    let before = if input.is_terminal() { tcgetattr(&input).ok() } else { None };
    if let Some(terminal) = &before {
        _ = write!(std::io::stderr(), "{what}: ");
        let mut silent = terminal.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Flush, &silent).map_err(Failure::failed)?;
    }
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    if let Some(terminal) = &before {
        _ = tcsetattr(&input, OptionalActions::Flush, terminal);
        _ = writeln!(std::io::stderr());
    }
    read.map_err(|error| {
        Failure::failed(format!("cannot read the {what} from the standard input: {error}"))
    })?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
