//! `Idempotency-Key`: a `POST` that is sent again, because its answer was lost, is answered again and not carried out again.

use super::{AppState, envelope, guards, request};
use crate::auth::{Live, Presented, presented};
use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use ota_api::{ApiError, ErrorCode};
use ota_engine::{OtaError, ports::StoreError};
use ota_store::{Fingerprint, KeptAnswer, KeptRequest, SqliteStore, TokenHash};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest key.
const LONGEST: usize = 128;

type Lane = tokio::sync::Mutex<()>;

/// The requests that were made under a key.
pub struct KeptRequests {
    store: SqliteStore,
    /// One at a time under a key: the second one finds the answer of the first.
    lanes: Mutex<HashMap<(TokenHash, String), Weak<Lane>>>,
}

impl KeptRequests {
    pub(super) fn new(store: SqliteStore) -> Self {
        Self { store, lanes: Mutex::default() }
    }

    fn lane(&self, session: TokenHash, key: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let of_key = lanes.entry((session, key.to_owned())).or_default();
        of_key.upgrade().unwrap_or_else(|| {
            let lane = Arc::new(Lane::default());
            *of_key = Arc::downgrade(&lane);
            lane
        })
    }
}

/// Carries out a request with a key once. It comes after everything that refuses a request unseen.
pub(super) async fn once(
    State(state): State<AppState>,
    Extension(session): Extension<Arc<Live>>,
    request: Request,
    next: Next,
) -> Response {
    if !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let Some(key) = key(request.headers()).map(str::to_owned) else {
        let message = format!("Idempotency-Key must be there once, with 1 to {LONGEST} visible characters.");
        return envelope::reject(ErrorCode::BadRequest, &message);
    };
    let requests = Arc::clone(&state.requests);
    // What was begun is noted to its end, also when the client hangs up.
    let answer = async move { answer(&requests, &session, &key, request, next).await };
    match request::to_its_end(&state, answer).await {
        Ok(response) => response,
        Err(error) => envelope::internal(&error),
    }
}

async fn answer(
    requests: &KeptRequests,
    session: &Live,
    key: &str,
    request: Request,
    next: Next,
) -> Response {
    let lane = requests.lane(session.hash, key);
    let _alone = lane.lock().await;
    let (request, fingerprint) = match with_fingerprint(request).await {
        Ok(read) => read,
        Err(refused) => return refused,
    };
    let (store, hash) = (&requests.store, &session.hash);
    match store.keep_request(hash, key, &fingerprint, Timestamp::now()).await {
        Ok(None) => {}
        Ok(Some(before)) => return again(before, &fingerprint),
        Err(error) => return unkept(error),
    }
    let (parts, body) = next.run(request).await.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return envelope::internal(&error),
    };
    let kept = if parts.status.is_success() {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer = KeptAnswer {
            status: parts.status.as_u16(),
            location: text(header::LOCATION),
            entity_tag: text(header::ETAG),
            body: body.to_vec(),
        };
        store.keep_answer(hash, key, &answer).await
    } else {
        store.forget_request(hash, key).await
    };
    if let Err(error) = kept {
        // It is answered all the same. Asked again, the gateway says that it does not know.
        tracing::warn!(%error, "what was answered under a key is not kept");
    }
    Response::from_parts(parts, Body::from(body))
}

/// What is said to a request whose key was used before.
fn again(before: KeptRequest, fingerprint: &Fingerprint) -> Response {
    if before.fingerprint != *fingerprint {
        let message = "This Idempotency-Key was used for another request. Nothing was done: use a new one.";
        return envelope::reject(ErrorCode::IdempotencyConflict, message);
    }
    let Some(answer) = before.answer else {
        let message = "This request was begun before, and the gateway stopped before it had an answer. See what became of it, then use \
                       a new Idempotency-Key.";
        return envelope::respond(ApiError::conflict(ErrorCode::IdempotencyConflict, message, "answer_lost"));
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = envelope::json(status, answer.body);
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    for (name, text) in [(header::LOCATION, answer.location), (header::ETAG, answer.entity_tag)] {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn unkept(error: StoreError) -> Response {
    envelope::respond(app::api::convert::refusal(OtaError::from(error)))
}

/// Route, condition and body, salted with the token: the database does not lead back to a PIN in a body.
async fn with_fingerprint(request: Request) -> Result<(Request, Fingerprint), Response> {
    let (parts, body) = guards::collected(request).await?.into_parts();
    let body = body.collect().await.map_err(|error| envelope::internal(&error))?.to_bytes();
    let mut hasher = Sha256::new();
    if let Presented::Token(token) = presented(&parts.headers) {
        hasher.update(token.reveal());
    }
    hasher.update(parts.uri.path());
    for condition in parts.headers.get_all(header::IF_MATCH) {
        hasher.update([0]);
        hasher.update(condition);
    }
    hasher.update([0, 0]);
    hasher.update(&body);
    Ok((Request::from_parts(parts, Body::from(body)), hasher.finalize().into()))
}

fn key(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(KEY).iter();
    let (key, None) = (given.next()?.to_str().ok()?, given.next()) else { return None };
    let fits = (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(key)
}
