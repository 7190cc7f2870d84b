use crate::support::Gateway;
use ota_core::SlotId;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const PATH: &str = "/api/v1/ota/cancel";

#[tokio::test]
async fn a_running_download_is_cancelled_once() {
    let gateway = Gateway::ready().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let started = gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001" })).await;
    let id = started.body()["data"]["job_id"].clone();
    let body = json!({ "job_id": id, "reason": "User requested cancellation" });
    let data = gateway.order(PATH, &body).await.data("Update operation cancelled");
    assert_eq!((&data["job_id"], &data["status"]), (&id, &json!("cancelled")));
    assert!(data["progress_at_cancel"].is_f64(), "{data}");
    gateway.order(PATH, &body).await.failure(409, "OTA_INSTALL_FAILED");
}

#[tokio::test]
async fn an_unknown_job_and_an_endless_reason_are_refused() {
    let gateway = Gateway::ready().await;
    gateway.order(PATH, &json!({ "job_id": "OTA-JOB-8821X" })).await.failure(404, "NOT_FOUND");
    let body = json!({ "job_id": "OTA-JOB-8821X", "reason": "x".repeat(501) });
    gateway.order(PATH, &body).await.failure(400, "BAD_REQUEST");
    gateway.order(PATH, &json!({ "reason": "no job" })).await.failure(400, "BAD_REQUEST");
}

/// Slot B is next, and the restart waits for the crane.
async fn held_before_the_restart(gateway: &Gateway) -> Value {
    gateway.world.crane_starts_when_armed.store(true, Ordering::Relaxed);
    let order = json!({ "update_id": "update-001", "install_after": true, "reboot_after": true });
    let started = gateway.order("/api/v1/ota/download", &order).await;
    gateway.until_job_is("held").await;
    assert_eq!(gateway.ota.snapshot().boot.next_boot(), Some(SlotId::B));
    started.body()["data"]["job_id"].clone()
}

#[tokio::test]
async fn while_the_boot_environment_cannot_be_written_an_armed_job_goes_on_and_later_it_is_cancelled() {
    let gateway = Gateway::ready().await;
    let id = held_before_the_restart(&gateway).await;
    let body = json!({ "job_id": id, "reason": "not today" });
    gateway.world.boot_read_only.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        let (message, _) = gateway.order(PATH, &body).await.failure(500, "OTA_INSTALL_FAILED");
        assert!(message.contains("boot environment"), "{message}");
        gateway.until_job_is("held").await;
        assert_eq!(gateway.ota.snapshot().boot.next_boot(), Some(SlotId::B), "as the answer says");
    }
    gateway.world.boot_read_only.store(false, Ordering::Relaxed);
    let data = gateway.order(PATH, &body).await.data("Update operation cancelled");
    assert_eq!(data["status"], "cancelled");
    assert_eq!(gateway.ota.snapshot().boot.next_boot(), Some(SlotId::A));
    assert_eq!(gateway.world.reboots.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_job_that_could_not_be_cancelled_has_a_worker_that_restarts_once_the_crane_stands() {
    let gateway = Gateway::ready().await;
    let id = held_before_the_restart(&gateway).await;
    gateway.world.boot_read_only.store(true, Ordering::Relaxed);
    gateway.order(PATH, &json!({ "job_id": id })).await.failure(500, "OTA_INSTALL_FAILED");
    gateway.world.crane_moves.store(false, Ordering::Relaxed);
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
}
