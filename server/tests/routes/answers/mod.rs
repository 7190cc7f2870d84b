//! What every route answers, as it goes over the wire: a success, and each way in which it refuses. One snapshot a route, so that a
//! change of the contract is a change of a file that somebody has to look at.

mod account;
mod automation;
mod images;
mod reading;
mod safety;
mod updating;
mod ways_back;

use super::openapi::documented;
use crate::support::{Answer, Call, GATEWAY, Gateway};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Headers that clients act on.
const HEADERS: [&str; 12] = [
    "content-type",
    "content-disposition",
    "location",
    "etag",
    "allow",
    "retry-after",
    "www-authenticate",
    "idempotent-replayed",
    "tus-resumable",
    "upload-offset",
    "upload-length",
    "upload-metadata",
];

/// Members whose value is another one in every run, and what stands for it.
const MOVING: [&str; 17] = [
    "age_seconds",
    "elapsed_seconds",
    "elapsed_time",
    "uptime",
    "uptime_seconds",
    "estimated_size",
    "estimated_duration",
    "free_bytes",
    "hash",
    "id",
    "previous",
    "remaining_seconds",
    "retry_after_seconds",
    "request_id",
    "seq",
    "token",
    "upload_id",
];

/// Exchanges with one route.
struct Route<'a> {
    gateway: &'a Gateway,
    method: Method,
    path: String,
    viewer: String,
    operator: String,
    admin: String,
    moving: Vec<&'static str>,
    record: String,
}

impl<'a> Route<'a> {
    async fn of(gateway: &'a Gateway, method: Method, path: &str) -> Self {
        Self {
            gateway,
            method,
            path: path.to_owned(),
            viewer: gateway.token("viewer").await,
            operator: gateway.token("operator").await,
            admin: gateway.token("admin").await,
            moving: MOVING.to_vec(),
            record: String::new(),
        }
    }

    async fn get(gateway: &'a Gateway, name: &str) -> Self {
        Self::of(gateway, Method::GET, &format!("/api/v1/ota/{name}")).await
    }

    async fn post(gateway: &'a Gateway, name: &str) -> Self {
        Self::of(gateway, Method::POST, &format!("/api/v1/ota/{name}")).await
    }

    fn call(&self, query: &str) -> Call {
        self.gateway.call(self.method.clone(), &format!("{}{query}", self.path))
    }

    fn as_user(&self, token: &str, query: &str) -> Call {
        self.call(query).bearer(token).gateway(GATEWAY)
    }

    /// What somebody who may read is answered.
    async fn reads(&mut self, when: &str, query: &str) -> Value {
        let call = self.as_user(&self.viewer, query);
        self.sends(when, query, call).await.body()
    }

    /// What somebody who may order is answered.
    async fn orders(&mut self, when: &str, body: &Value) -> Value {
        let call = self.as_user(&self.operator, "").json(body);
        self.sends(when, &format!(" {body}"), call).await.body()
    }

    /// What an administrator is answered.
    async fn commands(&mut self, when: &str, body: &Value) -> Value {
        let call = self.as_user(&self.admin, "").json(body);
        self.sends(when, &format!(" {body}"), call).await.body()
    }

    /// Puts an exchange on record. `request` is what the call has after the path.
    async fn sends(&mut self, when: &str, request: &str, call: Call) -> Answer {
        let answer = call.send().await;
        self.write(when, request, &answer);
        answer
    }

    fn write(&mut self, when: &str, request: &str, answer: &Answer) {
        let method = self.method.clone();
        self.write_as(&method, when, request, answer);
    }

    fn write_as(&mut self, method: &Method, when: &str, request: &str, answer: &Answer) {
        let text = match serde_json::from_str::<Value>(&answer.text) {
            Ok(mut body) => {
                stand_still(&mut body, &self.moving);
                serde_json::to_string_pretty(&body).unwrap()
            }
            Err(_) if answer.header("content-type").starts_with("text/html") => "(a page)".to_owned(),
            Err(_) => answer.text.clone(),
        };
        let header = |name: &str| match name {
            // Methods are put together in no order.
            "allow" => answer
                .header(name)
                .split(',')
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(","),
            _ => answer.header(name).to_owned(),
        };
        let headers: String = HEADERS
            .into_iter()
            .filter(|name| !answer.header(name).is_empty())
            .map(|name| format!("{name}: {}\n", header(name)))
            .collect();
        let (path, status) = (&self.path, answer.status);
        write!(self.record, "== {when}\n{method} {path}{request}\n{status}\n{headers}{text}\n\n").unwrap();
    }

