//! Images as `multipart/form-data`: streamed to the disk, then verified.

use super::{AppState, envelope, peer};
use crate::auth::Live;
use app::api::convert;
use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use futures::{Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};
use multer::{Field, Multipart};
use ota_api::{ApiError, ErrorCode, Reply, human};
use ota_engine::{
    Ota, OtaError,
    ports::{BrokenBody, ReceivedFile, UploadFault},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Bytes of a field that is no file.
const LONGEST_TEXT: usize = 1024;
/// Bytes that a form takes beside its file, at least.
const FRAME: u64 = 128;

/// What a form has brought.
struct Form {
    file: ReceivedFile,
    name: String,
    version: Option<String>,
}

/// `POST upload/verify`.
pub(super) async fn verify(
    State(state): State<AppState>,
    Extension(session): Extension<Arc<Live>>,
    request: Request,
) -> Response {
    let actor = peer::actor(&session.user, request.extensions());
    let form = match receive(&state, request).await {
        Ok(form) => form,
        Err(error) => return envelope::respond(error),
    };
    let ota = Arc::clone(&state.ota);
    // What has come in is verified to the end, also when the client hangs up.
    let verified = state.tasks.spawn(async move {
        let Form { file, name, version } = form;
        ota.verify_upload(file, &name, version, &actor).await
    });
    match verified.await {
        Ok(Ok(image)) => {
            let reply = Reply::ok(convert::verified_image(&image), "Image verified successfully");
            envelope::json(StatusCode::OK, serde_json::to_vec(&reply).unwrap_or_default())
        }
        Ok(Err(error)) => envelope::respond(convert::refusal(error)),
        Err(error) => envelope::internal(&error),
    }
}

/// Takes in the form. Of one that is not as it should be nothing is kept.
async fn receive(state: &AppState, request: Request) -> Result<Form, ApiError> {
    let boundary = boundary(request.headers())?;
    let length = content_length(request.headers());
    let body = Patient::new(request.into_body(), state.options.upload_idle);
    let silent = Arc::clone(&body.silent);
    let mut form = Multipart::new(body.stream(), boundary);
    let mut parts = Parts { file: None, version: None };
    let taken = parts.take_all(&state.ota, &mut form, length).await;
    let complete = taken.and_then(|()| {
        let missing = || bad("The form needs the field file, with the image.");
        parts.file.take().ok_or_else(missing)
    });
    match complete {
        Ok((file, name)) => Ok(Form { file, name, version: parts.version }),
        Err(error) => {
            if let Some((file, _)) = &parts.file {
                state.ota.discard_upload(file).await;
            }
            if silent.load(Ordering::Relaxed) {
                let message = "The upload was silent for too long and has been given up.";
                return Err(ApiError::new(ErrorCode::RequestTimeout, message));
            }
            Err(error)
        }
    }
}

/// What has come so far.
struct Parts {
    file: Option<(ReceivedFile, String)>,
    version: Option<String>,
}

impl Parts {
    async fn take_all(
        &mut self,
        ota: &Arc<Ota>,
        form: &mut Multipart<'static>,
        length: Option<u64>,
    ) -> Result<(), ApiError> {
        while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
            match field.name().unwrap_or_default() {
                "file" if self.file.is_none() => {
                    let name = field.file_name().unwrap_or_default().to_owned();
                    let bytes = field.map(|piece| piece.map_err(|error| BrokenBody(error.to_string())));
                    let file = ota.receive_upload(length, bytes.boxed()).await.map_err(fault)?;
                    self.file = Some((file, name));
                }
                "version" if self.version.is_none() => self.version = Some(text(field).await?),
                name @ ("file" | "version") => return Err(bad(format!("The form has {name} twice."))),
                other => {
                    let other: String = other.chars().take(64).collect();
                    return Err(bad(format!("The form has an unknown field: “{other}”.")));
                }
            }
        }
        Ok(())
    }
}

async fn text(mut field: Field<'static>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|error| broken(&error))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > LONGEST_TEXT {
            return Err(bad(format!("version is longer than {LONGEST_TEXT} bytes.")));
        }
    }
    String::from_utf8(bytes).map_err(|_| bad("version is not UTF-8 text."))
}

/// A body whose sender may be slow, but not silent.
struct Patient {
    body: Body,
    idle: Duration,
    /// It was given up.
    silent: Arc<AtomicBool>,
}

impl Patient {
    fn new(body: Body, idle: Duration) -> Self {
        Self { body, idle, silent: Arc::default() }
    }

    fn stream(self) -> impl Stream<Item = Result<bytes::Bytes, std::io::Error>> + Send + 'static {
        let Self { body, idle, silent } = self;
        futures::stream::unfold(Some(body.into_data_stream()), move |stream| {
            let silent = Arc::clone(&silent);
            async move {
                let mut stream = stream?;
                match tokio::time::timeout(idle, stream.next()).await {
                    Ok(None) => None,
                    Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(stream))),
                    Ok(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
                    Err(_) => {
                        silent.store(true, Ordering::Relaxed);
                        Some((Err(std::io::ErrorKind::TimedOut.into()), None))
                    }
                }
            }
        })
    }
}

fn boundary(headers: &HeaderMap) -> Result<String, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    multer::parse_boundary(kind).map_err(|_| {
        let message = "The body must be a form with a file: send Content-Type: multipart/form-data.";
        ApiError::new(ErrorCode::UnsupportedMediaType, message)
    })
}

/// Bytes of the file at most, where the client says how long its form is.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let length: u64 = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    Some(length.saturating_sub(FRAME).max(1))
}

fn fault(fault: UploadFault) -> ApiError {
    match fault {
        UploadFault::Broken(error) => {
            tracing::info!(%error, "an upload was not completed");
            bad("The upload ended before it was complete.")
        }
        UploadFault::TooLong(most) => {
            let message =
                format!("The image is longer than this gateway takes: at most {}.", human::size(most));
            ApiError::new(ErrorCode::PayloadTooLarge, message)
        }
        UploadFault::Step(error) => convert::refusal(OtaError::from(error)),
    }
}

fn broken(error: &multer::Error) -> ApiError {
    tracing::info!(%error, "a form could not be read");
    bad("The form is malformed or ended before it was complete.")
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, message)
}
