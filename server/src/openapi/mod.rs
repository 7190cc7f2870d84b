//! The interface as an OpenAPI 3.1 document: one file for each section of it.
//!
//! Bodies are described by the types that are sent and received, examples are values of these types, and statuses come from the
//! error codes. What is said here besides is compared with the router and with `docs/api.md` by tests.

mod about;
mod auth;
mod example;
mod failure;
mod monitor;
mod parts;
mod recovery;
mod route;
mod safety;
mod settings;
mod status;
mod updates;
mod upload;

use route::{Component, Route};
use serde_json::{Map, Value, json};

/// What is said of the interface as a whole.
const ABOUT: &str = "Updates, ways back and interlocks of one gateway.\n\n\
    A body is one JSON object of at most 64 KiB; no key may come twice, and a key that the route does not know is refused. Every answer \
    carries the header `X-Request-ID`, which a request may bring along. `HEAD` is `GET` without the body. In answers members may be \
    added at any time; `message` is a sentence for people and may change. Times are UTC.";

/// The document of the gateway with this id.
#[must_use]
pub fn document(gateway: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut components = json!({ "securitySchemes": security_schemes() });
    for (tag, routes) in sections() {
        for route in routes {
            let described = route.described(tag, gateway);
            for Component { kind, name, value } in described.components {
                components[kind][name] = value;
            }
            let operations = paths.entry(described.path).or_insert_with(|| json!({}));
            if let Some(operations) = operations.as_object_mut() {
                operations.insert(described.method, described.operation);
            }
        }
    }
    let tags: Vec<_> =
        TAGS.iter().map(|(name, about)| json!({ "name": name, "description": about })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gateway OTA",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "/", "description": "This gateway" }],
        "tags": tags,
        "paths": paths,
        "components": components
    })
}

const TAGS: [(&str, &str); 9] = [
    ("auth", "Who may, and the first set-up."),
    ("status", "The gateway and its slots; snapshots; debug bundles."),
    ("updates", "What the repository offers, and starting a download."),
    ("upload", "Images that a person brings, as a form or in parts."),
    ("settings", "What happens by itself, and when."),
    ("recovery", "Every way back."),
    ("safety", "Interlocks, their override, and the audit log."),
    ("monitor", "Jobs: progress, installation, log, cancel."),
    ("about", "This document."),
];

fn sections() -> [(&'static str, Vec<Route>); 10] {
    [
        ("auth", auth::routes()),
        ("status", status::routes()),
        ("updates", updates::routes()),
        ("upload", upload::routes()),
        ("upload", parts::routes()),
        ("settings", settings::routes()),
        ("recovery", recovery::routes()),
        ("safety", safety::routes()),
        ("monitor", monitor::routes()),
        ("about", about::routes()),
    ]
}

/// One session, and two ways to show it.
fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token of the login. Where a cookie is sent, too, both must be the same: otherwise 401."
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": ota_api::routes::SESSION_COOKIE,
            "description": "Set by the login, for browsers."
        }
    })
}
