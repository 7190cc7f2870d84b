use crate::support::Gateway;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const PATH: &str = "/api/v1/ota/install";

async fn downloaded(gateway: &Gateway) -> Value {
    let answer = gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001" })).await;
    gateway.until_job_is("downloaded").await;
    answer.body()["data"]["job_id"].clone()
}

#[tokio::test]
async fn a_downloaded_update_is_installed_and_waits_for_the_restart() {
    let gateway = Gateway::ready().await;
    let id = downloaded(&gateway).await;
    let body =
        json!({ "job_id": id, "strategy": "seamless", "reboot_after": false, "create_snapshot": false });
    let data = gateway.order(PATH, &body).await.data("Update installation started");
    assert_eq!(
        (&data["job_id"], &data["status"], &data["strategy"]),
        (&id, &json!("installing"), &json!("seamless"))
    );
    assert_eq!((&data["target_partition"], &data["next_boot_partition"]), (&json!("B"), &json!("B")));
    gateway.until_job_is("awaiting_reboot").await;
    let next = || gateway.ota.snapshot().boot.next_boot() == Some(ota_core::SlotId::B);
    gateway.until("slot B is next", next).await;
}

#[tokio::test]
async fn what_this_gateway_does_not_offer_is_refused_and_nothing_happens() {
    let gateway = Gateway::ready().await;
    let id = downloaded(&gateway).await;
    for (body, part) in [
        (json!({ "job_id": id, "strategy": "in_place" }), "in_place"),
        (json!({ "job_id": id, "strategy": "magic" }), "“strategy” cannot be used"),
        (json!({ "job_id": id, "reboot_after": "yes" }), "“reboot_after” cannot be used"),
    ] {
        let (message, _) = gateway.order(PATH, &body).await.failure(400, "BAD_REQUEST");
        assert!(message.contains(part), "{body}: {message}");
    }
    gateway.until_job_is("downloaded").await;
}

#[tokio::test]
async fn only_a_downloaded_job_can_be_installed() {
    let gateway = Gateway::ready().await;
    for id in ["OTA-JOB-8821X", "nonsense", ""] {
        gateway.order(PATH, &json!({ "job_id": id })).await.failure(404, "NOT_FOUND");
    }
    let id = downloaded(&gateway).await;
    gateway.order("/api/v1/ota/cancel", &json!({ "job_id": id })).await.data("Update operation cancelled");
    let (_, details) = gateway.order(PATH, &json!({ "job_id": id })).await.failure(409, "OTA_INSTALL_FAILED");
    assert_eq!(details["conflict"], "cancelled");
}

#[tokio::test]
async fn a_download_from_before_a_restart_goes_into_the_slot_that_does_not_run_now() {
    let gateway = Gateway::ready().await;
    let id = downloaded(&gateway).await;
    let gateway = gateway.restarted_into(|world| world.runs_from_b.store(true, Ordering::Relaxed)).await;
    gateway.until_job_is("downloaded").await;
    let data = gateway.order(PATH, &json!({ "job_id": id })).await.data("Update installation started");
    assert_eq!(data["target_partition"], "A");
    gateway.until_job_is("awaiting_reboot").await;
    let next = || gateway.ota.snapshot().boot.next_boot() == Some(ota_core::SlotId::A);
    gateway.until("slot A is next", next).await;
}
