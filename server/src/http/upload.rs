//! Images as `multipart/form-data`: streamed to the disk, then verified.

use super::{AppState, envelope, peer, request};
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
use ota_api::{ApiError, ErrorCode, Reply};
use ota_core::{Actor, AuditAction};
use ota_engine::{
    Ota, OtaError,
    ports::{BrokenBody, ReceivedFile, UploadFault},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Bytes of a field that is no file.
const LONGEST_TEXT: usize = 1024;
/// Bytes that the reader of the form may hold before it has to look at them.
const TURN: usize = 256 << 10;
/// Bytes in which there is no end of a field's head, nor anything else to make sense of.
const LONGEST_RIDDLE: usize = 1 << 20;
/// Bytes that a form takes beside its file, at most: what is exactly too long is found while it comes.
const FRAME: u64 = 4096;

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
    let form = match received(&state, request, AuditAction::UploadVerify, &actor).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let ota = Arc::clone(&state.ota);
    // What has come in is verified to the end, also when the client hangs up.
    let verified = request::to_its_end(&state, async move {
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

/// `POST recovery/upload`.
pub(super) async fn keep_for_recovery(
    State(state): State<AppState>,
    Extension(session): Extension<Arc<Live>>,
    request: Request,
) -> Response {
    let actor = peer::actor(&session.user, request.extensions());
    let form = match received(&state, request, AuditAction::RecoveryUpload, &actor).await {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let ota = Arc::clone(&state.ota);
    let kept = request::to_its_end(&state, async move {
        let Form { file, name, .. } = form;
        let kept = ota.keep_recovery_image(file, &name, &actor).await;
        kept.map(|kept| convert::recovery_uploaded(&kept, &name))
    });
    match kept.await {
        Ok(Ok(uploaded)) => {
            let reply = Reply::ok(uploaded, "Recovery image uploaded successfully");
            envelope::json(StatusCode::OK, serde_json::to_vec(&reply).unwrap_or_default())
        }
        Ok(Err(error)) => envelope::respond(convert::refusal(error)),
        Err(error) => envelope::internal(&error),
    }
}

/// The form, or the answer to one that was not taken, which is on record as `action`.
async fn received(
    state: &AppState,
    request: Request,
    action: AuditAction,
    actor: &Actor,
) -> Result<Form, Response> {
    // A recovery image has its own version and no other.
    let labelled = action == AuditAction::UploadVerify;
    match receive(state, request, labelled).await {
        Ok(form) => Ok(form),
        Err(Refused { name, error }) => {
            state.ota.upload_refused(action, &name, &error.message, actor).await;
            Err(envelope::respond(error))
        }
    }
}

/// Why a form was not taken, and the name of its file as far as it was known.
struct Refused {
    name: String,
    error: ApiError,
}

/// Takes in the form. Of one that is not as it should be nothing is kept.
async fn receive(state: &AppState, request: Request, labelled: bool) -> Result<Form, Refused> {
    let boundary = boundary(request.headers()).map_err(|error| Refused { name: String::new(), error })?;
    let length = content_length(request.headers());
    let body = Patient::new(request.into_body(), state.options.upload_idle);
    let flow = Arc::clone(&body.flow);
    let mut form = Multipart::new(body.stream(), boundary);
    let mut parts =
        Parts { flow: Arc::clone(&flow), labelled, name: String::new(), file: None, version: None };
    let taken = parts.take_all(&state.ota, &mut form, length).await;
    let Parts { name, file, version, .. } = parts;
    let complete =
        taken.and_then(|()| file.ok_or_else(|| bad("The form needs the field file, with the image.")));
    match complete {
        Ok(file) => Ok(Form { file, name, version }),
        Err(_) if flow.silent.load(Ordering::Relaxed) => {
            let message = "The upload was silent for too long and has been given up.";
            Err(Refused { name, error: ApiError::new(ErrorCode::RequestTimeout, message) })
        }
        Err(error) => Err(Refused { name, error }),
    }
}

/// What has come so far.
struct Parts {
    flow: Arc<Flow>,
    /// The form may have a version beside the file.
    labelled: bool,
    /// Of the file.
    name: String,
    file: Option<ReceivedFile>,
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
            self.flow.understood();
            match field.name().unwrap_or_default() {
                "file" => {
                    if self.file.is_some() {
                        return Err(twice("file"));
                    }
                    field.file_name().unwrap_or_default().clone_into(&mut self.name);
                    let flow = Arc::clone(&self.flow);
                    let bytes = field.map(move |piece| {
                        flow.understood();
                        piece.map_err(|error| BrokenBody(error.to_string()))
                    });
                    self.file = Some(ota.receive_upload(length, bytes.boxed()).await.map_err(fault)?);
                }
                "version" if self.labelled => {
                    if self.version.is_some() {
                        return Err(twice("version"));
                    }
                    self.version = Some(text(field).await?);
                }
                other => {
                    let other: String = other.chars().take(64).collect();
                    return Err(bad(format!("The form has an unknown field: “{other}”.")));
                }
            }
        }
        Ok(())
    }
}

fn twice(name: &str) -> ApiError {
    bad(format!("The form has {name} twice."))
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

/// What is known of a body beside its bytes.
#[derive(Default)]
struct Flow {
    /// It was given up.
    silent: AtomicBool,
    /// Bytes that came since the reader of the form could last make something of them.
    pending: AtomicUsize,
}

impl Flow {
    fn understood(&self) {
        self.pending.store(0, Ordering::Relaxed);
    }
}

/// A body whose sender may be slow, but not silent, and which is a form: its reader keeps all that it does not understand yet.
struct Patient {
    body: Body,
    idle: Duration,
    flow: Arc<Flow>,
}

impl Patient {
    fn new(body: Body, idle: Duration) -> Self {
        Self { body, idle, flow: Arc::default() }
    }

    fn stream(self) -> impl Stream<Item = Result<bytes::Bytes, std::io::Error>> + Send + 'static {
        let Self { body, idle, flow } = self;
        futures::stream::unfold(Some(body.into_data_stream()), move |stream| {
            let flow = Arc::clone(&flow);
            async move {
                let mut stream = stream?;
                if flow.pending.load(Ordering::Relaxed) >= TURN {
                    // The reader takes whatever is there; now it has to look at it first.
                    tokio::task::yield_now().await;
                }
                if flow.pending.load(Ordering::Relaxed) >= LONGEST_RIDDLE {
                    return Some((Err(std::io::Error::other("this is no form")), None));
                }
                match tokio::time::timeout(idle, stream.next()).await {
                    Ok(None) => None,
                    Ok(Some(Ok(bytes))) => {
                        flow.pending.fetch_add(bytes.len(), Ordering::Relaxed);
                        Some((Ok(bytes), Some(stream)))
                    }
                    Ok(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
                    Err(_) => {
                        flow.silent.store(true, Ordering::Relaxed);
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

/// Bytes of the file at least, where the client says how long its form is.
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
        UploadFault::TooLong(most) => convert::too_long(most),
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
