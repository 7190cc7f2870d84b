//! A program of the site, run to its end within a time limit.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

/// The end of what a program writes, in bytes; more is read past.
const KEPT: usize = 4096;

/// Characters of a program's own words in a sentence.
const SHOWN: usize = 200;

/// How long a program's last words are waited for after it has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// The last line of its output, standard and error alike, when its status is not 0.
    pub(crate) words: Option<String>,
}

impl Ended {
    /// A sentence about it, with its last words.
    ///
    /// # Errors
    /// The sentence, when its status is not 0.
    pub(crate) fn success(self) -> Result<(), String> {
        if self.status.success() {
            return Ok(());
        }
        let outcome = match self.status.code() {
            Some(code) => format!("It ended with status {code}"),
            None => "It was killed".to_owned(),
        };
        Err(sentence(&outcome, self.words))
    }
}

/// Runs `command`, program and arguments, with more variables in its environment. After `limit`, and when this future is dropped, it
/// is killed with all that it started.
///
/// # Errors
/// A sentence that says why it could not be run to its end.
pub(crate) async fn run(
    command: &[String],
    environment: &[(String, String)],
    limit: Duration,
) -> Result<Ended, String> {
    let deadline = Instant::now() + limit;
    let (program, arguments) = command.split_first().ok_or("No program is configured for it.")?;
    let (child, output) = start(program, arguments, environment)
        .map_err(|error| format!("{program} cannot be started: {error}."))?;
    let mut group = Group(child);
    let words = tokio::spawn(last_line(output));
    let stop_listening = words.abort_handle();
    let ended = timeout_at(deadline, group.0.wait()).await;
    // Kills the group of a program that has not ended.
    drop(group);
    if let Ok(Ok(status)) = ended
        && status.success()
    {
        stop_listening.abort();
        return Ok(Ended { status, words: None });
    }
    // Something in the background may hold the pipe open for ever.
    let words = timeout(LAST_WORDS, words).await.ok().and_then(Result::ok).flatten();
    stop_listening.abort();
    match ended {
        Ok(Ok(status)) => Ok(Ended { status, words }),
        Ok(Err(error)) => Err(sentence(&format!("It cannot be waited for: {error}"), words)),
        Err(_) => {
            let late = format!("It did not end within {} s and was stopped", limit.as_secs_f64());
            Err(sentence(&late, words))
        }
    }
}

fn start(
    program: &str,
    arguments: &[String],
    environment: &[(String, String)],
) -> io::Result<(Child, Receiver)> {
    let (output, input) = io::pipe()?;
    let child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input)
        // A group of its own, so that all of it can be ended.
        .process_group(0)
        .spawn()?;
    Ok((child, Receiver::from_owned_fd(output.into())?))
}

fn sentence(outcome: &str, words: Option<String>) -> String {
    match words {
        Some(words) => format!("{outcome}: {words}"),
        None => format!("{outcome}."),
    }
}

/// A program and what it started; killed when it is dropped before the program has ended.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // No id: it has ended and was waited for, and the number may belong to others by now.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // It may end at this very moment. Tokio reaps it.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// The last line that is not blank, shortened.
async fn last_line(mut stream: impl AsyncRead + Unpin) -> Option<String> {
    let mut kept = Vec::new();
    let mut part = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut part).await {
        kept.extend_from_slice(part.get(..count).unwrap_or_default());
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&kept);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(line.chars().filter(|character| !character.is_control()).take(SHOWN).collect())
}
