use crate::support::Gateway;
use serde_json::json;
use std::sync::atomic::Ordering;

const PATH: &str = "/api/v1/ota/reboot";

#[tokio::test]
async fn a_restart_is_ordered_with_a_reason() {
    let gateway = Gateway::ready().await;
    let data = gateway.order(PATH, &json!({ "reason": "maintenance" })).await.data("Gateway restart ordered");
    assert_eq!(data, json!({ "status": "rebooting", "job_id": null, "next_boot_partition": "A" }));
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test]
async fn without_a_reason_or_beside_a_moving_crane_it_is_refused() {
    let gateway = Gateway::ready().await;
    for body in [json!({}), json!({ "reason": "  " }), json!({ "reason": "two\nlines" })] {
        gateway.order(PATH, &body).await.failure(400, "BAD_REQUEST");
    }
    gateway.crane_starts().await;
    gateway.order(PATH, &json!({ "reason": "maintenance" })).await.failure(423, "OTA_UPDATE_BLOCKED");
    assert_eq!(gateway.world.reboots.load(Ordering::Relaxed), 0);
}
