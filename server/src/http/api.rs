//! The documented routes: every server function, the live feed, and what does not exist.

use super::{AppState, audit, debug, envelope, guards, idempotency, peer, request, resumable, upload};
use crate::{auth::Live, sse, ws};
use app::api::RequestContext;
use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodFilter, any, get, on, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use leptos::context::provide_context;
use ota_api::{ErrorCode, routes};
use std::sync::Arc;

/// Says that a failure came from a server function; clients of the interface have the body for that.
const SERVER_FN_ERROR: HeaderName = HeaderName::from_static("serverfnerror");

pub(super) fn routes(state: &AppState) -> Router<AppState> {
    let mut functions = Router::new();
    for (path, method) in server_fn::axum::server_fn_paths() {
        let orders = method == Method::POST;
        let Ok(filter) = MethodFilter::try_from(method) else { continue };
        let mut function = on(filter, call);
        if orders {
            function = function
                .route_layer(from_fn_with_state(state.clone(), idempotency::once))
                .route_layer(from_fn(guards::json_body));
        }
        functions = functions.route(path, function);
    }
    let guarded = functions
        .route(routes::UPLOAD_VERIFY, post(upload::verify))
        .route(routes::RECOVERY_UPLOAD, post(upload::keep_for_recovery))
        .merge(resumable::routes())
        .route(routes::EVENTS, get(sse::events))
        .route("/api/{*rest}", any(not_found))
        // The path before does not match these.
        .route("/api", any(not_found))
        .route("/api/", any(not_found))
        .method_not_allowed_fallback(guards::method_not_allowed)
        .layer(guards::same_site())
        .layer(from_fn_with_state(state.clone(), guards::permitted))
        .layer(from_fn_with_state(state.clone(), guards::for_this_gateway))
        .layer(from_fn_with_state(state.clone(), guards::authenticated));
    let socket = Router::new()
        .route(routes::WEB_SOCKET, get(ws::upgrade))
        .method_not_allowed_fallback(guards::method_not_allowed)
        .layer(from_fn_with_state(state.clone(), guards::not_for_another));
    // A browser follows a link here, and can send no header of ours.
    let download = Router::new()
        .route(routes::AUDIT_EXPORT, get(audit::export))
        .route(&format!("{}{{file}}", routes::DEBUG_DOWNLOAD), get(debug::download))
        .method_not_allowed_fallback(guards::method_not_allowed)
        .layer(from_fn_with_state(state.clone(), guards::permitted))
        .layer(from_fn_with_state(state.clone(), guards::not_for_another))
        .layer(from_fn_with_state(state.clone(), guards::authenticated));
    guarded.merge(socket).merge(download)
}

/// Calls the server function of this path.
async fn call(
    State(state): State<AppState>,
    Extension(session): Extension<Arc<Live>>,
    mut request: Request,
) -> Response {
    if *request.method() == Method::HEAD {
        // The registry knows no HEAD; the body is dropped on the way out.
        *request.method_mut() = Method::GET;
    }
    // A browser's form would be redirected; these routes have no forms.
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let context = RequestContext {
        ota: Arc::clone(&state.ota),
        actor: peer::actor(&session.user, request.extensions()),
        role: session.role,
        if_match: if_match(request.headers()),
        request_id: request::id().unwrap_or_default(),
    };
    let provide = move || provide_context(context.clone());
    let orders = *request.method() == Method::POST;
    let answer =
        async { leptos_axum::handle_server_fns_with_context(provide, request).await.into_response() };
    let answered = if orders {
        // What was ordered is carried out to its end, also when the client hangs up or its time is over: half of a cancel
        // would be a job that nobody works on.
        request::to_its_end(&state, answer).await
    } else {
        Ok(answer.await)
    };
    let mut response = match answered {
        Ok(response) => response,
        Err(error) => return envelope::internal(&error),
    };
    let headers = response.headers_mut();
    headers.remove(SERVER_FN_ERROR);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What cannot be read matches nothing.
fn if_match(headers: &HeaderMap) -> Option<String> {
    let given: Vec<_> =
        headers.get_all(header::IF_MATCH).iter().map(|value| value.to_str().unwrap_or("")).collect();
    (!given.is_empty()).then(|| given.join(","))
}

async fn not_found() -> Response {
    envelope::reject(ErrorCode::NotFound, "This address does not exist on this gateway.")
}
