//! The interface described: the document, and Swagger UI to read it with.

use super::{AppState, envelope, guards, page};
use axum::{
    Router,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    middleware::from_fn_with_state,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use ota_api::{ErrorCode, routes};
use std::sync::Arc;
use utoipa_swagger_ui::{Config, SwaggerFile};

/// Scripts, styles and connections of this gateway only. Swagger UI draws its arrows with `data:` addresses.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes(state: &AppState) -> Router<AppState> {
    let document = Router::new()
        .route(routes::OPENAPI, get(document))
        .layer(from_fn_with_state(state.clone(), guards::authenticated));
    document
        .route(routes::DOCS, get(async || Redirect::to(&index())))
        .route(&index(), get(show))
        .route(&format!("{}{{file}}", index()), get(file))
        .method_not_allowed_fallback(guards::method_not_allowed)
        .layer(from_fn_with_state(state.clone(), guards::not_for_another))
}

/// The addresses of Swagger UI's files are relative to this one.
fn index() -> String {
    format!("{}/", routes::DOCS)
}

async fn document(State(state): State<AppState>) -> Response {
    let document = crate::openapi::document(&state.gateway_id());
    envelope::json(StatusCode::OK, document.to_string().into_bytes())
}

/// The page: who is not logged in is led to the login, as from the other one.
async fn show(State(state): State<AppState>, headers: HeaderMap) -> Response {
    match guards::recognize(&state, &headers).await {
        Ok(Some(_)) => shown("index.html"),
        Ok(None) => page::to_login(),
        Err(refused) => refused,
    }
}

async fn file(
    State(state): State<AppState>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    match guards::recognize(&state, &headers).await {
        Ok(Some(_)) => name.map_or_else(|_| unknown(), |Path(name)| shown(&name)),
        Ok(None) => guards::not_logged_in(),
        Err(refused) => refused,
    }
}

/// A file of Swagger UI.
fn shown(name: &str) -> Response {
    let config = Config::new([routes::OPENAPI]).use_base_layout().validator_url("none");
    match utoipa_swagger_ui::serve(name, Arc::new(config)) {
        Ok(Some(file)) => sent(file),
        Ok(None) => unknown(),
        Err(error) => envelope::internal(&error),
    }
}

fn unknown() -> Response {
    envelope::reject(ErrorCode::NotFound, "This address does not exist on this gateway.")
}

fn sent(file: SwaggerFile<'_>) -> Response {
    let mut response = Body::from(file.bytes.into_owned()).into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&file.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if file.gzpipped {
        // Browsers alone come here, and all of them read it.
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
