//! A job as words and sentences.

use ota_api::{Strategy, monitor::Progress};

use super::{advice, constraint, list, sentence_start};
use crate::ui::Tone;

/// The word of a job's state, in the form of a label.
#[must_use]
pub fn job_state(job: &Progress) -> (&'static str, Tone) {
    match job.status.as_str() {
        "queued" => ("queued", Tone::Busy),
        "downloading" => ("downloading", Tone::Busy),
        "verifying" => ("verifying", Tone::Busy),
        "downloaded" => ("downloaded", Tone::Good),
        "installing" => ("installing", Tone::Busy),
        "held" if awaits_window(job) => ("waiting for the window", Tone::Neutral),
        "held" => ("waiting for safety", Tone::Warn),
        "awaiting_reboot" if restarts_by_itself(job) => ("restarting", Tone::Busy),
        "awaiting_reboot" => ("waiting for the restart", Tone::Warn),
        "trial" => ("on trial", Tone::Busy),
        "deploying" => ("deploying", Tone::Busy),
        "restoring" => ("restoring", Tone::Busy),
        "checking" => ("being checked", Tone::Busy),
        "resetting" => ("being prepared", Tone::Busy),
        "creating" => ("being taken", Tone::Busy),
        "completed" => ("completed", Tone::Good),
        "committed" => ("installed", Tone::Good),
        "cancelled" => ("cancelled", Tone::Neutral),
        "failed" => ("failed", Tone::Bad),
        "rolled_back" => ("rolled back", Tone::Bad),
        _ => ("working", Tone::Busy),
    }
}

/// True when the restart into the new system is about to happen without anybody's help.
#[must_use]
pub fn restarts_by_itself(job: &Progress) -> bool {
    job.status == "awaiting_reboot" && job.armed && job.reboot_after == Some(true)
}

/// The running slot is updated, in a restart.
fn in_place(job: &Progress) -> bool {
    job.strategy == Some(Strategy::InPlace)
}

/// The step that runs, named as a person would.
#[must_use]
pub fn step(job: &Progress) -> String {
    let slot = job.target_partition;
    match job.progress.current_operation.as_str() {
        "queued" => "Waiting to start".to_owned(),
        "downloading" => "Downloading the bundle".to_owned(),
        "verifying" => "Verifying signature and content".to_owned(),
        "creating_snapshot" => "Taking the snapshot".to_owned(),
        "waiting_for_reboot" => "Waiting for the restart".to_owned(),
        "waiting_for_window" => "Waiting for the maintenance window".to_owned(),
        "waiting_for_safety" => "Waiting for safety constraints".to_owned(),
        "health_checks" => "Running the health checks".to_owned(),
        "rolling_back" => format!("Going back to {}", job.from_version),
        "none" => crate::strings::NONE.to_owned(),
        "planning_components" => "Looking at the components".to_owned(),
        other if other.starts_with("preparing_partition") => format!("Preparing slot {slot}"),
        other if other.starts_with("flashing_partition") => format!("Writing slot {slot}"),
        other if other.starts_with("verifying_partition") => format!("Reading slot {slot} back"),
        other => sentence_start(&other.replace('_', " ")),
    }
}

/// One sentence: what happens to the gateway now, or what became of it.
#[must_use]
pub fn job_sentence(job: &Progress) -> String {
    if job.kind == "factory_reset"
        && let Some(sentence) = crate::strings::reset::sentence(job)
    {
        return sentence;
    }
    let (version, slot, from) = (&job.update.version, job.target_partition, &job.from_version);
    match job.status.as_str() {
        "queued" => "The operation starts in a moment.".to_owned(),
        "creating" => format!("What is in slot {slot} is kept. The gateway keeps running {from}."),
        "checking" => format!("Slot {slot} is compared with what was installed in it."),
        "deploying" | "restoring" => {
            format!("{version} is verified and goes into slot {slot}. The gateway keeps running {from}.")
        }
        "completed" if job.kind == "snapshot" => format!("{version} of slot {slot} can be restored."),
        "downloading" => {
            format!("The bundle comes from the update server. The gateway keeps running {from}.")
        }
        "verifying" => "Signature, manifest and every block of the image are checked.".to_owned(),
        "downloaded" => {
            format!("{version} is downloaded and verified. Nothing changes until you install it.")
        }
        "installing" if in_place(job) => {
            format!("{from} is kept as a snapshot before slot {slot} is updated in place.")
        }
        "awaiting_reboot" if in_place(job) && restarts_by_itself(job) => {
            format!("The gateway restarts and writes {version} into slot {slot} before it comes back.")
        }
        "awaiting_reboot" if in_place(job) && job.armed => {
            format!(
                "{version} is written into slot {slot} at the next restart. Restart the gateway when it suits."
            )
        }
        "awaiting_reboot" if in_place(job) => {
            format!("Writing slot {slot} in the next start is being ordered.")
        }
        "rolled_back" if in_place(job) && job.back_to.is_none() => {
            format!("{version} did not prove itself, and the other slot runs.")
        }
        "installing" if of_component(job) => {
            format!("The components of {version} come one at a time. One that is not well is put back.")
        }
        "installing" => format!("{version} goes into slot {slot}. The gateway keeps running {from}."),
        "held" => held_sentence(job),
        "awaiting_reboot" if restarts_by_itself(job) => {
            format!("The gateway restarts into {version} on slot {slot}.")
        }
        "awaiting_reboot" if job.armed => {
            format!(
                "{version} starts from slot {slot} at the next restart. Restart the gateway when it suits."
            )
        }
        "awaiting_reboot" => format!("Slot {slot} is proven and is being made the next one."),
        "trial" if job.progress.current_operation == "rolling_back" => {
            format!("{version} failed a health check. The gateway goes back to {from}.")
        }
        "trial" => format!("Running {version} on slot {slot}. It stays if it passes its health checks."),
        "committed" if !job.components.is_empty() => {
            job.outcome.as_ref().map(|outcome| outcome.message.clone()).unwrap_or_default()
        }
        "cancelled" | "failed" if !job.components.is_empty() => {
            let how = if job.status == "failed" { "failed" } else { "was cancelled" };
            format!(
                "{} {how}. The gateway runs {from}; what its components are is said below.",
                job_name(job)
            )
        }
        "committed" | "completed" => {
            format!("Running {version} on slot {slot}. It passed its health checks and is confirmed.")
        }
        "cancelled" => format!("{} was cancelled. The gateway runs {from}, unchanged.", job_name(job)),
        "failed" => format!("{} failed. The gateway runs {from}, unchanged.", job_name(job)),
        "rolled_back" => format!("{version} did not prove itself. The gateway runs {from} again."),
        other => other.replace('_', " "),
    }
}