    /// The refusals that every route has.
    async fn refuses(&mut self) {
        let call = self.call("");
        self.sends("nobody is logged in", "", call).await;
        let call = self.call("").bearer(&self.viewer).cookie(&self.admin).gateway(GATEWAY);
        self.sends("two people at once", "", call).await;
        let call = self.call("").bearer(&self.viewer);
        self.sends("no gateway is named", "", call).await;
        let call = self.call("").bearer(&self.viewer).gateway("GW-X");
        self.sends("another gateway is named", "", call).await;
        let other = if self.method == Method::GET { Method::POST } else { Method::DELETE };
        let call = self.gateway.call(other.clone(), &self.path).bearer(&self.admin).gateway(GATEWAY);
        let answer = call.json(&json!({})).send().await;
        self.write_as(&other, "another method", "", &answer);
    }

    /// The refusals that every route has that does something.
    async fn refuses_orders(&mut self) {
        self.refuses().await;
        self.refuses_roles(&self.viewer.clone()).await;
        let call = self.call("").cookie(&self.admin).gateway(GATEWAY).header("sec-fetch-site", "cross-site");
        self.sends("from a page of another site", " {}", call.json(&json!({}))).await;
    }

    async fn refuses_roles(&mut self, token: &str) {
        let call = self.as_user(token, "").json(&json!({}));
        self.sends("by somebody whose role is not enough", " {}", call).await;
    }

    /// The refusals of a route that takes JSON.
    async fn refuses_bodies(&mut self) {
        self.refuses_orders().await;
        let call = self.as_user(&self.admin, "");
        self.sends("without a body", "", call).await;
        for (when, body) in [
            ("a body that ends too early", "{"),
            ("a body that is no object", "[1]"),
            ("a member that there is not", "{\"no_such_member\": 1}"),
            ("a member twice", "{\"reason\": \"a\", \"reason\": \"b\"}"),
        ] {
            let call = self.as_user(&self.admin, "").raw("application/json", body);
            self.sends(when, &format!(" {body}"), call).await;
        }
        let call = self.as_user(&self.admin, "").raw("text/plain", "{}");
        self.sends("a body of another type", " {}", call).await;
        let call = self.as_user(&self.admin, "").raw("application/json", "x".repeat(70_000));
        self.sends("a body of 70 000 bytes", "", call).await;
    }

    /// Compares the record with the one that was seen last.
    fn compare(self) {
        let name = name(self.method.as_str(), &self.path);
        let moving = [
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "[time]"),
            (r"-20\d{6}-", "-[day]-"),
            (r"retry-after: \d+", "retry-after: [seconds]"),
            (r"in \d+ s\b", "in [seconds] s"),
            (r"\b[0-9a-f]{32}\b", "[id]"),
            (r"[A-Z][a-z]{2} \d\d:\d\d–\d\d:\d\d", "[window]"),
        ];
        insta::with_settings!({ filters => moving, prepend_module_to_snapshot => false, snapshot_path => "../snapshots/answers" }, {
            insta::assert_snapshot!(name, self.record);
        });
    }
}

/// `POST /api/v1/ota/upload/files/{id}` is `upload_files_id.post`.
fn name(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/api/").trim_start_matches("v1/").trim_start_matches("ota/");
    format!("{}.{}", path.replace('/', "_").replace(['{', '}'], ""), method.to_lowercase())
}

/// Puts a word in the place of what moves.
fn stand_still(value: &mut Value, moving: &[&str]) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| stand_still(one, moving)),
        Value::Object(members) => {
            for (name, value) in members {
                let numbered = name == "id" && value.is_string();
                if moving.contains(&name.as_str()) && !value.is_null() && !numbered {
                    *value = json!(format!("[{name}]"));
                } else {
                    stand_still(value, moving);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_route_is_on_record() {
    let recorded = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/routes/snapshots/answers");
    let recorded: BTreeSet<_> = std::fs::read_dir(recorded)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|file| file.strip_suffix(".snap").map(str::to_owned))
        .collect();
    let documented: BTreeSet<_> = documented().iter().map(|(method, path)| name(method, path)).collect();
    assert_eq!(recorded, documented);
}
