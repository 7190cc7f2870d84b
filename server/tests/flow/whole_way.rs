//! From the request to the confirmed boot.

use crate::gateway::Gateway;
use ota_publish::faults::Fault;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::cell::Cell;

#[tokio::test]
async fn a_signed_release_ends_in_a_confirmed_boot_of_the_other_slot() {
    let gateway = Gateway::start().await;
    let a = gateway.slot("A");
    let update = gateway.repository().targets().await.unwrap();
    let update = update.iter().find(|target| target.custom["id"] == "update-001").unwrap().clone();
    let job = gateway.start_update("update-001", true).await;

    let highest = Cell::new(0.0);
    let end = gateway
        .job_until(&job, "the commit", |job| {
            let now = job["progress"]["overall_percentage"].as_f64().unwrap();
            let before = highest.replace(now);
            assert!(now >= before, "overall progress went from {before} back to {now}");
            job["status"] == "committed"
        })
        .await;
    assert!((highest.get() - 100.0).abs() < f64::EPSILON, "{end}");

    let status = Gateway::data(gateway.get("status").await);
    assert_eq!(status["gateway"]["os_version"], "v5.0.5");
    assert_eq!(status["partitions"]["active"]["id"], "B");
    assert_eq!(status["partitions"]["active"]["status"], "healthy");
    assert_eq!(status["partitions"]["inactive"]["status"], "ready");
    assert_eq!(status["partitions"]["inactive"]["version"], "v5.0.4");

    let environment = gateway.boot_environment();
    assert_eq!(environment["BOOT_ORDER"], "B A");
    assert_eq!(environment["BOOT_B_LEFT"], "3");
    assert_eq!(gateway.slot("A"), a, "the slot that ran is untouched");

    let bundle = update.path.display().to_string();
    let facts = crate::support::json(&gateway.site.run(&["verify", &bundle, "--json"]));
    let image = facts["bundle"]["images"].as_array().unwrap().first().unwrap().clone();
    let size = usize::try_from(image["size"].as_u64().unwrap()).unwrap();
    let written = hex::encode(Sha256::digest(gateway.slot("B").get(..size).unwrap()));
    assert_eq!(image["sha256"], written, "the bytes in the slot are the image that was signed");

    let updates = Gateway::data(gateway.get("updates").await);
    assert_eq!(updates["total_available"], 1, "what runs is no longer offered: {updates}");
    let staged = std::fs::read_dir(gateway.site.path("staging")).unwrap().count();
    assert_eq!(staged, 0, "nothing is left in staging");
}

#[tokio::test]
async fn without_a_restart_order_the_slot_is_armed_and_waits() {
    let gateway = Gateway::start().await;
    let job = gateway.start_update("update-002", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    let order =
        json!({"job_id": job, "strategy": "seamless", "reboot_after": false, "create_snapshot": false});
    let started = Gateway::data(gateway.post("install", order).await);
    assert_eq!(started["next_boot_partition"], "B");
    gateway.job_until(&job, "arming", |job| job["armed"] == true && job["status"] == "awaiting_reboot").await;
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "B A");
    let status = Gateway::data(gateway.get("status").await);
    assert_eq!(status["partitions"]["inactive"]["next_boot"], true);

    let cancelled =
        Gateway::data(gateway.post("cancel", json!({"job_id": job, "reason": "not today"})).await);
    assert_eq!(cancelled["status"], "cancelled");
    let environment = gateway.boot_environment();
    assert_eq!((environment["BOOT_ORDER"].as_str(), environment["BOOT_B_LEFT"].as_str()), ("A B", "0"));
}

#[tokio::test]
async fn a_crane_that_starts_holds_the_arming_and_nothing_else() {
    let gateway = Gateway::start().await;
    // Slow enough for the crane to start while the download runs.
    gateway.server.inject("targets/", Fault::Throttle(2 << 20));
    let job = gateway.start_update("update-001", true).await;
    gateway.plant(json!({"crane_motion": "moving"})).await;
    let held = gateway.job_until(&job, "the hold", |job| job["status"] == "held").await;
    assert_eq!(held["waiting_for"], json!(["crane_motion"]), "{held}");
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B", "not armed");
    gateway.plant(json!({"crane_motion": "idle"})).await;
    gateway.job_until(&job, "the commit", |job| job["status"] == "committed").await;
}
