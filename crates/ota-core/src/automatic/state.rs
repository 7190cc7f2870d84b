//! What the scheduler remembers over restarts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::{Decision, checks::retry_pause};
use crate::JobId;

/// The longest pause between two attempts at a download.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The memory of the scheduler. It is durable before anything is done that it speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleState {
    pub last_check: Option<LastCheck>,
    last_download: Option<LastDownload>,
    /// The last ones, in the order in which they were begun.
    runs: Vec<Run>,
    /// Windows that begin no later than this are used: what is no longer in `runs` is not forgotten.
    used_up_to: Option<Timestamp>,
}

/// The last check, a person's included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCheck {
    /// When it was begun.
    pub at: Timestamp,
    /// Checks that failed, or never ended, since one succeeded.
    pub failures: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LastDownload {
    release: String,
    at: Timestamp,
    attempts: u32,
}

/// Something that the gateway began by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub act: Act,
    /// The start of the maintenance window that it used; none where it did not ask for one.
    pub window: Option<Timestamp>,
    pub began_at: Timestamp,
    /// None: it is under way, or nobody saw its end.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Installs the release of this id.
    Install { release: String },
    /// Restarts into what this job has installed.
    Reboot { job: JobId },
}

/// What came of a run. For the record: a used window is used, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    /// A sentence.
    Failed(String),
}

impl ScheduleState {
    /// How many runs are remembered one by one.
    pub const REMEMBERED: usize = 64;

    /// A memory that is lost: every window that began before `now` is used.
    #[must_use]
    pub fn used_until(now: Timestamp) -> Self {
        Self { used_up_to: Some(now), ..Self::default() }
    }

    /// Notes what is about to be done.
    pub fn begin(&mut self, decision: &Decision, now: Timestamp) {
        match decision {
            Decision::Check => self.begin_check(now),
            Decision::Download { release } => {
                let before = self.last_download.take().filter(|last| last.release == *release);
                let attempts = before.map_or(1, |last| last.attempts.saturating_add(1));
                self.last_download = Some(LastDownload { release: release.clone(), at: now, attempts });
            }
            Decision::Install { release, window, .. } => {
                let act = Act::Install { release: release.clone() };
                self.begin_run(act, window.map(|window| window.start), now);
            }
            Decision::Reboot { job, window } => {
                self.begin_run(Act::Reboot { job: job.clone() }, window.map(|window| window.start), now);
            }
            Decision::Wait { .. } => {}
        }
    }

    /// Takes back the run that was begun last, because it was refused before anything was done: its window is free again.
    pub fn withdraw(&mut self) {
        if self.runs.last().is_some_and(|run| run.outcome.is_none()) {
            self.runs.pop();
        }
    }

    /// Notes what came of the run that was begun last.
    pub fn finish(&mut self, outcome: Outcome) {
        if let Some(run) = self.runs.last_mut() {
            run.outcome = Some(outcome);
        }
    }

    /// A check begins, a person's as well: until it succeeds it counts as failed.
    pub fn begin_check(&mut self, now: Timestamp) {
        let failures = self.last_check.map_or(0, |last| last.failures).saturating_add(1);
        self.last_check = Some(LastCheck { at: now, failures });
    }

    /// The repository was asked and its answer is known.
    pub fn check_succeeded(&mut self) {
        if let Some(last) = &mut self.last_check {
            last.failures = 0;
        }
    }

    /// The run that was begun last.
    #[must_use]
    pub fn last_run(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// True when the window that begins at `start` has had its run.
    #[must_use]
    pub fn is_used(&self, start: Timestamp) -> bool {
        self.used_up_to.is_some_and(|end| start <= end)
            || self.runs.iter().any(|run| run.window == Some(start))
    }

    /// A moment from `from` on before which every window is used.
    pub(crate) fn unused_from(&self, from: Timestamp) -> Timestamp {
        self.used_up_to.map_or(from, |end| from.max(end))
    }

    pub(crate) fn has_installed_at_once(&self, release: &str) -> bool {
        self.at_once().any(|act| matches!(act, Act::Install { release: id } if id == release))
    }

    pub(crate) fn has_restarted_at_once(&self, job: &JobId) -> bool {
        self.at_once().any(|act| matches!(act, Act::Reboot { job: id } if id == job))
    }

    /// When the download of `release` may be tried again, if that is later than `now`.
    pub(super) fn download_due(&self, release: &str, now: Timestamp) -> Option<Timestamp> {
        let last = self.last_download.as_ref().filter(|last| last.release == release)?;
        let pause = retry_pause(last.attempts).min(LONGEST_PAUSE);
        // A clock that was set makes it due.
        let waits = last.at.duration_since(now).unsigned_abs() < pause;
        if waits { last.at.checked_add(pause).ok() } else { None }
    }

    /// What did not ask for a window.
    fn at_once(&self) -> impl Iterator<Item = &Act> {
        self.runs.iter().filter(|run| run.window.is_none()).map(|run| &run.act)
    }

    fn begin_run(&mut self, act: Act, window: Option<Timestamp>, now: Timestamp) {
        self.runs.push(Run { act, window, began_at: now, outcome: None });
        if self.runs.len() > Self::REMEMBERED {
            self.forget_one();
        }
    }

    /// Forgets a run. Of those with a window the earliest goes, and all windows up to it are taken as used; the others go in
    /// their order, as soon as they are more than half.
    fn forget_one(&mut self) {
        let older = self.runs.len().saturating_sub(1);
        if self.at_once().count() > Self::REMEMBERED / 2 {
            let oldest = self.runs.iter().position(|run| run.window.is_none());
            self.runs.remove(oldest.unwrap_or_default());
            return;
        }
        let earliest = self.runs.iter().take(older).filter_map(|run| run.window).min();
        let forgotten = self.runs.iter().position(|run| run.window == earliest);
        self.runs.remove(forgotten.unwrap_or_default());
        self.used_up_to = self.used_up_to.max(earliest);
    }
}
