//! How far a job is, in percent.

use crate::{HoldPoint, InstallStep, Job, JobKind, JobState, Strategy, TurnStep};

/// Share of the download operation that is the transfer; the rest is the verification.
const TRANSFER: f64 = 95.0;
/// Where the shares of an operation that ends in a restart begin: the restart itself, and the trial.
const RESTART: f64 = 90.0;
const TRIAL: f64 = 95.0;

/// The shares of an installation, in percent: each step begins where the one before ends.
struct Shares {
    verify: f64,
    snapshot: f64,
    components: f64,
    write: f64,
}

impl Shares {
    fn of(job: &Job) -> Self {
        // An update was verified by the operation before.
        let verify = if job.work.kind() == JobKind::Update { 0.0 } else { 15.0 };
        let with_snapshot = job.order.is_some_and(|order| order.create_snapshot);
        let snapshot = match with_snapshot {
            // The slot is written in the restart.
            _ if job.is_in_place() => RESTART,
            true => verify + 20.0,
            false => verify,
        };
        let alone = job.bundle.as_ref().is_some_and(|bundle| !bundle.has_root());
        let components = match job.strategy() {
            Strategy::Rolling if alone => 100.0,
            Strategy::Rolling => snapshot + 20.0,
            _ => snapshot,
        };
        Self { verify, snapshot, components, write: 65.0 }
    }

    /// Where a step of a component's turn is, of which the fraction `done` is behind it.
    #[expect(clippy::cast_precision_loss, reason = "turns are few")]
    fn turn(&self, job: &Job, turn: usize, step: &TurnStep, done: f64) -> f64 {
        let turns = job.turns.as_ref().map_or(1, Vec::len).max(1) as f64;
        let (behind, share) = step.share();
        let of_all = (turn as f64 + behind + done * share) / turns;
        self.snapshot + of_all * (self.components - self.snapshot)
    }
}

/// Percentage of the operation that the last request started: the download (transfer and verification), then the
/// installation (snapshot, writing, reading back, restart); of another kind of job, all of it. `done` is the fraction of the
/// running step, 0 to 1.
#[must_use]
pub fn percentage(job: &Job, done: f64) -> f64 {
    let done = done.clamp(0.0, 1.0);
    let within = |from: f64, to: f64| from + done * (to - from);
    let shares = Shares::of(job);
    let kind = job.work.kind();
    match &job.state {
        JobState::Queued | JobState::Held { at: HoldPoint::Download, .. } => 0.0,
        JobState::Rolling { turn, step } => shares.turn(job, *turn, step, done),
        JobState::Held { at: HoldPoint::Component { turn, step }, .. } => shares.turn(job, *turn, step, 0.0),
        JobState::Downloading => within(0.0, TRANSFER),
        JobState::Verifying if kind == JobKind::Update => within(TRANSFER, 100.0),
        JobState::Verifying => within(0.0, shares.verify),
        JobState::Creating => within(0.0, 100.0),
        JobState::Installing { step: InstallStep::Snapshot } => within(shares.verify, shares.snapshot),
        JobState::Installing { step: InstallStep::MarkBad } | JobState::Held { at: HoldPoint::Write, .. } => {
            shares.components
        }
        JobState::Installing { step: InstallStep::Write } => within(shares.components, shares.write),
        JobState::Installing { step: InstallStep::ReadBack } if kind == JobKind::Rollback => {
            within(0.0, RESTART)
        }
        JobState::Installing { step: InstallStep::ReadBack } => within(shares.write, RESTART),
        JobState::Held { .. } | JobState::AwaitingReboot { .. } => RESTART,
        JobState::Trial { .. } => TRIAL,
        JobState::Downloaded | JobState::Committed | JobState::Completed => 100.0,
        JobState::Cancelled { .. } | JobState::Failed { .. } | JobState::RolledBack { .. } => 0.0,
    }
}

/// Percentage of the whole way from the request to the end, for an update the committed boot, of a step that may be run again.
/// What people see is [`crate::Job::reached`], which does not go backwards. It is 100 only at the end.
#[must_use]
pub fn overall_percentage(job: &Job, done: f64) -> f64 {
    let shown = percentage(job, done);
    match &job.state {
        JobState::Committed | JobState::Completed => 100.0,
        JobState::Cancelled { .. } | JobState::Failed { .. } | JobState::RolledBack { .. } => 0.0,
        // The end is still to be made durable.
        _ if job.work.kind() != JobKind::Update => shown.min(99.0),
        JobState::Queued
        | JobState::Downloading
        | JobState::Verifying
        | JobState::Downloaded
        | JobState::Held { at: HoldPoint::Download, .. } => shown / 2.0,
        _ => (50.0 + shown / 2.0).min(99.0),
    }
}
