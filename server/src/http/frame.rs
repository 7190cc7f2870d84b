//! What every request passes, whatever it asks for.

use super::{AppState, envelope, guards, request};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ota_api::{ErrorCode, routes};
use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that a client may bring along.
const LONGEST_ID: usize = 64;

/// Request id, log and count, panic guard, time limit, `Host`, security headers.
pub(super) async fn frame(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let id = request_id(request.headers());
    let answer = async {
        if let Err(refused) = guards::host(&state, &request) {
            return refused;
        }
        // An image may come over a slow line for hours; its handler has a limit for silence. Another one may be verified first.
        let limit = match path.as_str() {
            routes::UPLOAD_VERIFY
            | routes::UPLOAD_FINISH
            | routes::RECOVERY_UPLOAD
            | routes::RECOVERY_FINISH => Duration::MAX,
            part if part.starts_with(routes::UPLOAD_FILES) => Duration::MAX,
            _ => state.options.request_timeout,
        };
        let limited = tokio::time::timeout(limit, next.run(request));
        match AssertUnwindSafe(limited).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => envelope::reject(ErrorCode::RequestTimeout, "The gateway did not finish in time."),
            Err(_) => envelope::internal(&"panic, its place is in the line before"),
        }
    };
    let mut response = request::under(Arc::clone(&id), answer).await;
    let status = response.status();
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    protect(response.headers_mut(), state.options.tls);
    let method_label = method.to_string();
    metrics::counter!("gateway_ota_http_requests_total",
        "method" => known_method(&method_label), "status" => status.as_str().to_owned())
    .increment(1);
    tracing::debug!(request_id = %id, %method, path, status = status.as_u16(), took = ?began.elapsed(), "answered");
    response
}

/// The client's own id where it is harmless, else a new one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=LONGEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match given.filter(harmless) {
        Some(id) => id.into(),
        None => hex::encode(rand::random::<[u8; 8]>()).into(),
    }
}

/// A label has few values, whatever clients send.
fn known_method(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

/// Headers that tell browsers to be careful. A page brings its own content security policy.
fn protect(headers: &mut HeaderMap, tls: bool) {
    const ALWAYS: [(HeaderName, &str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), usb=()"),
    ];
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    if tls {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

/// A body that is empty.
pub(super) fn empty(status: http::StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
