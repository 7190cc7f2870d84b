//! The plant's page and its API.

use super::{ChangeError, Plant};
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use std::error::Error;
use tower_http::csrf::CsrfLayer;

const PAGE: &str = include_str!("page.html");

/// Longest request body, bytes; all knobs take about a hundred.
const LONGEST_BODY: usize = 4096;

/// `GET /`, `GET` and `POST /plant`, `GET /signals`.
pub fn router(plant: Plant) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/plant", get(knobs).post(change))
        .route("/signals", get(signals))
        .layer(CsrfLayer::new())
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(plant)
}

async fn page() -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, page_policy()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        (CACHE_CONTROL, "no-cache".to_owned()),
    ];
    (headers, Html(PAGE)).into_response()
}

/// The page may run its own script and style, known by their hashes, and talk to this server; nothing else.
fn page_policy() -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        inline_hash("script"),
        inline_hash("style"),
    )
}

/// The hash of an inline element's text (Content Security Policy Level 3, 2.3.1).
fn inline_hash(element: &str) -> String {
    let text = PAGE
        .split_once(&format!("<{element}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{element}>")))
        .map_or("", |(text, _)| text);
    format!("sha256-{}", openssl::base64::encode_block(digest(&SHA256, text.as_bytes()).as_ref()))
}

async fn knobs(State(plant): State<Plant>) -> Response {
    fresh(StatusCode::OK, plant.knobs().to_json())
}

/// The media type is demanded, for a browser sends it to another site only after asking.
async fn change(State(plant): State<Plant>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_json(&headers) {
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.");
    }
    let Ok(change) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "The body must be a JSON object of knobs and their values.");
    };
    // Keeping the state means a sync to disk, which may take long.
    let changed = tokio::task::spawn_blocking(move || plant.change(&change)).await;
    match changed {
        Ok(Ok(knobs)) => fresh(StatusCode::OK, knobs.to_json()),
        Ok(Err(ChangeError::Invalid(invalid))) => refusal(StatusCode::BAD_REQUEST, &invalid.to_string()),
        Ok(Err(error)) => {
            tracing::error!(error = %error, cause = error.source().map(tracing::field::display), "plant state lost");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "The change could not be kept.")
        }
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "The change was interrupted."),
    }
}

async fn signals(State(plant): State<Plant>) -> Response {
    let knobs = plant.knobs();
    if !knobs.connected {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "The sensors are disconnected.");
    }
    let mut signals = knobs.signals();
    signals.insert("timestamp".to_owned(), format!("{:.3}", jiff::Timestamp::now()).into());
    fresh(StatusCode::OK, Value::Object(signals))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn refusal(status: StatusCode, sentence: &str) -> Response {
    fresh(status, json!({ "error": sentence }))
}

fn fresh(status: StatusCode, body: Value) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
