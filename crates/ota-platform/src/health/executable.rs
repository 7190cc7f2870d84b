//! A check that is a program of the site.

use async_trait::async_trait;
use ota_core::{BySlot, SlotId};
use ota_engine::ports::HealthCheck;
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

/// The end of what a check writes to standard error, in bytes; more is read past.
const KEPT: usize = 4096;

/// Characters of a check's own words in a sentence.
const SHOWN: usize = 200;

/// How long a check's last words are waited for after it has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutableCheckConfig {
    pub name: String,
    pub required: bool,
    /// Program and arguments. Its environment has `GATEWAY_OTA_SLOT` (`A` or `B`) and `GATEWAY_OTA_SLOT_DEVICE`.
    pub command: Vec<String>,
    /// After this the program and everything that it started are killed.
    pub timeout: Duration,
    /// Root place of each slot.
    pub devices: BySlot<PathBuf>,
}

/// Passes when the program ends with status 0.
#[derive(Debug, Clone)]
pub struct ExecutableCheck {
    config: ExecutableCheckConfig,
}

impl ExecutableCheck {
    #[must_use]
    pub const fn new(config: ExecutableCheckConfig) -> Self {
        Self { config }
    }

    fn start(&self, booted: SlotId) -> Result<Child, String> {
        let (program, arguments) =
            self.config.command.split_first().ok_or("No program is configured for it.")?;
        Command::new(program)
            .args(arguments)
            .env("GATEWAY_OTA_SLOT", booted.as_str())
            .env("GATEWAY_OTA_SLOT_DEVICE", self.config.devices.get(booted))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A group of its own, so that all of it can be ended.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{program} cannot be started: {error}."))
    }
}

#[async_trait]
impl HealthCheck for ExecutableCheck {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn required(&self) -> bool {
        self.config.required
    }

    async fn run(&self, booted: SlotId) -> Result<(), String> {
        let deadline = Instant::now() + self.config.timeout;
        let mut group = Group(self.start(booted)?);
        let stderr = group.0.stderr.take();
        let words = tokio::spawn(async move {
            match stderr {
                Some(stderr) => last_line(stderr).await,
                None => None,
            }
        });
        let stop_listening = words.abort_handle();
        let ended = timeout_at(deadline, group.0.wait()).await;
        let sentence = match ended {
            Ok(Ok(status)) if status.success() => None,
            Ok(Ok(status)) => Some(outcome(status)),
            Ok(Err(error)) => Some(format!("It cannot be waited for: {error}")),
            Err(_) => {
                Some(format!("It did not end within {} s and was stopped", self.config.timeout.as_secs_f64()))
            }
        };
        // Kills the group of a program that has not ended.
        drop(group);
        let Some(sentence) = sentence else {
            stop_listening.abort();
            return Ok(());
        };
        // Something in the background may hold the pipe open for ever.
        let words = timeout(LAST_WORDS, words).await;
        stop_listening.abort();
        match words.ok().and_then(Result::ok).flatten() {
            Some(words) => Err(format!("{sentence}: {words}")),
            None => Err(format!("{sentence}.")),
        }
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

fn outcome(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("It ended with status {code}"),
        None => "It was killed".to_owned(),
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
