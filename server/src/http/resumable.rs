//! Images in parts, by tus 1.0 with its extensions creation, termination and expiration.
//!
//! What has come of an image is verified by `POST upload/finish`, a server function.

use super::{AppState, envelope, frame, peer, request};
use crate::auth::Live;
use app::api::convert;
use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    middleware::{Next, from_fn},
    response::Response,
    routing::{head, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use ota_api::{ApiError, ErrorCode, routes};
use ota_engine::{
    OtaError,
    ports::{Body as UploadBody, BrokenBody, ResumeFault, UnfinishedUpload, UploadId},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const TUS: &str = "1.0.0";
const EXTENSIONS: &str = "creation,termination,expiration";
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// What a part is.
const PART: &str = "application/offset+octet-stream";
/// Bytes of what is said about an image.
const LONGEST_METADATA: usize = 4096;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route(routes::UPLOAD_FILES, post(create).options(describe))
        .route(&routes::upload_file_url("{id}"), head(tell).patch(append).delete(discard).options(describe))
        .layer(from_fn(speak_tus))
}

/// Refuses other versions of the protocol, and names ours.
async fn speak_tus(request: Request, next: Next) -> Response {
    let spoken = request.headers().get(TUS_RESUMABLE).is_some_and(|version| version == TUS);
    let mut response = if spoken || *request.method() == Method::OPTIONS {
        next.run(request).await
    } else {
        let message = "Uploads in parts speak tus 1.0: send Tus-Resumable: 1.0.0.";
        let mut refusal = envelope::reject(ErrorCode::PreconditionFailed, message);
        refusal.headers_mut().insert(TUS_VERSION, HeaderValue::from_static(TUS));
        refusal
    };
    response.headers_mut().insert(TUS_RESUMABLE, HeaderValue::from_static(TUS));
    response
}

/// `OPTIONS`: what of the protocol there is.
async fn describe() -> Response {
    let mut response = frame::empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(TUS_VERSION, HeaderValue::from_static(TUS));
    response.headers_mut().insert(TUS_EXTENSION, HeaderValue::from_static(EXTENSIONS));
    response
}

/// `POST upload/files`.
async fn create(
    State(state): State<AppState>,
    Extension(session): Extension<Arc<Live>>,
    request: Request,
) -> Response {
    let actor = peer::actor(&session.user, request.extensions());
    let (length, metadata) = match announced(request.headers()) {
        Ok(announced) => announced,
        Err(error) => return envelope::respond(error),
    };
    match state.ota.begin_upload(length, &metadata.name, metadata.version, &actor).await {
        Ok(upload) => {
            let mut response = standing(StatusCode::CREATED, &upload);
            let place = routes::upload_file_url(&upload.id.to_string());
            set(&mut response, header::LOCATION, &place);
            response
        }
        Err(error) => refused(error),
    }
}

/// `HEAD upload/files/ID`.
async fn tell(State(state): State<AppState>, request: Request) -> Response {
    let id = match named(&request) {
        Ok(id) => id,
        Err(error) => return refused(error),
    };
    match state.ota.settle_upload(id).await {
        Ok(upload) => {
            let mut response = standing(StatusCode::OK, &upload);
            set(&mut response, UPLOAD_LENGTH, &upload.length.to_string());
            let name = BASE64_STANDARD.encode(&upload.name);
            let version = upload.label.map(|label| format!(",version {}", BASE64_STANDARD.encode(label)));
            let metadata = format!("filename {name}{}", version.unwrap_or_default());
            set(&mut response, UPLOAD_METADATA, &metadata);
            response
        }
        Err(error) => refused(error),
    }
}

/// `PATCH upload/files/ID`.
async fn append(State(state): State<AppState>, request: Request) -> Response {
    let id = match named(&request) {
        Ok(id) => id,
        Err(error) => return refused(error),
    };
    let headers = request.headers();
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != PART) {
        let message = format!("A part of an image is sent as Content-Type: {PART}.");
        return envelope::respond(ApiError::new(ErrorCode::UnsupportedMediaType, message));
    }
    let Some(offset) = number(headers, &UPLOAD_OFFSET) else {
        return envelope::reject(
            ErrorCode::BadRequest,
            "Upload-Offset must say at which byte the part begins.",
        );
    };
    let length = number(headers, &header::CONTENT_LENGTH);
    let silent = Arc::new(AtomicBool::new(false));
    let idle = state.options.upload_idle;
    let body = patient(request.into_body(), idle, state.stop.clone(), Arc::clone(&silent));
    let ota = Arc::clone(&state.ota);
    // What has come is brought to the disk, also when the client is gone.
    let appended = async move { ota.append_upload(id, offset, length, body).await };
    match request::to_its_end(&state, appended).await {
        Ok(Ok(upload)) => standing(StatusCode::NO_CONTENT, &upload),
        Ok(Err(OtaError::Upload(ResumeFault::Broken(_)))) if silent.load(Ordering::Relaxed) => {
            let message = "The upload was silent for too long. What has come is kept.";
            envelope::reject(ErrorCode::RequestTimeout, message)
        }
        Ok(Err(OtaError::Upload(ResumeFault::Broken(_)))) if state.stop.is_cancelled() => {
            refused(OtaError::Stopping)
        }
        Ok(Err(error)) => refused(error),
        Err(error) => envelope::internal(&error),
    }
}

