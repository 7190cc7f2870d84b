//! Section 1: the gateway and its slots, snapshots, debug bundles.

use super::{example::published, route::Route};
use ota_api::{
    ErrorCode,
    auth::Role,
    debug::{DebugBundleRequest, DebugBundleStarted, DebugBundles},
    routes,
    snapshot::{DeleteSnapshotRequest, SnapshotDeleted, SnapshotRequest, SnapshotStarted},
    status::{RebootRequest, RebootStarted, Status},
};
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    let bundle = json!({
        "type": "string", "pattern": "^debug-.*\\.tar\\.gz$", "examples": ["debug-20250315-001.tar.gz"]
    });
    vec![
        Route::read("status", "Gateway, slots, what starts next")
            .answers::<Status>(published!("status.get.response", added)),
        Route::order("reboot", "Restarts the gateway")
            .about("An addition. Into the armed slot where a job waits for that; the machine must have been still.")
            .takes::<RebootRequest>(json!({ "reason": "maintenance" }))
            .answers::<RebootStarted>(json!({
                "data": { "status": "rebooting", "job_id": "OTA-JOB-8821X", "next_boot_partition": "B" },
                "success": true,
                "message": "Gateway restart ordered"
            }))
            .starts_a_job(),
        Route::order("snapshot", "Takes a snapshot of a slot")
            .takes::<SnapshotRequest>(published!("snapshot.post.request"))
            .answers::<SnapshotStarted>(published!("snapshot.post.response"))
            .leads_on()
            .fails([ErrorCode::OtaOperationInProgress, ErrorCode::OtaRecoveryFailed])
            .conflicts(ErrorCode::OtaRecoveryFailed),
        Route::order("snapshot/delete", "Removes a snapshot")
            .about("An addition.")
            .takes::<DeleteSnapshotRequest>(json!({ "snapshot_id": "snap-006" }))
            .answers::<SnapshotDeleted>(json!({
                "data": { "snapshot_id": "snap-006", "status": "deleted" },
                "success": true,
                "message": "Snapshot deleted"
            }))
            .fails([ErrorCode::NotFound, ErrorCode::OtaOperationInProgress, ErrorCode::OtaRecoveryFailed]),
        Route::order("debug-bundle", "Makes a debug bundle")
            .about("`download_url` answers 404 until the bundle is complete.")
            .takes::<DebugBundleRequest>(published!("debug-bundle.post.request"))
            .answers::<DebugBundleStarted>(published!("debug-bundle.post.response"))
            .leads_on()
            .fails([ErrorCode::OtaOperationInProgress]),
        Route::read("debug-bundle", "The debug bundles there are, newest first")
            .about("An addition.")
            .answers::<DebugBundles>(json!({
                "data": { "bundles": [{
                    "bundle_id": "debug-20250315-001",
                    "status": "completed",
                    "size": "150 MB",
                    "size_bytes": 150_000_000,
                    "created_at": "2025-03-15T11:49:30Z",
                    "expires_at": "2025-03-16T11:49:30Z",
                    "download_url": "/api/v1/ota/debug/download/debug-20250315-001.tar.gz",
                    "error": null
                }] },
                "success": true,
                "message": "Debug bundles retrieved successfully"
            })),
        Route::new("get", format!("{}{{file}}", routes::DEBUG_DOWNLOAD), "Downloads a debug bundle")
            .for_role(Role::Operator)
            .in_path("file", bundle, "As in `download_url`.")
            .answers_other(
                200,
                json!({
                    "description": "A `.tar.gz` with one directory.",
                    "content": { "application/gzip": { "schema": { "type": "string", "format": "binary" } } }
                }),
            ),
    ]
}
