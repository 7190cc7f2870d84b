//! Section 5: every way back.

use super::{
    example::published,
    route::Route,
    upload::{finish, form, image},
};
use ota_api::{
    ErrorCode,
    auth::Role,
    recovery::{
        FactoryRequest, FactoryStarted, Recovery, RecoveryFinishRequest, RecoveryUploaded, RestoreRequest,
        RestoreStarted, RollbackRequest, RollbackStarted,
    },
};
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    let kept = |route: Route| {
        image(route)
            .starts_a_job()
            .conflicts(ErrorCode::OtaRecoveryFailed)
            .answers::<RecoveryUploaded>(published!("recovery-upload.post.response", added))
    };
    vec![
        Route::read("recovery", "What can be gone back to").about("An addition.").answers::<Recovery>(
            json!({
                "data": {
                    "snapshots": [{
                        "id": "snap-006",
                        "name": "pre-update-backup",
                        "description": "Snapshot before security update",
                        "created_at": "2025-03-15T11:49:30Z",
                        "partition": "A",
                        "version": "v5.0.4",
                        "kernel": "6.1.33-LTS",
                        "size": "1.2 GB",
                        "size_bytes": 1_200_000_000,
                        "restores": "3.2 GB",
                        "restores_bytes": 3_200_000_000_u64,
                        "damaged": null
                    }],
                    "bundles": [{
                        "version": "v5.0.3",
                        "size": "448 MB",
                        "size_bytes": 448_000_000,
                        "checksum": "sha256:9b74c9897bac770ffc029102a200c5de11e6d5b0c5ce8f8b3f5e4b1d9a0f7c21",
                        "kept_since": "2025-01-20T09:12:40Z",
                        "restores": "2.8 GB",
                        "restores_bytes": 2_800_000_000_u64
                    }],
                    "recovery_image": null,
                    "recovery_slot": { "ready": true, "tries_left": 3 },
                    "rollback_refused": null
                },
                "success": true,
                "message": "Recovery options retrieved successfully"
            }),
        ),
        Route::order("recovery/rollback", "Makes the other slot next")
            .about("`status` is `checking` where the comparison of the slot takes longer.")
            .takes::<RollbackRequest>(published!("recovery-rollback.post.request"))
            .answers::<RollbackStarted>(published!("recovery-rollback.post.response", added))
            .leads_on()
            .starts_a_job()
            .fails([ErrorCode::OtaRollbackFailed])
            .conflicts(ErrorCode::OtaRollbackFailed),
        Route::order("recovery/restore", "Brings a version back into the inactive slot")
            .takes::<RestoreRequest>(published!("recovery-restore.post.request"))
            .answers::<RestoreStarted>(published!("recovery-restore.post.response", added))
            .leads_on()
            .starts_a_job()
            .fails([ErrorCode::NotFound, ErrorCode::OtaRecoveryFailed])
            .conflicts(ErrorCode::OtaRecoveryFailed),
        Route::order("recovery/factory", "Resets the gateway to factory state at its next start")
            .for_role(Role::Admin)
            .takes::<FactoryRequest>(published!("recovery-factory.post.request"))
            .answers::<FactoryStarted>(published!("recovery-factory.post.response", added))
            .leads_on()
            .asks_for_a_pin()
            .starts_a_job(),
        kept(Route::order("recovery/upload", "Takes a recovery image as a form, verifies and keeps it"))
            .takes_other("multipart/form-data", form(json!({}))),
        finish(kept(Route::order(
            "recovery/finish",
            "Keeps an image that came in parts as the recovery image",
        )))
        .about("An addition. The answer is that of `recovery/upload`.")
        .takes::<RecoveryFinishRequest>(json!({ "upload_id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9" })),
    ]
}
