use ota_api::{
    human, routes,
    snapshot::{Snapshot, SnapshotRequest, SnapshotStarted},
};
use ota_engine::{JobView, SnapshotCommand, ports::SnapshotFacts};
use std::time::Duration;

use super::instant;

pub(super) fn snapshot(facts: &SnapshotFacts) -> Snapshot {
    Snapshot {
        id: facts.id.clone(),
        name: facts.name.clone(),
        description: facts.description.clone(),
        created_at: instant(facts.at),
        partition: facts.slot,
        version: facts.content.version.clone(),
        kernel: facts.content.kernel.clone().unwrap_or_else(|| "unknown".to_owned()),
        size: human::size(facts.own_bytes),
        size_bytes: facts.own_bytes,
        restores: human::size(facts.restores()),
        restores_bytes: facts.restores(),
        damaged: facts.damaged.clone(),
    }
}

/// What `POST snapshot` orders.
#[must_use]
pub fn snapshot_command(request: SnapshotRequest) -> SnapshotCommand {
    SnapshotCommand { name: request.name, description: request.description, slot: request.partition }
}

/// The answer of `POST snapshot`.
#[must_use]
pub fn snapshot_started(view: &JobView, estimated: Duration) -> SnapshotStarted {
    let id = view.job.id.to_string();
    SnapshotStarted {
        status: view.job.status().to_owned(),
        // What takes part of a second takes one.
        estimated_duration: human::hours(estimated.as_secs().max(1)),
        progress_url: routes::snapshot_progress_url(&id),
        snapshot_id: id,
    }
}
