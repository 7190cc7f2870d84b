//! The operation gate: one operation at a time.
//!
//! It is held while a job downloads, verifies, takes a snapshot, writes, arms, reboots or is on trial. `Downloaded` does not hold it: a newer
//! download supersedes the waiting one. A job that waits for its reboot, or for a maintenance window to reboot in,
//! refuses only what would write a slot.

use crate::{Job, JobId, JobState, Work};

/// What somebody wants to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation<'a> {
    /// Download the file with this SHA-256; `writes_slot` when the installation follows by itself.
    Download { sha256: &'a str, writes_slot: bool },
    /// Install a downloaded job.
    Install { job: &'a JobId },
    /// Bring something else into a slot, or make the other slot next.
    ChangeSlot,
    /// Keep a slot as it is.
    Snapshot,
}

/// The gate lets the operation in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may start. Waiting downloads named here are superseded by it.
    Start { superseded: Vec<JobId> },
    /// The very thing has been downloaded and verified already by this job.
    AlreadyDone { job: JobId },
}

/// The gate is held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("job {holder} is {state}")]
pub struct Refusal {
    pub holder: JobId,
    pub state: &'static str,
}

/// Decides about `operation` while `open` jobs exist.
///
/// # Errors
/// [`Refusal`] names the job that holds the gate.
pub fn admit(operation: &Operation<'_>, open: &[Job]) -> Result<Admission, Refusal> {
    let writes_slot = match operation {
        Operation::Download { writes_slot, .. } => *writes_slot,
        Operation::Install { .. } | Operation::ChangeSlot => true,
        Operation::Snapshot => false,
    };
    if let Some(holder) = open.iter().find(|job| holds(&job.state, writes_slot)) {
        return Err(Refusal { holder: holder.id.clone(), state: holder.status() });
    }
    let mut waiting = open.iter().filter(|job| matches!(job.state, JobState::Downloaded));
    match operation {
        Operation::Download { sha256, .. } => {
            let is_same = |job: &&Job| matches!(&job.work, Work::Release(r) if r.target.sha256 == *sha256);
            if let Some(same) = waiting.clone().find(is_same) {
                return Ok(Admission::AlreadyDone { job: same.id.clone() });
            }
            Ok(Admission::Start { superseded: waiting.map(|job| job.id.clone()).collect() })
        }
        Operation::Install { job } => {
            let superseded = waiting.by_ref().filter(|other| other.id != **job).map(|other| other.id.clone());
            Ok(Admission::Start { superseded: superseded.collect() })
        }
        // A waiting download stays: it can still be installed afterwards.
        Operation::ChangeSlot | Operation::Snapshot => Ok(Admission::Start { superseded: Vec::new() }),
    }
}

/// Whether a job in this state keeps others out.
fn holds(state: &JobState, writes_slot: bool) -> bool {
    match state {
        state if state.awaits_window() => writes_slot,
        JobState::Queued
        | JobState::Downloading
        | JobState::Verifying
        | JobState::Creating
        | JobState::Installing { .. }
        | JobState::Rolling { .. }
        | JobState::Held { .. }
        | JobState::Trial { .. } => true,
        JobState::AwaitingReboot { .. } => writes_slot,
        JobState::Downloaded
        | JobState::Committed
        | JobState::Completed
        | JobState::Cancelled { .. }
        | JobState::Failed { .. }
        | JobState::RolledBack { .. } => false,
    }
}
