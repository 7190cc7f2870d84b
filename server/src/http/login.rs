//! Login and logout, as JSON and as the form of a browser.

use super::{AppState, envelope, guards, page, peer};
use crate::auth::{Live, LoggedIn, LoginError};
use app::api::StrictJsonEncoding;
use axum::{
    Extension, Form, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::cookie::{Cookie, SameSite};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use ota_api::{
    ApiError, ErrorCode, Reply,
    auth::{LoggedIn as LoggedInBody, LoggedOut, LoginRequest},
    routes,
};
use ota_core::{AuditAction, AuditEntry, AuditOutcome};
use ota_engine::ports::LogLevel;
use serde::Deserialize;
use server_fn::Decodes;
use std::sync::Arc;

/// `POST /api/v1/auth/login` and `…/logout`. The gateway id is not asked for: who logs in may not know it yet.
pub(super) fn api_routes(state: &AppState) -> Router<AppState> {
    let logout = Router::new()
        .route(routes::LOGOUT, post(log_out))
        .layer(from_fn_with_state(state.clone(), guards::authenticated));
    Router::new()
        .route(routes::LOGIN, post(log_in).route_layer(from_fn(guards::json_body)))
        .merge(logout)
        .method_not_allowed_fallback(guards::method_not_allowed)
        .layer(guards::same_site())
        .layer(from_fn_with_state(state.clone(), guards::not_for_another))
}

/// The form, which needs no script.
pub(super) fn page_routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route(routes::LOGIN_PAGE, get(form).post(submit))
        .route("/logout", post(leave))
        .layer(DefaultBodyLimit::max(guards::BODY_LIMIT))
        .layer(guards::same_site())
        .layer(from_fn_with_state(state.clone(), guards::not_for_another))
}

async fn log_in(State(state): State<AppState>, extensions: Extensions, body: Bytes) -> Response {
    let request: LoginRequest = match StrictJsonEncoding::decode(body) {
        Ok(request) => request,
        Err(bad) => return envelope::reject(ErrorCode::BadRequest, &bad.to_string()),
    };
    match attempt(&state, &request.username, &request.password, &extensions).await {
        Ok(session) => answer(&state, session),
        Err(error) => envelope::respond(refusal(&error)),
    }
}

fn answer(state: &AppState, session: LoggedIn) -> Response {
    let cookie = cookie(state, session.token.reveal());
    let body = LoggedInBody {
        token: session.token.reveal().to_owned(),
        expires_at: session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        username: session.user,
        role: session.role,
    };
    let mut response = reply(&Reply::ok(body, "Logged in"));
    set_cookie(&mut response, &cookie);
    response
}

async fn log_out(
    State(state): State<AppState>,
    Extension(session): Extension<Arc<Live>>,
    extensions: Extensions,
) -> Response {
    match end(&state, &session, &extensions).await {
        Ok(()) => {
            let mut response = reply(&Reply::ok(LoggedOut { logged_out: true }, "Logged out"));
            set_cookie(&mut response, &no_cookie(&state));
            response
        }
        Err(refused) => refused,
    }
}

async fn form(State(state): State<AppState>, headers: HeaderMap) -> Response {
    if let Ok(Some(_)) = guards::recognize(&state, &headers).await {
        return Redirect::to(routes::PAGE).into_response();
    }
    match state.setup.is_open().await {
        // Nobody can log in yet.
        Ok(true) => Redirect::to(routes::SETUP_PAGE).into_response(),
        _ => page::login(&state, StatusCode::OK, None),
    }
}

/// What the form sends.
#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

async fn submit(
    State(state): State<AppState>,
    extensions: Extensions,
    form: Result<Form<Credentials>, axum::extract::rejection::FormRejection>,
) -> Response {
    let Ok(Form(Credentials { username, password })) = form else {
        let message = "Fill in user name and password.".to_owned();
        return page::login(&state, StatusCode::BAD_REQUEST, Some(message));
    };
    enter(&state, username.trim(), &password, &extensions).await
}

