use ota_api::{
    ApiError, human,
    recovery::{KeptBundle, Recovery, RestoreRequest, RestoreStarted, RollbackRequest, RollbackStarted},
    routes,
};
use ota_core::{JobState, RestoreSource, SlotId, Work};
use ota_engine::{JobView, RestoreOrder, RollbackOrder, Snapshot};

use super::{bad_request, instant, snapshot::snapshot};

/// The answer of `GET recovery`.
#[must_use]
pub fn recovery(state: &Snapshot) -> Recovery {
    let view = &state.recovery;
    Recovery {
        snapshots: view.snapshots.iter().map(snapshot).collect(),
        bundles: view.bundles.iter().map(kept_bundle).collect(),
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
pub fn rollback_started(view: &JobView, request: &RollbackRequest) -> RollbackStarted {
    let job = &view.job;
    let is_next = job.state.is_next() || matches!(job.state, JobState::Trial { .. } | JobState::Committed);
    RollbackStarted {
        action: request.action.clone(),
        status: if is_next { "completed" } else { job.status() }.to_owned(),
        from_partition: job.target.other(),
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
