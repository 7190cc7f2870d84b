//! Snapshots, the ways back, and debug bundles.

use super::Route;
use crate::support::{Gateway, PIN};
use ota_core::PinKind;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

async fn take_snapshot(gateway: &Gateway) {
    gateway.order("/api/v1/ota/snapshot", &json!({ "name": "before" })).await;
    gateway.until_job_is("completed").await;
}

#[tokio::test]
async fn snapshot() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "snapshot").await;
    route.orders("without a name", &json!({ "name": " " })).await;
    let order = json!({ "name": "pre-update-backup", "description": "Snapshot before security update" });
    route.orders("of the running slot", &order).await;
    gateway.until_job_is("completed").await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001", "install_after": true })).await;
    route.orders("another job runs", &order).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn snapshot_delete() {
    let gateway = Gateway::ready().await;
    take_snapshot(&gateway).await;
    let mut route = Route::post(&gateway, "snapshot/delete").await;
    route.orders("a snapshot", &json!({ "snapshot_id": "snap-001" })).await;
    route.orders("a snapshot that there is not", &json!({ "snapshot_id": "snap-001" })).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn rollback() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "recovery/rollback").await;
    let to =
        |slot: &str| json!({ "action": format!("rollback_to_{slot}"), "reason": "Update issues detected" });
    route.orders("to what is no slot", &to("c")).await;
    route.orders("without a reason", &json!({ "action": "rollback_to_b" })).await;
    route.orders("to the running slot", &to("a")).await;
    gateway.crane_starts().await;
    route.orders("the crane moves", &to("b")).await;
    gateway.crane_stops().await;
    route.orders("to the other slot", &to("b")).await;
    route.orders("another job runs", &to("b")).await;
    gateway.order("/api/v1/ota/cancel", &json!({ "job_id": "ROLLBACK-001", "reason": "no" })).await;
    gateway.world.slots_differ.store(true, Ordering::Relaxed);
    route.orders("the slot is not what it was", &to("b")).await;
    route.orders("the slot is known to be bad", &to("b")).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn restore() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "recovery/restore").await;
    route.orders("what is not there", &json!({ "version": "v5.0.4" })).await;
    take_snapshot(&gateway).await;
    for (when, body) in [
        ("a snapshot that there is not", json!({ "version": "v5.0.4", "snapshot_id": "snap-999" })),
        ("a snapshot of another version", json!({ "version": "v5.0.3", "snapshot_id": "snap-001" })),
        ("into the running slot", json!({ "version": "v5.0.4", "target_partition": "A" })),
        ("from a snapshot", json!({ "version": "v5.0.4", "target_partition": "B" })),
    ] {
        route.orders(when, &body).await;
    }
    route.orders("another job runs", &json!({ "version": "v5.0.4" })).await;
    route.refuses_bodies().await;
    route.compare();
}

#[tokio::test]
async fn factory() {
    let gateway = Gateway::ready().await;
    let order = |pin: &str, confirm: bool| -> Value {
        json!({ "pin": pin, "confirm": confirm, "wipe_data": false, "reason": "System decommissioning" })
    };
    let mut route = Route::post(&gateway, "recovery/factory").await;
    route.commands("no PIN is set", &order(PIN, true)).await;
    gateway.set_pin_of(PinKind::Factory).await;
    route.orders("by an operator", &order(PIN, true)).await;
    route.commands("not confirmed", &order(PIN, false)).await;
    route.commands("a wrong PIN", &order("000000", true)).await;
    route.refuses_bodies().await;
    gateway.crane_starts().await;
    route.commands("the crane moves", &order(PIN, true)).await;
    gateway.crane_stops().await;
    route.commands("confirmed, with the PIN", &order(PIN, true)).await;
    route.compare();
}

#[tokio::test]
async fn debug_bundle() {
    let gateway = Gateway::ready().await;
    let mut route = Route::post(&gateway, "debug-bundle").await;
    let everything = json!({ "include_logs": true, "include_configs": true, "include_metrics": true });
    route.orders("with everything", &everything).await;
    route.refuses_bodies().await;
    route.compare();
}

/// The id of a bundle that is made.
async fn made(gateway: &Gateway) -> String {
    gateway.order("/api/v1/ota/debug-bundle", &json!({ "include_logs": true })).await;
    gateway.until("the bundle", || !gateway.ota.snapshot().debug.bundles.is_empty()).await;
    gateway.until("nothing is made any more", || gateway.ota.snapshot().debug.unmade.is_none()).await;
    gateway.ota.snapshot().debug.bundles[0].id.clone()
}

#[tokio::test]
async fn debug_bundles() {
    let gateway = Gateway::ready().await;
    let mut route = Route::get(&gateway, "debug-bundle").await;
    route.moving.extend(["size", "size_bytes"]);
    route.reads("there is none", "").await;
    made(&gateway).await;
    route.reads("there is one", "").await;
    route.refuses().await;
    route.compare();
}

#[tokio::test]
async fn debug_download() {
    let gateway = Gateway::ready().await;
    let id = made(&gateway).await;
    let mut route = Route::get(&gateway, "debug/download/{file}").await;
    let path = format!("/api/v1/ota/debug/download/{id}.tar.gz");
    let call = gateway.get(&path);
    route.sends("nobody is logged in", "", call).await;
    let call = gateway.get(&path).bearer(&route.viewer);
    route.sends("by somebody whose role is not enough", "", call).await;
    let call = gateway.get("/api/v1/ota/debug/download/debug-20250101-001.tar.gz").bearer(&route.operator);
    route.sends("a bundle that there is not", "", call).await;
    let answer = gateway.get(&path).bearer(&route.operator).send().await;
    let answer = crate::support::Answer { text: "(an archive)".to_owned(), ..answer };
    route.write("a bundle", "", &answer);
    route.compare();
}
