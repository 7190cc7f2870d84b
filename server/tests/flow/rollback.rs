//! New systems that do not stay.

use crate::gateway::Gateway;
use ota_publish::{image::Content, release::Release};

async fn back_on_a(gateway: &Gateway) {
    let status = Gateway::data(gateway.get("status").await);
    assert_eq!(status["partitions"]["active"]["id"], "A");
    assert_eq!(status["partitions"]["active"]["version"], "v5.0.4");
    assert_eq!(status["partitions"]["active"]["status"], "healthy");
    assert_eq!(status["partitions"]["inactive"]["status"], "bad");
    let environment = gateway.boot_environment();
    assert_eq!((environment["BOOT_ORDER"].as_str(), environment["BOOT_B_LEFT"].as_str()), ("A B", "0"));
    assert_eq!(environment["BOOT_A_LEFT"], "3", "the proven slot has all its tries");
}

#[tokio::test]
async fn a_failed_required_check_brings_the_proven_system_back() {
    let gateway = Gateway::start_with(&[("HEALTH__DEADLINE_SECONDS", "3")]).await;
    gateway.publish(&Release::new("bad-health", "v6.6.6").image_size(8 << 20).unhealthy()).await;
    let job = gateway.start_update("bad-health", true).await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "rolled_back", "{end}");
    assert!(end["outcome"]["message"].as_str().unwrap().contains("health"), "{end}");
    back_on_a(&gateway).await;
    let updates = Gateway::data(gateway.get("updates").await);
    let update =
        updates["updates"].as_array().unwrap().iter().find(|u| u["id"] == "bad-health").unwrap().clone();
    assert!(update["last_failure"].as_str().unwrap().starts_with("Rolled back"), "{update}");
}

#[tokio::test]
async fn a_slot_that_never_starts_is_tried_exactly_as_often_as_configured() {
    let gateway = Gateway::start().await;
    let before = gateway.boots().len();
    gateway.publish(&Release::new("dead", "v6.6.7").image_size(8 << 20).content(Content::Filler)).await;
    let job = gateway.start_update("dead", true).await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "rolled_back", "{end}");
    let boots = gateway.boots().split_off(before);
    assert_eq!(boots.len(), 4, "three tries of B and then A: {boots:#?}");
    back_on_a(&gateway).await;
    gateway
        .wait_for("rest", async || Gateway::data(gateway.get("monitor").await)["system_status"] == "idle")
        .await;
    assert_eq!(gateway.boots().len(), before + 4, "not tried again by itself");
}