/// `DELETE upload/files/ID`.
async fn discard(State(state): State<AppState>, request: Request) -> Response {
    let id = match named(&request) {
        Ok(id) => id,
        Err(error) => return refused(error),
    };
    let ota = Arc::clone(&state.ota);
    // Carried out to its end, also when the client hangs up.
    match request::to_its_end(&state, async move { ota.discard_upload(id).await }).await {
        Ok(Ok(())) => frame::empty(StatusCode::NO_CONTENT),
        Ok(Err(error)) => refused(error),
        Err(error) => envelope::internal(&error),
    }
}

/// The upload that the address names, letter by letter.
fn named(request: &Request) -> Result<UploadId, OtaError> {
    let name = request.uri().path().rsplit('/').next().unwrap_or_default();
    name.parse().map_err(|_| OtaError::Upload(ResumeFault::Unknown))
}

/// A body whose sender may be slow, but not silent, and which ends when the service does.
fn patient(body: Body, idle: Duration, stop: CancellationToken, silent: Arc<AtomicBool>) -> UploadBody {
    let next = move |stream: Option<axum::body::BodyDataStream>| {
        let (stop, silent) = (stop.clone(), Arc::clone(&silent));
        async move {
            let mut stream = stream?;
            let broken = |cause: String| Some((Err(BrokenBody(cause)), None));
            match stop.run_until_cancelled(tokio::time::timeout(idle, stream.next())).await {
                Some(Ok(Some(Ok(bytes)))) => Some((Ok(bytes), Some(stream))),
                Some(Ok(Some(Err(error)))) => broken(error.to_string()),
                Some(Ok(None)) => None,
                Some(Err(_)) => {
                    silent.store(true, Ordering::Relaxed);
                    broken("the sender was silent".to_owned())
                }
                None => broken("the service ends".to_owned()),
            }
        }
    };
    futures::stream::unfold(Some(body.into_data_stream()), next).boxed()
}

/// How far the upload is.
fn standing(status: StatusCode, upload: &UnfinishedUpload) -> Response {
    let mut response = frame::empty(status);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set(&mut response, UPLOAD_OFFSET, &upload.offset.to_string());
    let expires = upload.expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    set(&mut response, UPLOAD_EXPIRES, &expires);
    response
}

fn refused(error: OtaError) -> Response {
    let end = match &error {
        OtaError::Upload(ResumeFault::Offset { offset, .. }) => Some(*offset),
        _ => None,
    };
    let mut response = envelope::respond(convert::refusal(error));
    if let Some(end) = end {
        set(&mut response, UPLOAD_OFFSET, &end.to_string());
    }
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Digits and nothing else.
fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let text = headers.get(name)?.to_str().ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// What is known of an image beside its bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Metadata {
    name: String,
    version: Option<String>,
}

fn announced(headers: &HeaderMap) -> Result<(u64, Metadata), ApiError> {
    let length = number(headers, &UPLOAD_LENGTH).filter(|length| *length > 0);
    let length = length.ok_or_else(|| bad("Upload-Length must say how many bytes the image has."))?;
    let text = headers.get(UPLOAD_METADATA).map_or(Ok(""), HeaderValue::to_str);
    let metadata = text.ok().filter(|text| text.len() <= LONGEST_METADATA).and_then(metadata);
    let message =
        "Upload-Metadata must be keys with values in base64, separated by commas, in at most 4096 bytes.";
    Ok((length, metadata.ok_or_else(|| bad(message))?))
}

/// `filename` and `version`; clients say more, which nobody needs here.
fn metadata(text: &str) -> Option<Metadata> {
    let mut metadata = Metadata::default();
    for pair in text.split(',').map(str::trim) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let read = || String::from_utf8(BASE64_STANDARD.decode(value.trim()).ok()?).ok();
        match key {
            "filename" => metadata.name = read()?,
            "version" => metadata.version = Some(read()?),
            _ => {}
        }
    }
    Some(metadata)
}

fn bad(message: &str) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::{Metadata, metadata};

    #[test]
    fn metadata_is_read_to_the_letter() {
        let known = Metadata { name: "a b.raucb".into(), version: Some("ü".into()) };
        assert_eq!(metadata("filetype dGV4dA==, filename YSBiLnJhdWNi,version w7w="), Some(known));
        assert_eq!(metadata(""), Some(Metadata::default()));
        assert_eq!(metadata("is_confidential"), Some(Metadata::default()));
        for bad in ["filename !", "filename YQ", "version /w==", "filename YQ== YQ=="] {
            assert_eq!(metadata(bad), None, "{bad}");
        }
    }
}
