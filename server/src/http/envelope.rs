//! Failures as the interface shows them.

use super::request;
use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use ota_api::{ApiError, ErrorCode};

/// The response for a failure.
#[must_use]
pub(crate) fn respond(mut error: ApiError) -> Response<Body> {
    error.error.request_id = request::id();
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let wait = error.error.details.as_ref().and_then(|details| details.get("retry_after_seconds")?.as_u64());
    let body = serde_json::to_vec(&error).unwrap_or_default();
    let mut response = json(status, body);
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// A failure that has nothing but code and sentence.
pub(super) fn reject(code: ErrorCode, message: &str) -> Response<Body> {
    respond(ApiError::new(code, message))
}

/// Details are for the log only.
pub(super) fn internal(cause: &dyn std::fmt::Display) -> Response<Body> {
    tracing::error!(%cause, "a request could not be answered");
    reject(ErrorCode::Internal, "The gateway could not answer this request.")
}

/// A JSON response that nobody keeps.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
