//! What a job's changes of state mean to the audit log. The records are saved together with the state, so that neither is
//! there without the other.

use ota_core::{
    Arming, AuditAction, AuditEntry, AuditOutcome, InstallStep, Job, JobKind, JobState, TurnStep, Work,
};

/// What is to be recorded when `job` has come into its state from `before`. A cancel is recorded by whoever cancels.
pub(crate) fn entry(before: &JobState, job: &Job) -> Option<AuditEntry> {
    use {AuditAction as Action, AuditOutcome as Outcome, JobState as S};
    let (version, slot) = (job.work.version(), job.target);
    let (action, outcome, detail) = match &job.state {
        S::Downloaded
        | S::Rolling { step: TurnStep::Plan, .. }
        | S::Installing { step: InstallStep::MarkBad | InstallStep::Snapshot }
            if matches!(before, S::Verifying) =>
        {
            let signer = job.bundle.as_ref().map_or("unknown", |bundle| bundle.signer.as_str());
            let detail = format!("{version} is verified, signed by {signer}");
            (prepared(job), Outcome::Succeeded, detail)
        }
        S::AwaitingReboot { armed: Arming::No }
            if job.is_in_place() && matches!(before, S::Installing { .. }) =>
        {
            let kept = job.snapshot.as_ref().map_or("unknown", ota_core::JobId::as_str);
            (
                Action::Snapshot,
                Outcome::Succeeded,
                format!("{} of slot {slot} is kept as {kept}", job.from_version),
            )
        }
        S::AwaitingReboot { armed: Arming::No } if matches!(before, S::Installing { .. }) => {
            (written(job), Outcome::Succeeded, format!("slot {slot} holds {version}, proven"))
        }
        S::Rolling { turn, step: TurnStep::Check }
            if matches!(before, S::Rolling { step: TurnStep::Activate, .. }) =>
        {
            (Action::Arm, Outcome::Succeeded, format!("{} {version} is activated", job.turn_name(*turn)))
        }
        S::Rolling { turn, step: TurnStep::PutBack { reason } }
            if matches!(before, S::Rolling { step: TurnStep::Activate | TurnStep::Check, .. }) =>
        {
            let detail = format!("{} {version}: {reason}", job.turn_name(*turn));
            (Action::Commit, Outcome::failed("health_check_failed"), detail)
        }
        S::Committed if !job.has_come_to_slot() => {
            let components = job.components_sentence().unwrap_or_default();
            (Action::Commit, Outcome::Succeeded, format!("{version} is installed. {components}"))
        }
        S::Completed if matches!(job.work, Work::Reset(_)) => {
            (Action::FactoryReset, Outcome::Succeeded, "the data are reset".to_owned())
        }
        S::Completed => (Action::Snapshot, Outcome::Succeeded, format!("{version} of slot {slot} is kept")),
        state if state.is_next() && !before.is_next() && job.work.resets_only() => {
            (Action::Arm, Outcome::Succeeded, "the data are reset at the next start".to_owned())
        }
        state if state.is_next() && !before.is_next() && job.is_in_place() => (
            Action::Arm,
            Outcome::Succeeded,
            format!("slot {slot} is written with {version} in the next start"),
        ),
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
            let back = job.went_back_to().map_or_else(String::new, |version| format!("back to {version}: "));
            (Action::Rollback, Outcome::Succeeded, format!("{back}{reason}"))
        }
        S::Failed { failure } => {
            let outcome = Outcome::failed(failure.code.as_str());
            let action = if is_prepared(before) { written(job) } else { prepared(job) };
            (action, outcome, failure.message.clone())
        }
        _ => return None,
    };
    Some(AuditEntry::new(&job.actor, action, outcome).about(job.id.as_str()).saying(detail))
}

/// What it is called to bring the bytes of the job and to verify them.
const fn prepared(job: &Job) -> AuditAction {
    match job.work.kind() {
        JobKind::Update => AuditAction::Download,
        _ => written(job),
    }
}

/// What it is called to do the job's work on a slot.
const fn written(job: &Job) -> AuditAction {
    match job.work.kind() {
        JobKind::Update => AuditAction::Install,
        JobKind::Deploy => AuditAction::Deploy,
        JobKind::Restore => AuditAction::Restore,
        JobKind::Rollback => AuditAction::RollbackOrder,
        JobKind::Snapshot => AuditAction::Snapshot,
        JobKind::Reset => AuditAction::FactoryReset,
    }
}

/// Whether the bytes were complete and verified.
const fn is_prepared(before: &JobState) -> bool {
    !matches!(before, JobState::Queued | JobState::Downloading | JobState::Verifying)
}
