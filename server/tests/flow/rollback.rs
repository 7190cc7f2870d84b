//! New systems that do not stay.

use crate::gateway::{Gateway, free_port};
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

/// A gateway whose site has more checks.
async fn with_checks(checks: &str) -> Gateway {
    let mut gateway = Gateway::prepare(&[]).await;
    let path = gateway.site.path("config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n{checks}")).unwrap();
    gateway.up().await;
    gateway
}

/// Each kind is asked for what is not there.
#[tokio::test]
async fn each_kind_of_check_of_the_site_takes_the_new_system_back() {
    let port = free_port();
    for (kind, check) in [
        ("http", format!("url = \"http://127.0.0.1:{port}/health\"")),
        ("tcp", format!("connect = \"127.0.0.1:{port}\"")),
        ("systemd", "unit = \"no-such-unit-anywhere.service\"".to_owned()),
        ("executable", "command = [\"/bin/sh\", \"-c\", \"echo the pump stands still; exit 1\"]".to_owned()),
    ] {
        let gateway =
            with_checks(&format!("[[health.check]]\nname = \"pump\"\ndeadline_seconds = 2\n{check}")).await;
        let job = gateway.start_update("update-001", true).await;
        let end = gateway.ended(&job).await;
        assert_eq!(end["status"], "rolled_back", "{end}");
        let pump = end["checks"].as_array().unwrap().iter().find(|check| check["name"] == "pump").unwrap();
        assert_eq!((pump["kind"].as_str(), pump["state"].as_str()), (Some(kind), Some("failed")), "{end}");
        let reason = pump["reason"].as_str().unwrap();
        assert!(end["outcome"]["message"].as_str().unwrap().contains(reason), "{end}");
        back_on_a(&gateway).await;
    }
}

#[tokio::test]
async fn a_failed_wanted_check_is_told_and_the_new_system_stays() {
    let port = free_port();
    let gateway = with_checks(&format!(
        "[[health.check]]\nname = \"lamp\"\nrequired = false\ndeadline_seconds = 2\nconnect = \"127.0.0.1:{port}\""
    ))
    .await;
    let job = gateway.start_update("update-001", true).await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "committed", "{end}");
    let states: Vec<_> =
        end["checks"].as_array().unwrap().iter().map(|c| c["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["passed", "passed", "passed", "failed"], "{end}");
    let (_, logs) = gateway.get("logs?level=warning").await;
    assert!(logs.to_string().contains("the wanted check “lamp” failed"), "{logs}");
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
