//! Section 1: snapshots.

use leptos::server;
use ota_api::{
    ApiResult,
    snapshot::{DeleteSnapshotRequest, SnapshotDeleted, SnapshotRequest, SnapshotStarted},
};

use super::{Rest, StrictJson};

/// Starts taking a snapshot.
#[server(prefix = "/api/v1/ota", endpoint = "snapshot", protocol = Rest<StrictJson>)]
pub async fn create_snapshot(#[server(flatten)] request: SnapshotRequest) -> ApiResult<SnapshotStarted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let command = super::convert::snapshot_command(request);
    let (job, estimated) = ota.start_snapshot(command, &actor).await.map_err(super::convert::refusal)?;
    let data = super::convert::snapshot_started(&job, estimated);
    let location = data.progress_url.clone();
    Ok(ota_api::Reply::ok(data, "Snapshot creation started").followed_at(location))
}

/// Removes a snapshot.
#[server(prefix = "/api/v1/ota", endpoint = "snapshot/delete", protocol = Rest<StrictJson>)]
pub async fn delete_snapshot(
    #[server(flatten)] request: DeleteSnapshotRequest,
) -> ApiResult<SnapshotDeleted> {
    let super::RequestContext { ota, actor, .. } = super::context::request()?;
    let snapshot_id = request.snapshot_id;
    ota.delete_snapshot(&snapshot_id, &actor).await.map_err(super::convert::refusal)?;
    let data = SnapshotDeleted { snapshot_id, status: "deleted".to_owned() };
    Ok(ota_api::Reply::ok(data, "Snapshot deleted"))
}