/// Logs somebody in and leads them to the page, or back to the form.
pub(super) async fn enter(
    state: &AppState,
    username: &str,
    password: &str,
    extensions: &Extensions,
) -> Response {
    match attempt(state, username, password, extensions).await {
        Ok(session) => {
            let mut response = Redirect::to(routes::PAGE).into_response();
            set_cookie(&mut response, &cookie(state, session.token.reveal()));
            response
        }
        Err(error) => {
            let body = refusal(&error);
            let status = StatusCode::from_u16(body.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = page::login(state, status, Some(body.message));
            if let LoginError::TooMany { wait } = error {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
            }
            response
        }
    }
}

async fn leave(State(state): State<AppState>, headers: HeaderMap, extensions: Extensions) -> Response {
    match guards::recognize(&state, &headers).await {
        Ok(Some(session)) => {
            if let Err(refused) = end(&state, &session, &extensions).await {
                return refused;
            }
        }
        Ok(None) => {}
        Err(refused) => return refused,
    }
    let mut response = Redirect::to(routes::LOGIN_PAGE).into_response();
    set_cookie(&mut response, &no_cookie(&state));
    response
}

async fn attempt(
    state: &AppState,
    name: &str,
    password: &str,
    extensions: &Extensions,
) -> Result<LoggedIn, LoginError> {
    let result = match state.auth.login(name, password).await {
        Ok(session) => record(state, session, extensions).await,
        Err(error) => {
            refuse(state, &error, extensions).await;
            Err(error)
        }
    };
    match &result {
        Ok(session) => {
            let text = format!("{} logged in as {}", session.user, session.role.as_str());
            state.ota.log(LogLevel::Info, "auth", text).await;
        }
        Err(LoginError::Wrong { user: Some(user) }) => {
            state.ota.log(LogLevel::Warning, "auth", format!("Wrong password for {user}")).await;
        }
        Err(LoginError::Wrong { user: None }) => tracing::info!("a login with an unknown user name"),
        Err(LoginError::TooMany { .. }) => tracing::warn!("logins are slowed down after wrong passwords"),
        Err(LoginError::Internal(cause)) => tracing::error!(cause, "nobody can log in"),
    }
    result
}

/// Nobody is logged in without a record of it.
async fn record(
    state: &AppState,
    session: LoggedIn,
    extensions: &Extensions,
) -> Result<LoggedIn, LoginError> {
    let actor = peer::actor(&session.user, extensions);
    let entry = AuditEntry::success(&actor, AuditAction::Login);
    match state.ota.audit(&entry.saying(format!("as {}", session.role.as_str()))).await {
        Ok(()) => Ok(session),
        Err(error) => {
            if let Err(error) = state.auth.sessions().end(&session.token.hash()).await {
                tracing::error!(%error, "a session that nobody was told of stays in the database");
            }
            Err(LoginError::Internal(error.to_string()))
        }
    }
}

/// The name only where there is such a user: what else is typed there may be a password.
async fn refuse(state: &AppState, error: &LoginError, extensions: &Extensions) {
    let (user, code) = match error {
        LoginError::Wrong { user } => (user.as_deref().unwrap_or_default(), "wrong_password"),
        LoginError::TooMany { .. } => ("", "too_many_requests"),
        LoginError::Internal(_) => return,
    };
    let outcome = AuditOutcome::refused(code);
    let entry = AuditEntry::new(&peer::actor(user, extensions), AuditAction::LoginFailed, outcome);
    state.ota.audit_refusal(&entry.saying(error.to_string())).await;
}

/// A session ends also where that cannot be recorded.
async fn end(state: &AppState, session: &Live, extensions: &Extensions) -> Result<(), Response> {
    state.auth.sessions().end(&session.hash).await.map_err(|error| envelope::internal(&error))?;
    let actor = peer::actor(&session.user, extensions);
    state.ota.audit_result(&AuditEntry::success(&actor, AuditAction::Logout)).await;
    state.ota.log(LogLevel::Info, "auth", format!("{} logged out", session.user)).await;
    Ok(())
}

fn refusal(error: &LoginError) -> ApiError {
    let message = error.to_string();
    match error {
        LoginError::Wrong { .. } => ApiError::new(ErrorCode::Unauthorized, message),
        LoginError::TooMany { wait } => ApiError::new(ErrorCode::TooManyRequests, message)
            .with_details(serde_json::json!({ "retry_after_seconds": wait.as_secs() })),
        LoginError::Internal(_) => ApiError::new(ErrorCode::Internal, message),
    }
}

fn reply<T: serde::Serialize>(reply: &Reply<T>) -> Response {
    match serde_json::to_vec(reply) {
        Ok(body) => envelope::json(StatusCode::OK, body),
        Err(error) => envelope::internal(&error),
    }
}

fn cookie(state: &AppState, token: &str) -> String {
    let life = state.options.lifetimes.absolute.as_secs();
    bake(state, token, life)
}

fn no_cookie(state: &AppState) -> String {
    bake(state, "", 0)
}

fn bake(state: &AppState, value: &str, life_seconds: i64) -> String {
    let mut cookie = Cookie::new(routes::SESSION_COOKIE, value);
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Strict);
    cookie.set_secure(state.options.tls);
    format!("{cookie}; Max-Age={life_seconds}")
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
