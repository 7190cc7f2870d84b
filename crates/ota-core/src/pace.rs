//! What an installation is expected to take, from what the last ones took here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::JobId;

/// Bytes a second that are assumed of a step that has never been measured: slower than most gateways are.
const UNMEASURED: f64 = 2_000_000.0;
/// What a restart with its trial is assumed to take until one was measured.
const UNMEASURED_RESTART: Duration = Duration::from_secs(300);

/// A restart that seems to have taken longer was one of the clock.
const LONGEST_RESTART: Duration = Duration::from_secs(3 * 3600);

/// A step of an installation whose time depends on how much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    Fetch,
    Verify,
    Snapshot,
    Write,
    ReadBack,
}

/// How fast this gateway was the last time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pace {
    fetch: Option<f64>,
    verify: Option<f64>,
    snapshot: Option<f64>,
    write: Option<f64>,
    read_back: Option<f64>,
    /// Seconds from the order of a restart to the commit of the new system.
    restart: Option<f64>,
    /// The restart that is under way.
    restarting: Option<(JobId, Timestamp)>,
}

/// What is still to be done. Bytes; zero for what is done or not wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ahead {
    pub fetch: u64,
    pub verify: u64,
    pub snapshot: u64,
    pub write: u64,
    pub read_back: u64,
    pub restart: bool,
    /// How long the machine must have stood still, once for arming and once for the restart.
    pub clear_for: Duration,
}

impl Pace {
    /// Takes in that a pass over `bytes` took that long. What was over in a moment says little, and is not taken in.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn learn(&mut self, pass: Pass, bytes: u64, took: Duration) {
        if bytes == 0 || took.is_zero() {
            return;
        }
        *self.of_mut(pass) = Some(bytes as f64 / took.as_secs_f64());
    }

    /// The gateway restarts for `job`.
    pub fn begin_restart(&mut self, job: JobId, now: Timestamp) {
        self.restarting = Some((job, now));
    }

    /// The system that `job` restarted into is confirmed. A clock that was set meanwhile teaches nothing.
    pub fn end_restart(&mut self, job: &JobId, now: Timestamp) {
        let Some((_, began)) = self.restarting.take().filter(|(restarted, _)| restarted == job) else {
            return;
        };
        let took = Duration::try_from(now.duration_since(began)).ok();
        self.restart =
            took.filter(|took| *took < LONGEST_RESTART).map(|took| took.as_secs_f64()).or(self.restart);
    }

    /// What restart and trial are expected to take.
    #[must_use]
    pub fn restart(&self) -> Duration {
        let measured = self.restart.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        measured.unwrap_or(UNMEASURED_RESTART)
    }

    /// What a pass over `bytes` is expected to take.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn pass(&self, pass: Pass, bytes: u64) -> Duration {
        let speed = self.of(pass).filter(|speed| *speed >= 1.0).unwrap_or(UNMEASURED);
        Duration::try_from_secs_f64(bytes as f64 / speed).unwrap_or(Duration::MAX)
    }

    /// What all of it is expected to take, with a quarter on top: nobody waits in front of a window that is a little too short,
    /// but a machine that is needed in the morning.
    #[must_use]
    pub fn estimate(&self, ahead: &Ahead) -> Duration {
        let passes = [
            (Pass::Fetch, ahead.fetch),
            (Pass::Verify, ahead.verify),
            (Pass::Snapshot, ahead.snapshot),
            (Pass::Write, ahead.write),
            (Pass::ReadBack, ahead.read_back),
        ];
        let working = passes
            .iter()
            .fold(Duration::ZERO, |sum, (pass, bytes)| sum.saturating_add(self.pass(*pass, *bytes)));
        let still = ahead.clear_for.saturating_mul(if ahead.restart { 2 } else { 1 });
        let restart = if ahead.restart { self.restart() } else { Duration::ZERO };
        let all = working.saturating_add(still).saturating_add(restart);
        all.saturating_add(all / 4)
    }

    const fn of(&self, pass: Pass) -> Option<f64> {
        match pass {
            Pass::Fetch => self.fetch,
            Pass::Verify => self.verify,
            Pass::Snapshot => self.snapshot,
            Pass::Write => self.write,
            Pass::ReadBack => self.read_back,
        }
    }

    const fn of_mut(&mut self, pass: Pass) -> &mut Option<f64> {
        match pass {
            Pass::Fetch => &mut self.fetch,
            Pass::Verify => &mut self.verify,
            Pass::Snapshot => &mut self.snapshot,
            Pass::Write => &mut self.write,
            Pass::ReadBack => &mut self.read_back,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn what_was_measured_is_what_is_expected() {
        let mut pace = Pace::default();
        pace.learn(Pass::Fetch, 100 * MB, Duration::from_secs(10));
        pace.learn(Pass::Verify, 100 * MB, Duration::from_secs(1));
        pace.learn(Pass::Write, 100 * MB, Duration::from_secs(5));
        pace.learn(Pass::ReadBack, 100 * MB, Duration::from_secs(2));
        let (job, at) = (JobId::numbered(crate::JobKind::Update, 1), Timestamp::UNIX_EPOCH);
        pace.begin_restart(job.clone(), at);
        pace.end_restart(&job, at + Duration::from_secs(60));
        let all = Ahead {
            fetch: 200 * MB,
            verify: 200 * MB,
            snapshot: 0,
            write: 200 * MB,
            read_back: 200 * MB,
            restart: true,
            clear_for: Duration::from_secs(30),
        };
        let exact = 20 + 2 + 10 + 4 + 2 * 30 + 60;
        assert_eq!(pace.estimate(&all), Duration::from_secs(exact) * 5 / 4);
        let rest = Ahead { fetch: 0, restart: false, ..all };
        assert_eq!(pace.estimate(&rest), Duration::from_secs(2 + 10 + 4 + 30) * 5 / 4);
    }

    #[test]
    fn a_restart_is_that_of_its_job_and_no_jump_of_the_clock() {
        let (mut pace, at) = (Pace::default(), Timestamp::UNIX_EPOCH);
        let [one, two] = [1, 2].map(|number| JobId::numbered(crate::JobKind::Update, number));
        pace.begin_restart(one.clone(), at);
        pace.end_restart(&two, at + Duration::from_secs(60));
        assert_eq!(pace.restart(), UNMEASURED_RESTART);
        for end in [at + LONGEST_RESTART, at - Duration::from_secs(60)] {
            pace.begin_restart(one.clone(), at);
            pace.end_restart(&one, end);
            assert_eq!(pace.restart(), UNMEASURED_RESTART);
        }
    }

    #[test]
    fn nothing_measured_and_nonsense_are_no_excuse() {
        let pace = Pace::default();
        assert_eq!(pace.pass(Pass::Write, 20 * MB), Duration::from_secs(10));
        assert!(pace.restart() >= Duration::from_secs(60));
        let mut odd = Pace::default();
        odd.learn(Pass::Fetch, 0, Duration::from_secs(1));
        odd.learn(Pass::Fetch, 5, Duration::ZERO);
        assert_eq!(odd, Pace::default());
        let saved: Pace = serde_json::from_str(r#"{"fetch":-3.0,"restart":-1.0,"later":1}"#).unwrap();
        assert_eq!(saved.pass(Pass::Fetch, 20 * MB), Duration::from_secs(10));
        assert_eq!(saved.restart(), UNMEASURED_RESTART);
        assert!(saved.pass(Pass::Fetch, u64::MAX) > Duration::from_secs(1000));
    }
}
