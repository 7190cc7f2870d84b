//! First-run set-up, as JSON and as the form of a browser. There is no session yet: the claim token is what lets somebody in.

use super::{AppState, envelope, guards, login, page, peer};
use crate::setup::{Claim, ClaimError};
use app::api::StrictJsonEncoding;
use axum::{
    Form, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::FormRejection},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{Extensions, StatusCode};
use ota_api::{
    ApiError, ErrorCode, Reply,
    auth::{SetUp, SetupRequest},
    routes,
};
use ota_core::{AuditAction, AuditEntry, AuditOutcome};
use ota_engine::ports::LogLevel;
use serde::Deserialize;
use server_fn::Decodes;

/// `POST /api/v1/auth/setup`.
pub(super) fn api_routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route(routes::SETUP, post(set_up).route_layer(from_fn(guards::json_body)))
        .method_not_allowed_fallback(guards::method_not_allowed)
        .layer(guards::same_site())
        .layer(from_fn_with_state(state.clone(), guards::not_for_another))
}

/// The form, which needs no script.
pub(super) fn page_routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route(routes::SETUP_PAGE, get(form).post(submit))
        .layer(DefaultBodyLimit::max(guards::BODY_LIMIT))
        .layer(guards::same_site())
        .layer(from_fn_with_state(state.clone(), guards::not_for_another))
}

async fn set_up(State(state): State<AppState>, extensions: Extensions, body: Bytes) -> Response {
    let request: SetupRequest = match StrictJsonEncoding::decode(body) {
        Ok(request) => request,
        Err(bad) => return envelope::reject(ErrorCode::BadRequest, &bad.to_string()),
    };
    let SetupRequest { claim_token, username, password, override_pin, factory_pin } = request;
    let claim = Claim { token: claim_token, username, password, override_pin, factory_pin };
    match attempt(&state, &claim, &extensions).await {
        Ok(()) => {
            let reply = Reply::ok(SetUp { username: claim.username }, "The gateway is set up");
            envelope::json(StatusCode::OK, serde_json::to_vec(&reply).unwrap_or_default())
        }
        Err(error) => envelope::respond(refusal(&error)),
    }
}

async fn form(State(state): State<AppState>) -> Response {
    match state.setup.is_open().await {
        Ok(true) => page::setup(&state, StatusCode::OK, None, ""),
        Ok(false) => Redirect::to(routes::LOGIN_PAGE).into_response(),
        Err(error) => envelope::internal(&error),
    }
}

/// What the form sends.
#[derive(Deserialize)]
struct Filled {
    claim_token: String,
    username: String,
    password: String,
    repeated: String,
    override_pin: String,
    factory_pin: String,
}

async fn submit(
    State(state): State<AppState>,
    extensions: Extensions,
    form: Result<Form<Filled>, FormRejection>,
) -> Response {
    let Ok(Form(filled)) = form else {
        let message = "Fill in every field.".to_owned();
        return page::setup(&state, StatusCode::BAD_REQUEST, Some(message), "");
    };
    let Filled { claim_token, username, password, repeated, override_pin, factory_pin } = filled;
    let username = username.trim().to_owned();
    if password != repeated {
        let message = "The two passwords differ.".to_owned();
        return page::setup(&state, StatusCode::BAD_REQUEST, Some(message), &username);
    }
    let claim = Claim { token: claim_token, username, password, override_pin, factory_pin };
    match attempt(&state, &claim, &extensions).await {
        Ok(()) => login::enter(&state, &claim.username, &claim.password, &extensions).await,
        Err(ClaimError::Closed) => Redirect::to(routes::LOGIN_PAGE).into_response(),
        Err(error) => {
            let body = refusal(&error);
            let status = StatusCode::from_u16(body.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            page::setup(&state, status, Some(body.message), &claim.username)
        }
    }
}

async fn attempt(state: &AppState, claim: &Claim, extensions: &Extensions) -> Result<(), ClaimError> {
    let entry = |outcome| AuditEntry::new(&peer::actor("", extensions), AuditAction::Setup, outcome);
    let done =
        entry(AuditOutcome::Succeeded).about(claim.username.as_str()).saying("as admin, with both PINs");
    let claimed = state.setup.claim(claim, &done).await;
    match &claimed {
        Ok(()) => {
            let text = format!("The gateway was set up; {} is its first administrator", claim.username);
            state.ota.log(LogLevel::Warning, "auth", text).await;
        }
        Err(error @ (ClaimError::Wrong | ClaimError::TooMany(_))) => {
            let refused = entry(AuditOutcome::refused("wrong_claim_token"));
            state.ota.audit_refusal(&refused.saying(error.to_string())).await;
        }
        Err(ClaimError::Internal(cause)) => tracing::error!(cause, "the gateway cannot be set up"),
        Err(ClaimError::Closed | ClaimError::Unacceptable(_)) => {}
    }
    claimed
}

fn refusal(error: &ClaimError) -> ApiError {
    let message = error.to_string();
    match error {
        ClaimError::Closed => ApiError::new(ErrorCode::NotFound, message),
        ClaimError::Wrong => ApiError::new(ErrorCode::Unauthorized, message),
        ClaimError::TooMany(wait) => ApiError::new(ErrorCode::TooManyRequests, message)
            .with_details(serde_json::json!({ "retry_after_seconds": wait.as_secs().max(1) })),
        ClaimError::Unacceptable(_) => ApiError::new(ErrorCode::BadRequest, message),
        ClaimError::Internal(_) => ApiError::new(ErrorCode::Internal, message),
    }
}
