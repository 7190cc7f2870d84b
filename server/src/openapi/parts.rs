//! Section 3: images in parts, by tus 1.0; an addition.

use super::route::Route;
use ota_api::{ErrorCode, auth::Role, routes};
use serde_json::{Value, json};

pub(super) fn routes() -> Vec<Route> {
    let files = routes::UPLOAD_FILES;
    let file = routes::upload_file_url("{id}");
    let route = |method, path: &str, summary| {
        Route::new(method, path, summary).for_role(Role::Operator).for_this_gateway()
    };
    let tus = |method, path: &str, summary| {
        route(method, path, summary)
            .header(
                "Tus-Resumable",
                true,
                json!({ "type": "string", "const": "1.0.0" }),
                "The protocol's version.",
            )
            .fails([ErrorCode::PreconditionFailed, ErrorCode::Forbidden])
    };
    let one = |method, summary| {
        let id = json!({ "type": "string", "pattern": "^[0-9a-f]{32}$", "examples": ["0a1b2c3d4e5f60718293a4b5c6d7e8f9"] });
        tus(method, &file, summary).in_path("id", id, "From the `Location` of its beginning.")
    };
    vec![
        tus("post", files, "Begins an image in parts")
            .about("Room for all of it is kept from then on.")
            .header("Upload-Length", true, bytes(1), "Bytes of the image.")
            .header(
                "Upload-Metadata",
                false,
                json!({ "type": "string" }),
                "Of tus: `filename` and `version`, in base64.",
            )
            .answers_other(201, empty("It is begun."))
            .with_header("Location", json!({ "type": "string" }), "Where it is gone on with.")
            .with_header("Upload-Offset", bytes(0), OFFSET)
            .fails([
                ErrorCode::PayloadTooLarge,
                ErrorCode::TooManyRequests,
                ErrorCode::OtaInsufficientSpace,
                ErrorCode::OtaRecoveryFailed,
            ]),
        route("options", files, "What of tus there is").answers_other(204, empty("See the headers.")),
        one("head", "How far an image has come")
            .answers_other(200, empty("See the headers."))
            .with_header("Upload-Offset", bytes(0), OFFSET)
            .with_header("Upload-Length", bytes(1), "Bytes of the image."),
        one("patch", "Adds a part to an image")
            .header("Upload-Offset", true, bytes(0), "The byte with which the part begins.")
            .takes_other("application/offset+octet-stream", json!({ "type": "string", "format": "binary" }))
            .answers_other(204, empty("The part is on the disk."))
            .with_header("Upload-Offset", bytes(0), OFFSET)
            .fails([
                ErrorCode::UploadOffsetConflict,
                ErrorCode::OtaOperationInProgress,
                ErrorCode::OtaInsufficientSpace,
                ErrorCode::OtaRecoveryFailed,
            ]),
        one("delete", "Forgets an image in parts")
            .answers_other(204, empty("It is forgotten."))
            .fails([ErrorCode::OtaOperationInProgress, ErrorCode::OtaRecoveryFailed]),
        route("options", &file, "What of tus there is")
            .in_path("id", json!({ "type": "string" }), "Any.")
            .answers_other(204, empty("See the headers.")),
    ]
}

const OFFSET: &str = "So many bytes are on the disk.";

fn bytes(least: u64) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": least })
}

fn empty(description: &str) -> Value {
    json!({ "description": description })
}
