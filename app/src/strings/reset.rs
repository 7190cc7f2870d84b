//! Sentences about a factory reset and what it installs.

use ota_api::{
    monitor::Progress,
    recovery::{RecoveryImage, RecoverySlot},
};

use super::words::{constraint, list, moment, restarts_by_itself};

/// The image in a word or two, with its age.
#[must_use]
pub fn image(image: Option<&RecoveryImage>) -> String {
    image.map_or_else(
        || "none; the running system stays".to_owned(),
        |image| format!("{}, {}, of {}", image.version, image.size, moment(&image.uploaded_at)),
    )
}

/// Whether the recovery slot would start.
#[must_use]
pub fn slot(slot: Option<&RecoverySlot>) -> String {
    match slot {
        None => "none on this gateway",
        Some(slot) if slot.ready => "starts when neither slot A nor slot B does",
        Some(_) => "holds nothing that starts: upload a recovery image",
    }
    .to_owned()
}

/// What runs afterwards.
#[must_use]
pub fn installs(image: Option<&RecoveryImage>) -> String {
    image.map_or_else(
        || "There is no recovery image: the system that runs now stays.".to_owned(),
        |image| format!("The recovery image {} is installed in the other slot and starts.", image.version),
    )
}

/// One sentence about the job; none where those of other jobs fit.
pub(super) fn sentence(job: &Progress) -> Option<String> {
    let (version, from) = (&job.update.version, &job.from_version);
    Some(match job.status.as_str() {
        "resetting" => format!(
            "{version} is verified and goes into slot {}. The data are reset at the restart.",
            job.target_partition
        ),
        "held" => {
            let names: Vec<String> = job.waiting_for.iter().map(|name| constraint(name).to_owned()).collect();
            format!("The factory reset waits for {} to be clear long enough.", list(&names))
        }
        "awaiting_reboot" if restarts_by_itself(job) => {
            "The gateway restarts and is reset to factory state.".to_owned()
        }
        "awaiting_reboot" => "The gateway is reset to factory state at the next restart.".to_owned(),
        "committed" | "completed" => format!("The gateway was reset to factory state and runs {version}."),
        "rolled_back" => {
            format!("The recovery image {version} did not prove itself. The gateway runs {from}.")
        }
        _ => return None,
    })
}
