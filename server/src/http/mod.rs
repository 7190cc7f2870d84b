//! HTTP: the router and the layers around the routes.
//!
//! A request of the interface passes, from outside in: request id, security headers, panic guard, time limit, `Host`,
//! authentication, gateway id, role, cross-site check; a server function then also content type and body. A rejection of
//! any of them is the envelope, never a page.

mod api;
mod assets;
mod audit;
mod debug;
mod docs;
mod envelope;
mod frame;
mod guards;
mod health;
mod idempotency;
mod login;
mod page;
mod peer;
mod request;
mod resumable;
mod setup;
mod state;
mod upload;

pub(crate) use envelope::respond;
pub(crate) use guards::{origin_is_ours, recognize};
pub use state::{AppState, Options};

use axum::{Router, middleware};

/// All routes of the gateway.
pub fn router(state: AppState) -> Router {
    let framed = middleware::from_fn_with_state(state.clone(), frame::frame);
    Router::new()
        .merge(api::routes(&state))
        .merge(login::api_routes(&state))
        .merge(setup::api_routes(&state))
        .merge(docs::routes(&state))
        .merge(page::routes(&state))
        .merge(login::page_routes(&state))
        .merge(setup::page_routes(&state))
        .merge(health::routes())
        .fallback_service(assets::service(&state))
        .layer(framed)
        .with_state(state)
}
