//! What a job's changes of state mean to the audit log. The records are saved together with the state, so that neither is
//! there without the other.

use ota_core::{Arming, AuditAction, AuditEntry, AuditOutcome, InstallStep, Job, JobState};

/// What is to be recorded when `job` has come into its state from `before`. A cancel is recorded by whoever cancels.
pub(crate) fn entry(before: &JobState, job: &Job) -> Option<AuditEntry> {
    use {AuditAction as Action, AuditOutcome as Outcome, JobState as S};
    let (version, slot) = (&job.release.version, job.target);
    let (action, outcome, detail) = match &job.state {
        S::Downloaded | S::Installing { step: InstallStep::MarkBad } if matches!(before, S::Verifying) => {
            let signer = job.bundle.as_ref().map_or("unknown", |bundle| bundle.signer.as_str());
            let detail = format!("{version} is verified, signed by {signer}");
            (Action::Download, Outcome::Succeeded, detail)
        }
        S::AwaitingReboot { armed: Arming::No } if matches!(before, S::Installing { .. }) => {
            (Action::Install, Outcome::Succeeded, format!("{version} is written to slot {slot} and proven"))
        }
        state if state.is_next() && !before.is_next() => {
            (Action::Arm, Outcome::Succeeded, format!("slot {slot} with {version} starts next"))
        }
        S::Trial { failed: Some(reason) } if matches!(before, S::Trial { failed: None }) => {
            (Action::Commit, Outcome::failed("health_check_failed"), reason.clone())
        }
        S::Committed => {
            (Action::Commit, Outcome::Succeeded, format!("{version} is confirmed on slot {slot}"))
        }
        S::RolledBack { reason } => {
            (Action::Rollback, Outcome::Succeeded, format!("back to {}: {reason}", job.from_version))
        }
        S::Failed { failure } => {
            let outcome = Outcome::failed(failure.code.as_str());
            (failed_action(before), outcome, failure.message.clone())
        }
        _ => return None,
    };
    Some(AuditEntry::new(&job.actor, action, outcome).about(job.id.as_str()).saying(detail))
}

const fn failed_action(before: &JobState) -> AuditAction {
    match before {
        JobState::Queued | JobState::Downloading | JobState::Verifying => AuditAction::Download,
        _ => AuditAction::Install,
    }
}
