//! Gates that close under a running update, and overrides, with the real program.

use crate::gateway::Gateway;
use crate::support::{failed, succeeded};
use reqwest::StatusCode;
use serde_json::{Value, json};

const PIN: &str = "739281";
const REASON: &str = "The sensor is broken, the crane is locked";

#[tokio::test]
async fn each_gate_holds_what_it_guards_and_lets_it_go_on_by_itself() {
    let mut gateway = Gateway::start_with(&[("SAFETY__CLEAR_FOR_SECONDS", "6")]).await;
    let job = gateway.start_update("update-002", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    let order = json!({"job_id": job, "reboot_after": true});

    // The mains fail between the order and the slot: nothing is written.
    let b = gateway.slot("B");
    gateway.plant(json!({"ups_online": false})).await;
    gateway.wait_for("the mains to be missed", async || gateway.is_blocking("ups_battery").await).await;
    let (status, refused) = gateway.post("install", order.clone()).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::LOCKED, &json!("OTA_UPDATE_BLOCKED")));
    assert_eq!(refused["error"]["details"]["blocking"][0]["threshold"], 30.0, "{refused}");
    gateway.plant(json!({"ups_online": true})).await;
    gateway.wait_for("the mains to be back", async || !gateway.is_blocking("ups_battery").await).await;
    assert_eq!(gateway.slot("B"), b);

    // The crane starts as soon as the installation is ordered: it is written all the same, and waits before it is armed.
    Gateway::data(gateway.post("install", order).await);
    gateway.plant(json!({"crane_motion": "moving"})).await;
    let waits_for_crane = |job: &Value| {
        job["held_before"] == "arm" && job["waiting_for"].as_array().unwrap().contains(&json!("crane_motion"))
    };
    gateway.job_until(&job, "the hold", waits_for_crane).await;
    gateway.wait_for("slot B to be written", async || gateway.slot("B") != b).await;
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B", "not armed");

    // Neither SIGKILL nor a crane that stops for a moment changes that.
    gateway.kill();
    gateway.up().await;
    gateway.job_until(&job, "the hold after the kill", waits_for_crane).await;
    gateway.plant(json!({"crane_motion": "idle"})).await;
    gateway.wait_for("the crane to stop", async || !gateway.is_blocking("crane_motion").await).await;
    gateway.plant(json!({"crane_motion": "moving"})).await;
    gateway.wait_for("the crane to move", async || gateway.is_blocking("crane_motion").await).await;
    gateway.job_until(&job, "the hold", waits_for_crane).await;
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B", "not armed");

    gateway.plant(json!({"crane_motion": "idle"})).await;
    gateway.job_until(&job, "the commit", |job| job["status"] == "committed").await;
}

#[tokio::test]
async fn an_override_takes_one_update_past_a_moving_crane() {
    let gateway = Gateway::start().await;
    let admin = gateway.administrator(PIN).await;
    gateway.plant(json!({"crane_motion": "moving"})).await;
    gateway.wait_for("the crane to move", async || gateway.is_blocking("crane_motion").await).await;
    let update = json!({"update_id": "update-001", "install_after": true, "reboot_after": true});
    assert_eq!(gateway.post("download", update.clone()).await.0, StatusCode::LOCKED);

    let order = json!({"enable": true, "pin": PIN, "reason": REASON, "constraints": ["crane_motion"]});
    assert_eq!(gateway.post("safety/override", order.clone()).await.0, StatusCode::FORBIDDEN, "an operator");
    let enabled = Gateway::data(gateway.post_as(&admin, "safety/override", order).await);
    assert_eq!(enabled["update_allowed"], true);
    let started = Gateway::data(gateway.post("download", update).await);
    gateway.ended(started["job_id"].as_str().unwrap()).await;
    let status = Gateway::data(gateway.get("status").await);
    assert_eq!(status["gateway"]["os_version"], "v5.0.5");

    let safety = Gateway::data(gateway.get("safety").await);
    assert_eq!((&safety["force_override"], &safety["update_allowed"]), (&json!(false), &json!(false)));
    let again = json!({"update_id": "update-002"});
    assert_eq!(gateway.post("download", again).await.0, StatusCode::LOCKED, "it was for one operation");
}

#[tokio::test]
async fn pins_are_set_on_the_gateway_and_weak_ones_are_refused() {
    let gateway = Gateway::prepare(&[]).await;
    let set = |pin: &str, more: &[&str]| {
        let arguments = [&["pin", "set", "override"], more].concat();
        gateway.site.run_with_input(&arguments, &format!("{pin}\n"))
    };
    for (pin, words) in
        [("1234", "6 to 32 digits"), ("123456", "first that anybody"), ("739214", "published")]
    {
        let complaint = failed(&set(pin, &[]), 1);
        assert!(complaint.contains(words), "{complaint}");
        assert!(!complaint.contains(pin), "the PIN is not repeated");
    }
    succeeded(&set("739214", &["--accept-published"]));
    succeeded(&set("739281", &[]));
    succeeded(&set("1", &["--if-missing"]));
    failed(&gateway.site.run_with_input(&["pin", "set", "door"], "739281\n"), 2);
}
