use crate::support::Gateway;
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn rest_and_work_have_their_words() {
    let gateway = Gateway::ready().await;
    gateway.until("the check is over", || !gateway.ota.snapshot().check.running).await;
    let data = gateway.read("/api/v1/ota/monitor").await.data("Monitor status retrieved successfully");
    assert_eq!((&data["system_status"], &data["current_operation"]), (&json!("idle"), &json!("none")));
    assert_eq!(data["resources"], json!({ "cpu_usage": 15.2, "memory_usage": "52.5%" }));
    assert!(data["last_update_check"].is_string(), "{data}");
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001" })).await;
    gateway.until_job_is("downloading").await;
    let data = gateway.read("/api/v1/ota/monitor").await.data("Monitor status retrieved successfully");
    assert_eq!(
        (&data["system_status"], &data["current_operation"]),
        (&json!("downloading"), &json!("downloading"))
    );
}
