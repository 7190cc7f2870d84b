//! What happens with no hand on it.

use crate::gateway::Gateway;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use ota_publish::release::Release;
use serde_json::{Value, json};

/// The next full minute: the soonest that a window can begin.
fn next_minute() -> String {
    (Timestamp::now() + 1.minute()).to_zoned(TimeZone::UTC).strftime("%H:%M").to_string()
}

async fn save(gateway: &Gateway, settings: Value) -> Value {
    Gateway::data(gateway.post("settings", settings).await)
}

async fn automation(gateway: &Gateway) -> Value {
    Gateway::data(gateway.get("monitor").await)["automation"].clone()
}

#[tokio::test]
async fn a_window_that_opens_brings_the_gateway_to_the_newest_release_and_is_used_once() {
    let gateway = Gateway::start().await;
    let saved = save(
        &gateway,
        json!({
            "auto_update": { "enabled": true, "auto_download": true, "auto_reboot": true, "check_interval": 1 },
            "maintenance_window": { "enabled": true, "schedule": "daily", "time": next_minute() }
        }),
    )
    .await;
    assert!(saved["next_maintenance_window"].is_string(), "{saved}");
    // What may be downloaded at any time is; what is for the window waits for it.
    gateway
        .wait_for("the download", async || {
            Gateway::data(gateway.get("monitor").await)["system_status"] == "idle"
                && gateway.log().contains("v5.1.0 is verified and ready to be installed")
        })
        .await;
    let told = automation(&gateway).await;
    let plan = &told["window"]["plan"];
    assert_eq!(
        (&plan["action"], &plan["version"]),
        (&json!("install_and_restart"), &json!("v5.1.0")),
        "{told}"
    );
    // From here on nobody does anything.
    gateway
        .wait_for("the new version", async || {
            let status = gateway.call(reqwest::Method::GET, "status", None).await;
            status.is_some_and(|(_, body)| {
                let active = &body["data"]["partitions"]["active"];
                active["version"] == "v5.1.0" && active["status"] == "healthy"
            })
        })
        .await;
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "B A");
    gateway
        .wait_for("the run to be over", async || {
            automation(&gateway).await["last_run"]["outcome"] == "succeeded"
        })
        .await;
    // A release that comes while the window is still open waits for the next one.
    gateway.publish(&Release::new("update-009", "v5.2.0")).await;
    let updates = Gateway::data(gateway.get("updates").await);
    let offer = updates["updates"].as_array().unwrap().iter().find(|u| u["id"] == "update-009").unwrap();
    assert_eq!(offer["reasons"][0]["code"], "window", "{offer}");
    assert_eq!(
        offer["reasons"][0]["message"].as_str().unwrap().split('.').next(),
        Some("This maintenance window has been used")
    );
    let audit = Gateway::data(
        gateway.get_as(&gateway.administrator("739281").await, "audit?actor=schedule&limit=1000").await,
    );
    let actions: Vec<_> = audit["records"].as_array().unwrap().iter().map(|r| r["action"].clone()).collect();
    for action in ["download", "install", "reboot"] {
        assert!(actions.contains(&json!(action)), "{actions:?}");
    }
}
