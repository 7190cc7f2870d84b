//! Section 3: images that a person brings, as a form.

use super::{example::published, route::Route};
use ota_api::{
    ErrorCode,
    upload::{DeployRequest, DeployStarted, FinishRequest, Uploads, VerifiedImage},
};
use serde_json::{Value, json};

pub(super) fn routes() -> Vec<Route> {
    let verified = || published!("upload-verify.post.response", added);
    let mut deployed = published!("upload-deploy.post.request");
    // The published one is shortened.
    deployed["checksum"] = json!("sha256:9b74c9897bac770ffc029102a200c5de11e6d5b0c5ce8f8b3f5e4b1d9a0f7c21");
    let form = form(json!({ "version": { "type": "string", "description": "A label, one line." } }));
    vec![
        Route::read("upload", "The verified images, and the room for more")
            .about("An addition.")
            .answers::<Uploads>(json!({
                "data": {
                    "images": [verified()["data"]],
                    "unfinished": [{
                        "upload_id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
                        "name": "custom-v5.2.0.raucb",
                        "size_bytes": 950_000_000,
                        "received_bytes": 310_378_496,
                        "expires_at": "2025-03-16T11:49:30Z"
                    }],
                    "room_bytes": 6_200_000_000_u64,
                    "room": "6.2 GB"
                },
                "success": true,
                "message": "Uploaded images retrieved successfully"
            })),
        image(Route::order("upload/verify", "Takes an image as a form and verifies it"))
            .takes_other("multipart/form-data", form)
            .answers::<VerifiedImage>(verified()),
        finish(image(Route::order("upload/finish", "Verifies an image that came in parts")))
            .about("An addition. The answer is that of `upload/verify`, and asked again it says the same again for a while.")
            .takes::<FinishRequest>(json!({
                "upload_id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "version": "v5.1.0-custom"
            }))
            .answers::<VerifiedImage>(verified()),
        Route::order("upload/deploy", "Puts a verified image into the inactive slot")
            .takes::<DeployRequest>(deployed)
            .answers::<DeployStarted>(published!("upload-deploy.post.response", added))
            .leads_on()
            .starts_a_job()
            .fails([ErrorCode::NotFound, ErrorCode::OtaInvalidImage, ErrorCode::OtaInstallFailed])
            .fails([ErrorCode::OtaRecoveryFailed]),
    ]
}

/// A form with an image, and these fields beside it.
pub(super) fn form(others: Value) -> Value {
    let file = json!({ "file": { "type": "string", "contentMediaType": "application/octet-stream" } });
    json!({
        "type": "object",
        "required": ["file"],
        "properties": super::example::merged(others, file),
        "additionalProperties": false
    })
}

/// An image that is looked at.
pub(super) fn image(route: Route) -> Route {
    route.fails([
        ErrorCode::OtaInvalidImage,
        ErrorCode::OtaSignatureFailed,
        ErrorCode::OtaRecoveryFailed,
        ErrorCode::OtaInstallFailed,
        ErrorCode::OtaOperationInProgress,
    ])
}

/// An image that came in parts.
pub(super) fn finish(route: Route) -> Route {
    route.fails([ErrorCode::NotFound, ErrorCode::OtaOperationInProgress, ErrorCode::UploadOffsetConflict])
}
