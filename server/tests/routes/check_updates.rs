use crate::support::Gateway;
use serde_json::json;
use std::sync::atomic::Ordering;

const PATH: &str = "/api/v1/ota/check-updates";

#[tokio::test]
async fn a_check_is_started_and_named() {
    let gateway = Gateway::ready().await;
    let answer = gateway.order(PATH, &json!({ "force": true, "background": false })).await;
    let data = answer.data("Update check initiated");
    assert!(data["check_id"].as_str().unwrap().starts_with("check-20"), "{data}");
    assert_eq!((&data["status"], &data["estimated_duration"]), (&json!("checking"), &json!("00:00:01")));
    gateway.order(PATH, &json!({})).await.data("Update check initiated");
}

#[tokio::test]
async fn a_repository_that_is_down_is_a_failed_download_and_its_details_stay_here() {
    let gateway = Gateway::ready().await;
    gateway.world.repository_down.store(true, Ordering::Relaxed);
    let answer = gateway.order(PATH, &json!({ "force": true })).await;
    let (message, _) = answer.failure(502, "OTA_DOWNLOAD_FAILED");
    assert_eq!(message, "The repository cannot be reached.");
    assert!(!answer.text.contains("secret detail"));
}
