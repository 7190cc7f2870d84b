//! The page, and what leads to it.

use super::{AppState, envelope, guards};
use axum::{
    Router,
    extract::State,
    middleware::from_fn_with_state,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use ota_api::routes;

pub(super) fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route(routes::PAGE, get(show))
        .route("/", get(async || Redirect::to(routes::PAGE)))
        .layer(from_fn_with_state(state.clone(), guards::not_for_another))
}

async fn show(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let session = match guards::recognize(&state, &headers).await {
        Ok(Some(session)) => session,
        Ok(None) => return to_login(),
        Err(refused) => return refused,
    };
    // Before the snapshot: what happens in between is then told once more, and never not at all.
    let newest = state.feed.newest();
    let data = app::api::page_data(
        &state.ota.snapshot(),
        newest,
        &session.user,
        session.role,
        jiff::Timestamp::now(),
    );
    let nonce = nonce();
    match app::render_page(data, state.assets.as_ref().clone(), nonce.clone()) {
        Ok(html) => document(StatusCode::OK, html, &nonce),
        Err(error) => envelope::internal(&error),
    }
}

/// The login form, with what went wrong.
pub(super) fn login(state: &AppState, status: StatusCode, error: Option<String>) -> Response {
    document(status, app::render_login(error, None, state.assets.as_ref().clone()), &nonce())
}

/// The form of first-run set-up, with what went wrong and the name that was typed.
pub(super) fn setup(state: &AppState, status: StatusCode, error: Option<String>, username: &str) -> Response {
    let html = app::render_setup(error, username.to_owned(), state.assets.as_ref().clone());
    document(status, html, &nonce())
}

/// Leads to the login.
pub(super) fn to_login() -> Response {
    (StatusCode::FOUND, [(header::LOCATION, routes::LOGIN_PAGE), (header::CACHE_CONTROL, "no-store")])
        .into_response()
}

fn document(status: StatusCode, html: String, nonce: &str) -> Response {
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::from_str(&policy(nonce)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Scripts and styles of this gateway only, and no inline script but the one that starts the page.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// 128 random bits, another one for each document.
fn nonce() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