/// Whether a component has its turn: the operation names no partition.
fn of_component(job: &Progress) -> bool {
    let operation = &job.progress.current_operation;
    !operation.contains("_partition_") && operation != "creating_snapshot"
}

/// What is done, at the beginning of a sentence or as a heading.
#[must_use]
pub fn job_name(job: &Progress) -> String {
    let version = &job.update.version;
    match job.kind.as_str() {
        "deploy" => format!("Deployment of {version}"),
        "restore" => format!("Restore of {version}"),
        "rollback" => format!("Rollback to {version}"),
        "snapshot" => format!("Snapshot of {version}"),
        "factory_reset" => crate::strings::recovery::FACTORY.to_owned(),
        _ => format!("{} to {version}", crate::strings::monitor::JOB),
    }
}

/// It rests until the next maintenance window, or until somebody restarts the gateway.
#[must_use]
pub fn awaits_window(job: &Progress) -> bool {
    job.progress.current_operation == "waiting_for_window"
}

/// A component is written and not current yet.
#[must_use]
pub fn before_component(job: &Progress) -> bool {
    job.held_before.as_deref() == Some("activate_component")
}

fn rests_sentence(job: &Progress) -> String {
    let version = &job.update.version;
    if before_component(job) {
        return format!(
            "The next component of {version} is written and proven. It is activated in a maintenance window if restarts are automatic, or \
             when you press Go On Now."
        );
    }
    format!(
        "{version} is ready for slot {}. The gateway restarts in a maintenance window if restarts are automatic, or when you press \
         Restart Now.",
        job.target_partition
    )
}

fn held_sentence(job: &Progress) -> String {
    if awaits_window(job) {
        return rests_sentence(job);
    }
    let names: Vec<String> = job.waiting_for.iter().map(|name| constraint(name).to_owned()).collect();
    let waits = format!("waits for {} to be clear long enough", list(&names));
    let (version, slot) = (&job.update.version, job.target_partition);
    match job.held_before.as_deref() {
        Some("download") => format!("Downloading {version} {waits}."),
        Some("write") => format!("{version} is downloaded and verified. Writing slot {slot} {waits}."),
        Some("write_component") => {
            format!("{version} is downloaded and verified. Writing its next component {waits}.")
        }
        Some("activate_component") => format!("A component is written and proven. Activating it {waits}."),
        Some("put_back_component") => format!("A component of {version} failed. Putting it back {waits}."),
        Some("go_back") => {
            format!("{version} failed its trial. The restart back to {} {waits}.", job.from_version)
        }
        Some("arm") if job.reboot_after == Some(false) && !in_place(job) => {
            format!("Slot {slot} is written and proven. Selecting it for the next boot {waits}.")
        }
        _ if in_place(job) => {
            format!("{} is kept as a snapshot. Writing slot {slot} in a restart {waits}.", job.from_version)
        }
        _ => format!("Slot {slot} is written and proven. The restart into {version} {waits}."),
    }
}

/// What a person can do after a job that did not stay.
#[must_use]
pub fn outcome_advice(job: &Progress) -> Option<&'static str> {
    match job.status.as_str() {
        "rolled_back" => Some(
            "The gateway does not try this version again by itself. Read the log for the check that failed, and ask the \
             publisher for a corrected release.",
        ),
        "failed" => job.outcome.as_ref().and_then(|o| o.code).and_then(advice),
        _ => None,
    }
}

/// Heading of the job's card.
#[must_use]
pub fn job_title(job: Option<&Progress>) -> String {
    job.map_or_else(|| crate::strings::monitor::IDLE.to_owned(), job_name)
}
