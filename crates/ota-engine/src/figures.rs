//! How far a job is: bytes, smoothed speed, time left.

use ota_core::{CheckReport, Job, JobState, TrialChecks, percentage};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::ports::Meter;

/// Weight of the newest sample in the smoothed speed.
const WEIGHT: f64 = 0.25;

/// Figures of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Of the operation that the last request started.
    pub percentage: f64,
    /// Of the whole way to the committed boot, as far as it is durable: it never goes backwards.
    pub overall: f64,
    /// Bytes a second, smoothed.
    pub speed: f64,
    /// Bytes of the running step.
    pub done: u64,
    pub total: u64,
    /// Time until the running step is done.
    pub eta: Option<Duration>,
}

impl Figures {
    /// Figures of a job that nobody works on.
    #[must_use]
    pub fn resting(job: &Job) -> Self {
        let total = job.work.length();
        let done = if matches!(job.state, JobState::Queued) { 0 } else { total };
        let shown = match &job.state {
            JobState::Cancelled { percentage, .. } => *percentage,
            _ => percentage(job, 0.0),
        };
        Self { percentage: shown, overall: job.reached, done, total, ..Self::default() }
    }
}

/// Follows a running job.
#[derive(Debug, Default)]
pub struct Gauge {
    pub meter: Meter,
    pace: Mutex<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    speed: f64,
    last: Option<(Duration, u64)>,
    /// The meter is that of the job's step, and not still that of the one before.
    in_step: bool,
    /// The checks that are being asked, and since when on the boot clock.
    trial: Option<(TrialChecks, Duration)>,
}

/// A health check of the job, and how long it may still be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckView {
    pub report: CheckReport,
    /// While it is waited for.
    pub left: Option<Duration>,
}

impl CheckView {
    /// How the checks ended that are not asked any more.
    pub(crate) fn ended(job: &Job) -> Vec<Self> {
        job.checks.iter().map(|report| Self { report: report.clone(), left: None }).collect()
    }
}

impl Gauge {
    /// A new step begins: the old pace says nothing about it.
    pub fn begin_step(&self, total: u64) {
        self.meter.begin(0, total);
        let mut pace = self.lock();
        (pace.speed, pace.last, pace.in_step) = (0.0, None, true);
    }

    /// The step is over; what the meter shows says nothing about the next one.
    pub fn end_step(&self) {
        let mut pace = self.lock();
        (pace.in_step, pace.trial) = (false, None);
    }

    /// How the checks stand that are asked since `began` on the boot clock.
    pub fn show_checks(&self, checks: &TrialChecks, began: Duration) {
        self.lock().trial = Some((checks.clone(), began));
    }

    /// The checks that are asked, and the time until nothing is waited for any more; `None` when none are.
    pub fn checks(&self, now: Duration) -> Option<(Vec<CheckView>, Duration)> {
        let pace = self.lock();
        let (checks, began) = pace.trial.as_ref()?;
        let elapsed = now.saturating_sub(*began);
        let view = |(index, report): (usize, &CheckReport)| CheckView {
            report: report.clone(),
            left: checks.is_waiting(index).then(|| checks.left(index, elapsed)),
        };
        Some((checks.reports().enumerate().map(view).collect(), checks.longest_left(elapsed)))
    }

    /// Takes a sample at `now` (boot clock).
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub fn sample(&self, job: &Job, now: Duration) -> Figures {
        let (done, total) = self.meter.read();
        let mut pace = self.lock();
        match pace.last {
            Some((at, before)) if now > at && done >= before => {
                let rate = (done - before) as f64 / (now - at).as_secs_f64();
                pace.speed = if pace.speed > 0.0 { pace.speed + WEIGHT * (rate - pace.speed) } else { rate };
                pace.last = Some((now, done));
            }
            Some((at, _)) if now == at => {}
            _ => pace.last = Some((now, done)),
        }
        let missing = total.saturating_sub(done) as f64;
        let eta = (pace.speed >= 1.0 && total > 0)
            .then(|| Duration::try_from_secs_f64((missing / pace.speed).ceil()).unwrap_or(Duration::MAX));
        Figures {
            percentage: percentage(job, pace.fraction(done, total)),
            overall: job.reached,
            speed: pace.speed,
            done,
            total,
            eta,
        }
    }

    /// The fraction of the running step that is done, 0 to 1.
    pub fn fraction(&self) -> f64 {
        let (done, total) = self.meter.read();
        self.lock().fraction(done, total)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn fraction(&self, done: u64, total: u64) -> f64 {
        if total == 0 || !self.in_step { 0.0 } else { done as f64 / total as f64 }
    }
}
