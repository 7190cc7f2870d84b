//! What a job's changes of state say to people.

use ota_core::{Arming, HoldPoint, InstallStep, Job, JobKind, JobState, TurnStep};

use crate::ports::LogLevel;

/// How the reason begins with which a waiting download makes room for a newer one.
pub(crate) const SUPERSEDED: &str = "superseded by";

/// The line for the activity log when a job has come into its state.
pub(crate) fn line(job: &Job) -> (LogLevel, String) {
    let (id, version, slot) = (&job.id, job.work.version(), job.target);
    let info = |text: String| (LogLevel::Info, text);
    match &job.state {
        JobState::AwaitingReboot { armed: Arming::Yes } if job.work.resets_only() => {
            (LogLevel::Warning, format!("{id}: the gateway is reset at the next start"))
        }
        JobState::AwaitingReboot { .. } if job.work.resets_only() => {
            info(format!("{id}: the reset waits until the machine is still"))
        }
        JobState::Completed if job.work.kind() == JobKind::Reset => {
            info(format!("{id}: the gateway was reset to its factory state"))
        }
        JobState::AwaitingReboot { armed: Arming::Yes } if job.is_in_place() => {
            info(format!("{id}: slot {slot} is written with {version} in the next start"))
        }
        JobState::AwaitingReboot { .. } if job.is_in_place() => {
            info(format!("{id}: the order to write slot {slot} waits until the machine is still"))
        }
        JobState::Queued => info(format!("{id}: {version} was requested by {} for slot {slot}", job.actor)),
        JobState::Downloading => info(format!("{id}: downloading {version}")),
        JobState::Verifying => info(format!("{id}: verifying signature and content of {version}")),
        JobState::Downloaded => info(format!("{id}: {version} is verified and ready to be installed")),
        JobState::Creating => info(format!("{id}: taking a snapshot of slot {slot} with {version}")),
        JobState::Installing { step: InstallStep::Snapshot } => {
            info(format!("{id}: taking a snapshot of the running system first"))
        }
        JobState::Installing { step: InstallStep::ReadBack } if job.work.kind() == JobKind::Rollback => {
            info(format!("{id}: comparing slot {slot} with what was installed there"))
        }
        JobState::Installing { step: InstallStep::MarkBad } => {
            info(format!("{id}: slot {slot} is taken out of the boot order and will be written"))
        }
        JobState::Installing { step: InstallStep::Write } => info(format!("{id}: writing slot {slot}")),
        JobState::Installing { step: InstallStep::ReadBack } => {
            info(format!("{id}: slot {slot} is written, reading it back"))
        }
        JobState::Rolling { turn, step } => turn_line(job, *turn, step),
        JobState::AwaitingReboot { armed: Arming::Yes } => {
            info(format!("{id}: slot {slot} with {version} is next to start"))
        }
        JobState::AwaitingReboot { .. } => info(format!("{id}: slot {slot} is proven to hold {version}")),
        JobState::Held { at, reasons } => {
            let before = match at {
                HoldPoint::Download => "downloading",
                HoldPoint::Write => "writing the slot",
                HoldPoint::Arm => "making the new system next",
                HoldPoint::Reboot => "restarting",
                HoldPoint::GoBack { .. } => "going back to the proven system",
                HoldPoint::Component { turn, step } => {
                    let name = job.turn_name(*turn);
                    let before = match step {
                        TurnStep::PutBack { .. } => "putting back",
                        TurnStep::Ready | TurnStep::Activate | TurnStep::Check => "activating",
                        TurnStep::Plan | TurnStep::Write | TurnStep::ReadBack => "writing",
                    };
                    let text = format!("{id}: waiting before {before} {name}: {}", reasons.join(", "));
                    return (LogLevel::Warning, text);
                }
            };
            (LogLevel::Warning, format!("{id}: waiting before {before}: {}", reasons.join(", ")))
        }
        JobState::Trial { failed: None } => info(format!("{id}: {version} runs on trial on slot {slot}")),
        JobState::Trial { failed: Some(reason) } => {
            (LogLevel::Error, format!("{id}: {version} failed its trial: {reason}"))
        }
        JobState::Completed => info(format!("{id}: the snapshot of {version} is complete")),
        JobState::Committed if !job.has_come_to_slot() => {
            info(format!("{id}: {version} is installed") + &components(job))
        }
        JobState::Committed => {
            info(format!("{id}: {version} is confirmed on slot {slot}") + &components(job))
        }
        JobState::Cancelled { reason, .. } => {
            (LogLevel::Warning, format!("{id}: cancelled: {reason}") + &components(job))
        }
        JobState::Failed { failure } => {
            (LogLevel::Error, format!("{id}: {}", failure.message) + &components(job))
        }
        JobState::RolledBack { reason } => {
            (LogLevel::Error, format!("{id}: rolled back: {reason}") + &components(job))
        }
    }
}

/// Why the version of an ended job is not tried again without a person: it did not stay, or somebody cancelled it.
pub(crate) fn deterrent(state: &JobState) -> Option<String> {
    match state {
        JobState::Cancelled { reason, .. } if !reason.starts_with(SUPERSEDED) => {
            Some(format!("Cancelled: {reason}"))
        }
        state => failure(state),
    }
}

/// What became of the components, after a sentence or less.
fn components(job: &Job) -> String {
    job.components_sentence().map(|sentence| format!(". {sentence}")).unwrap_or_default()
}

fn turn_line(job: &Job, turn: usize, step: &TurnStep) -> (LogLevel, String) {
    let (id, name, version) = (&job.id, job.turn_name(turn), job.work.version());
    let text = match step {
        TurnStep::Plan => format!("{id}: the components of {version} come one at a time"),
        TurnStep::Write => format!("{id}: writing {name} {version}"),
        TurnStep::ReadBack => format!("{id}: {name} is written, reading it back"),
        TurnStep::Ready => format!("{id}: {name} is proven to hold {version}"),
        TurnStep::Activate => format!("{id}: activating {name} {version}"),
        TurnStep::Check => format!("{id}: {name} {version} is activated and has to pass its checks"),
        TurnStep::PutBack { reason } => {
            return (LogLevel::Error, format!("{id}: {name} {version} is put back: {reason}"));
        }
    };
    (LogLevel::Info, text)
}

/// Why an ended job did not bring its version to stay; `None` when it did, or when somebody cancelled it.
pub(crate) fn failure(state: &JobState) -> Option<String> {
    match state {
        JobState::RolledBack { reason } => Some(format!("Rolled back: {reason}")),
        JobState::Failed { failure } => Some(failure.message.clone()),
        _ => None,
    }
}
