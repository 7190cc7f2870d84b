//! From the check to the restart.

use super::Route;
use crate::support::Gateway;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

async fn downloaded(gateway: &Gateway) -> Value {
    let order = json!({ "update_id": "update-001" });
    let answer = gateway.order("/api/v1/ota/download", &order).await;
    gateway.until_job_is("downloaded").await;
    answer.body()["data"]["job_id"].clone()
}

#[tokio::test]
async fn check_updates() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "check-updates").await;
    route.orders("a check", &json!({ "force": true, "background": false })).await;
    gateway.world.repository_down.store(true, Ordering::Relaxed);
    route.orders("the repository cannot be reached", &json!({ "force": true, "background": false })).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn download() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "download").await;
    for (when, body) in [
        ("a release that there is not", json!({ "update_id": "update-999" })),
        ("another version", json!({ "update_id": "update-001", "version": "v9.9.9" })),
        ("the running slot", json!({ "update_id": "update-001", "target_partition": "A" })),
        ("no slot", json!({ "update_id": "update-001", "target_partition": "C" })),
        ("without a signature", json!({ "update_id": "update-001", "verify_signature": false })),
        ("a member of another type", json!({ "update_id": 1 })),
    ] {
        route.orders(when, &body).await;
    }
    let order = json!({ "update_id": "update-001", "version": "v5.0.5", "target_partition": "B" });
    gateway.crane_starts().await;
    route.orders("the crane moves", &order).await;
    gateway.crane_stops().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let again = |call: crate::support::Call| call.header("idempotency-key", "\"4711\"").json(&order);
    let call = again(route.as_user(&route.operator, ""));
    route.sends("with a key", &format!(" {order}"), call).await;
    let call = again(route.as_user(&route.operator, ""));
    route.sends("with the same key again", &format!(" {order}"), call).await;
    let call = route.as_user(&route.operator, "").header("idempotency-key", "\"4711\"");
    let other = json!({ "update_id": "update-002" });
    route.sends("with the same key for something else", &format!(" {other}"), call.json(&other)).await;
    route.orders("another job runs", &other).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn install() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "install").await;
    route.orders("a job that there is not", &json!({ "job_id": "OTA-JOB-9999Z" })).await;
    let id = downloaded(&gateway).await;
    route.orders("a strategy that there is not", &json!({ "job_id": id, "strategy": "magic" })).await;
    route.orders("a strategy that cannot be used", &json!({ "job_id": id, "strategy": "in_place" })).await;
    gateway.crane_starts().await;
    let order =
        json!({ "job_id": id, "strategy": "seamless", "reboot_after": false, "create_snapshot": true });
    route.orders("the crane moves", &order).await;
    gateway.crane_stops().await;
    route.orders("a job that is downloaded", &order).await;
    gateway.until_job_is("awaiting_reboot").await;
    route.orders("a job that is installed", &order).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn cancel() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "cancel").await;
    route.orders("a job that there is not", &json!({ "job_id": "OTA-JOB-9999Z" })).await;
    let order = json!({ "job_id": downloaded(&gateway).await, "reason": "User requested cancellation" });
    route.orders("a job that is downloaded", &order).await;
    route.orders("a job that has ended", &order).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn reboot() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "reboot").await;
    route.orders("without a reason", &json!({})).await;
    gateway.crane_starts().await;
    route.orders("the crane moves", &json!({ "reason": "maintenance" })).await;
    gateway.crane_stops().await;
    route.orders("the crane stands still", &json!({ "reason": "maintenance" })).await;
    route.refuses_bodies().await;
    route.compare();
}
