//! For those who watch the gateway: is it up, is it ready, how is it.

use super::{AppState, frame::empty};
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};

pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).route("/metrics", get(figures))
}

/// The process answers.
async fn alive() -> &'static str {
    "ok\n"
}

/// The gateway knows how things stand and what comes.
async fn ready(State(state): State<AppState>) -> Response {
    if state.ota.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response()
    }
}

async fn figures(State(state): State<AppState>) -> Response {
    match &state.metrics {
        Some(metrics) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (kind, metrics.render(&state.ota.snapshot(), state.ota.is_ready())).into_response()
        }
        None => empty(StatusCode::NOT_FOUND),
    }
}
