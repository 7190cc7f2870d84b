//! What a server function knows about the request that it answers.

use leptos::prelude::use_context;
use ota_api::{ApiError, ErrorCode};
use ota_core::{Actor, Role};
use ota_engine::Ota;
use std::sync::Arc;

/// Given to every server function by the server.
#[derive(Clone)]
pub struct RequestContext {
    pub ota: Arc<Ota>,
    /// The user that the request was authenticated for, and where it came from.
    pub actor: Actor,
    pub role: Role,
    /// The header `If-Match`.
    pub if_match: Option<String>,
    /// Names the request in the log and in the body of a failure.
    pub request_id: String,
}

/// The context of the running request.
pub(super) fn request() -> Result<RequestContext, ApiError> {
    use_context().ok_or_else(|| {
        tracing::error!("a server function ran without its request context");
        ApiError::new(ErrorCode::Internal, "The gateway could not answer this request.")
    })
}
