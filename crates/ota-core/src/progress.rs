//! How far a job is, in percent.

use crate::{HoldPoint, InstallStep, JobState};

/// Share of the download operation that is the transfer; the rest is the verification.
const TRANSFER: f64 = 95.0;

/// Percentage of the operation that the last request started: the download (transfer and verification), then the
/// installation (writing, reading back, restart). `done` is the fraction of the running step, 0 to 1.
#[must_use]
pub fn percentage(state: &JobState, done: f64) -> f64 {
    let done = done.clamp(0.0, 1.0);
    match state {
        JobState::Queued | JobState::Held { at: HoldPoint::Download | HoldPoint::Write, .. } => 0.0,
        JobState::Downloading => done * TRANSFER,
        JobState::Verifying => TRANSFER + done * (100.0 - TRANSFER),
        JobState::Downloaded => 100.0,
        JobState::Installing { step: InstallStep::MarkBad } => 0.0,
        JobState::Installing { step: InstallStep::Write } => done * 65.0,
        JobState::Installing { step: InstallStep::ReadBack } => 65.0 + done * 25.0,
        JobState::Held { .. } | JobState::AwaitingReboot { .. } => 90.0,
        JobState::Trial { .. } => 95.0,
        JobState::Committed => 100.0,
        JobState::Cancelled { .. } | JobState::Failed { .. } | JobState::RolledBack { .. } => 0.0,
    }
}

/// Percentage of the whole way from the request to the committed boot, of a step that may be run again. What people see is
/// [`crate::Job::reached`], which does not go backwards. It is 100 only at the commit.
#[must_use]
pub fn overall_percentage(state: &JobState, done: f64) -> f64 {
    let part = percentage(state, done) / 100.0;
    match state {
        JobState::Queued
        | JobState::Downloading
        | JobState::Verifying
        | JobState::Downloaded
        | JobState::Held { at: HoldPoint::Download, .. } => part * 50.0,
        JobState::Committed => 100.0,
        JobState::Cancelled { .. } | JobState::Failed { .. } | JobState::RolledBack { .. } => 0.0,
        _ => 50.0 + part * 50.0,
    }
}
