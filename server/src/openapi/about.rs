//! The document about itself; an addition.

use super::route::Route;
use ota_api::{auth::Role, routes};
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    let document = json!({
        "description": "OpenAPI 3.1.",
        "content": { "application/json": { "schema": {
            "type": "object",
            "required": ["openapi", "info", "paths"],
            "properties": { "openapi": { "type": "string" } }
        } } }
    });
    vec![
        Route::new("get", routes::OPENAPI, "This document")
            .about("Shown to people on `/api/docs`.")
            .for_role(Role::Viewer)
            .answers_other(200, document),
    ]
}
