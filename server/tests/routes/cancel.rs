use crate::support::Gateway;
use serde_json::json;
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
