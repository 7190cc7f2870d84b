use ota_api::{
    ApiError, human,
    recovery::{
        FactoryRequest, FactoryStarted, KeptBundle, Recovery, RecoveryImage, RecoverySlot, RecoveryUploaded,
        RestoreRequest, RestoreStarted, RollbackRequest, RollbackStarted,
    },
    routes,
};
use ota_core::{JobState, RestoreSource, Running, SlotId, Work, file_label};
use ota_engine::{FactoryOrder, JobView, RestoreOrder, RollbackOrder, Snapshot};
use std::time::Duration;

use super::{bad_request, instant, snapshot::snapshot};

/// The answer of `GET recovery`.
#[must_use]
pub fn recovery(state: &Snapshot) -> Recovery {
    let view = &state.recovery;
    Recovery {
        snapshots: view.snapshots.iter().map(snapshot).collect(),
        bundles: view.bundles.iter().map(kept_bundle).collect(),
        recovery_image: view.image.as_ref().map(recovery_image),
        recovery_slot: view.has_slot.then(|| recovery_slot(state.boot.recovery.unwrap_or(0))),
        rollback_refused: state.rollback_refused(),
    }
}

fn kept_bundle(kept: &ota_engine::ports::KeptBundle) -> KeptBundle {
    KeptBundle {
        version: kept.bundle.version.clone(),
        size: human::size(kept.length),
        size_bytes: kept.length,
        checksum: format!("sha256:{}", kept.sha256),
        kept_since: instant(kept.since),
        restores: human::size(kept.bundle.image_bytes()),
        restores_bytes: kept.bundle.image_bytes(),
    }
}

const fn recovery_slot(tries: u8) -> RecoverySlot {
    RecoverySlot { ready: tries > 0, tries_left: tries }
}

fn recovery_image(kept: &ota_engine::ports::KeptBundle) -> RecoveryImage {
    RecoveryImage {
        version: kept.bundle.version.clone(),
        size: human::size(kept.length),
        size_bytes: kept.length,
        checksum: format!("sha256:{}", kept.sha256),
        uploaded_at: instant(kept.since),
    }
}

/// What `POST recovery/rollback` orders.
///
/// # Errors
/// An action that does not exist and a reason that is missing.
pub fn rollback_order(request: &RollbackRequest) -> Result<RollbackOrder, ApiError> {
    let to = match request.action.as_str() {
        "rollback_to_a" => SlotId::A,
        "rollback_to_b" => SlotId::B,
        _ => return Err(bad_request("action must be rollback_to_a or rollback_to_b.")),
    };
    let reason = super::reason(&request.reason)?;
    if reason.is_empty() {
        return Err(bad_request("A rollback needs a reason: it goes into the audit log."));
    }
    Ok(RollbackOrder { to, reason: reason.to_owned() })
}

/// The answer of `POST recovery/rollback`.
#[must_use]
pub fn rollback_started(view: &JobView, running: Running, request: &RollbackRequest) -> RollbackStarted {
    let job = &view.job;
    let is_next = job.state.is_next() || matches!(job.state, JobState::Trial { .. } | JobState::Committed);
    RollbackStarted {
        action: request.action.clone(),
        status: if is_next { "completed" } else { job.status() }.to_owned(),
        from_partition: running.to_string(),
        to_partition: job.target,
        from_version: job.from_version.clone(),
        to_version: job.work.version().to_owned(),
        reboot_required: true,
        job_id: job.id.to_string(),
        progress_url: routes::progress_url(job.id.as_str()),
    }
}

/// What `POST recovery/restore` orders.
#[must_use]
pub fn restore_order(request: RestoreRequest) -> RestoreOrder {
    RestoreOrder {
        version: request.version,
        target: request.target_partition,
        snapshot: request.snapshot_id,
        reboot_after: request.reboot_after,
    }
}

/// The answer of `POST recovery/restore`.
#[must_use]
pub fn restore_started(view: &JobView) -> RestoreStarted {
    let job = &view.job;
    let source = match &job.work {
        Work::Restore(restored) => match &restored.from {
            RestoreSource::Snapshot { id } => id.clone(),
            RestoreSource::Bundle { .. } => "bundle".to_owned(),
        },
        _ => String::new(),
    };
    RestoreStarted {
        job_id: job.id.to_string(),
        status: job.status().to_owned(),
        version: job.work.version().to_owned(),
        target_partition: job.target,
        source,
        progress_url: routes::progress_url(job.id.as_str()),
    }
}

/// Characters of a reason for what cannot be taken back.
const SHORTEST_REASON: usize = 10;

/// What `POST recovery/factory` orders.
///
/// # Errors
/// What is missing: the confirmation, or a reason.
pub fn factory_order(request: FactoryRequest) -> Result<FactoryOrder, ApiError> {
    if !request.confirm {
        return Err(bad_request("A factory reset needs confirm: true."));
    }
    let reason = super::reason(&request.reason)?;
    if reason.chars().count() < SHORTEST_REASON {
        let message = format!("A factory reset needs a reason of at least {SHORTEST_REASON} characters.");
        return Err(bad_request(message));
    }
    let reason = reason.to_owned();
    Ok(FactoryOrder { pin: request.pin, wipe_data: request.wipe_data, reason })
}

/// The answer of `POST recovery/factory`.
#[must_use]
pub fn factory_started(view: &JobView, takes: Duration) -> FactoryStarted {
    FactoryStarted {
        status: "started".to_owned(),
        operation: "factory_reset".to_owned(),
        estimated_duration: human::hours(takes.as_secs()),
        job_id: view.job.id.to_string(),
        progress_url: routes::progress_url(view.job.id.as_str()),
    }
}

/// The answer of `POST recovery/upload`.
#[must_use]
pub fn recovery_uploaded(kept: &ota_engine::ports::KeptBundle, name: &str) -> RecoveryUploaded {
    RecoveryUploaded {
        uploaded: true,
        filename: file_label(name),
        size: human::size(kept.length),
        size_bytes: kept.length,
        checksum: format!("sha256:{}", kept.sha256),
        version: kept.bundle.version.clone(),
    }
}
