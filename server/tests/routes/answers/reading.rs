//! Routes that change nothing.

use super::Route;
use crate::support::Gateway;
use ota_engine::ports::LogLevel;
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn status() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "status").await;
    route.reads("nothing is under way", "").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn updates() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "updates").await;
    route.reads("two releases are there", "").await;
    gateway.world.repository_down.store(true, Ordering::Relaxed);
    gateway.order("/api/v1/ota/check-updates", &json!({ "force": true, "background": false })).await;
    route.reads("the repository cannot be reached", "").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn progress() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "progress").await;
    route.reads("without an id", "").await;
    let order = json!({ "update_id": "update-001" });
    let job = gateway.order("/api/v1/ota/download", &order).await.body()["data"]["job_id"].clone();
    gateway.until_job_is("downloaded").await;
    route.reads("of a job", &format!("?job_id={}", job.as_str().unwrap())).await;
    gateway.order("/api/v1/ota/cancel", &json!({ "job_id": job, "reason": "not today" })).await;
    gateway.order("/api/v1/ota/snapshot", &json!({ "name": "before" })).await;
    gateway.until_job_is("completed").await;
    route.reads("of a snapshot", "?snapshot_id=snap-001").await;
    route.reads("of a job that there is not", "?job_id=OTA-JOB-9999Z").await;
    route.reads("of two at once", "?job_id=OTA-JOB-9999Z&snapshot_id=snap-001").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn logs() {
    let gateway = Gateway::ready().await;
    gateway.ota.log(LogLevel::Error, "test", "The one before").await;
    gateway.ota.log(LogLevel::Error, "test", "The newest").await;
    let mut route = Route::get(&gateway, "logs").await;
    route.reads("of a level", "?level=error").await;
    route.reads("the newest of a level", "?level=error&limit=1").await;
    route.reads("since a time to come", "?since=2999-01-01T00:00:00Z").await;
    route.reads("before the first", "?before=1").await;
    for (when, query) in [
        ("too few", "?limit=0"),
        ("too many", "?limit=1001"),
        ("no number", "?limit=many"),
        ("a level that there is not", "?level=loud"),
        ("what is no time", "?since=yesterday"),
        ("what is no entry", "?before=x"),
    ] {
        route.reads(when, query).await;
    }
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn monitor() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "monitor").await;
    route.reads("nothing is under way", "").await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001" })).await;
    gateway.until_job_is("downloading").await;
    route.reads("a release is downloaded", "").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn recovery() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "recovery").await;
    route.reads("there is the other slot", "").await;
    gateway.order("/api/v1/ota/snapshot", &json!({ "name": "before" })).await;
    gateway.until_job_is("completed").await;
    crate::recovery_upload::upload(&gateway, "recovery_v1.2.img", "v6.0.0\n").await;
    route.reads("there are a snapshot and a recovery image, too", "").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn audit() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "audit").await;
    route.moving.push("size_bytes");
    gateway.crane_starts().await;
    gateway.order("/api/v1/ota/reboot", &json!({ "reason": "maintenance" })).await;
    for (when, query) in [
        ("the newest", "?limit=1"),
        ("of an action and a user", "?action=reboot&user=operator"),
        ("too many", "?limit=100000"),
        ("an action that there is not", "?action=dance"),
    ] {
        let call = route.as_user(&route.operator, query);
        route.sends(when, query, call).await;
    }
    route.refuses().await;
    route.refuses_roles(&route.viewer.clone()).await;
    route.compare();
}

#[tokio::test]
async fn audit_export() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "audit/export").await;
    let call = route.as_user(&route.viewer, "");
    route.sends("by somebody whose role is not enough", "", call).await;
    let call = route.call("");
    route.sends("nobody is logged in", "", call).await;
    let call = route.call("").bearer(&route.operator).gateway("GW-X");
    route.sends("another gateway is named", "", call).await;
    let whole = route.as_user(&route.operator, "").send().await;
    let first = whole.text.lines().next().unwrap().to_owned();
    let first = crate::support::Answer { text: first, ..whole };
    route.write("the first line of the whole log", "", &first);
    route.compare();
}

#[tokio::test]
async fn events() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "events").await;
    route.reads("a wish that cannot be read", "?additions=maybe").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn web_socket() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "ws").await;
    // What is refused at and after the handshake is in `web_socket.rs`.
    route.reads("what is no WebSocket", "").await;
    route.compare();
}

#[tokio::test]
async fn the_document() {
    let gateway = Gateway::ready().await;
    let mut route = Route::of(&gateway, http::Method::GET, "/api/openapi.json").await;
    let call = route.call("");
    route.sends("nobody is logged in", "", call).await;
    let call = route.call("").bearer(&route.viewer);
    let answer = call.send().await;
    let document: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    // It has a snapshot of its own.
    let head = json!({ "openapi": document["openapi"], "info": { "title": document["info"]["title"] } });
    let head = crate::support::Answer { text: head.to_string(), ..answer };
    route.write("the beginning of the document", "", &head);
    route.compare();
}
