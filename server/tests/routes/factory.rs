use crate::support::{Gateway, PIN};
use ota_core::PinKind;
use serde_json::{Value, json};
use std::{fs, sync::atomic::Ordering};

const PATH: &str = "/api/v1/ota/recovery/factory";

fn body(pin: &str, wipe: bool) -> Value {
    json!({ "pin": pin, "confirm": true, "wipe_data": wipe, "reason": "System decommissioning" })
}

async fn with_pin() -> Gateway {
    let gateway = Gateway::ready().await;
    gateway.set_pin_of(PinKind::Factory).await;
    gateway
}

fn order(gateway: &Gateway) -> Option<Value> {
    let text = fs::read(gateway.directory.path().join("factory-reset.json")).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

#[tokio::test]
async fn the_answer_is_the_documented_one_and_the_next_start_has_its_order() {
    let gateway = with_pin().await;
    let data = gateway.command(PATH, &body(PIN, true)).await.data("Factory reset started");
    assert_eq!((&data["status"], &data["operation"]), (&json!("started"), &json!("factory_reset")));
    assert_eq!(data["job_id"], "RESET-001");
    let shape: Vec<_> = data["estimated_duration"].as_str().unwrap().split(':').map(str::len).collect();
    assert_eq!(shape, [2, 2, 2], "{data}");
    let restarted = || gateway.world.reboots.load(Ordering::Relaxed) > 0;
    gateway.until("the restart", restarted).await;
    let order = order(&gateway).expect("an order");
    assert_eq!(
        (&order["job"]["id"], &order["job"]["reset"]["wipe_data"]),
        (&json!("RESET-001"), &json!(true))
    );
    assert_eq!(
        (&order["slots"]["a"]["version"], &order["slots"]["b"]["version"]),
        (&json!("v5.0.4"), &json!("v5.0.3"))
    );
    assert_eq!(gateway.world.commits.load(Ordering::Relaxed), 0, "without a recovery image no slot is armed");
}

#[tokio::test]
async fn a_recovery_image_is_installed_and_armed_before_the_restart() {
    let gateway = with_pin().await;
    super::recovery_upload::upload(&gateway, "recovery_v1.2.img", "v6.0.0\n").await;
    gateway.command(PATH, &body(PIN, false)).await.data("Factory reset started");
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) > 0).await;
    assert!(order(&gateway).is_some());
    let status = gateway.read("/api/v1/ota/status").await.data("Gateway status retrieved successfully");
    assert_eq!(status["partitions"]["inactive"]["version"], "v6.0.0");
    assert_eq!(status["partitions"]["inactive"]["next_boot"], true, "{status}");
}

#[tokio::test]
async fn it_waits_for_the_crane_and_can_be_cancelled_until_the_restart() {
    let gateway = with_pin().await;
    gateway.world.crane_moves.store(true, Ordering::Relaxed);
    gateway.command(PATH, &body(PIN, false)).await.failure(423, "OTA_UPDATE_BLOCKED");
    gateway.world.crane_moves.store(false, Ordering::Relaxed);
    super::recovery_upload::upload(&gateway, "recovery_v1.2.img", "v6.0.0\n").await;
    gateway.world.crane_starts_when_armed.store(true, Ordering::Relaxed);
    gateway.command(PATH, &body(PIN, false)).await.data("Factory reset started");
    gateway.until_job_is("held").await;
    assert!(order(&gateway).is_some(), "it is armed");
    gateway.order("/api/v1/ota/cancel", &json!({ "job_id": "RESET-001" })).await;
    gateway.until_job_is("cancelled").await;
    assert_eq!(order(&gateway), None, "nothing is reset any more");
    assert_eq!(gateway.world.reboots.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_cancel_that_the_power_cuts_off_ends_cancelled_wherever_the_gateway_starts() {
    for starts_from_b in [false, true] {
        let gateway = with_pin().await;
        super::recovery_upload::upload(&gateway, "recovery_v1.2.img", "v6.0.0\n").await;
        gateway.world.crane_starts_when_armed.store(true, Ordering::Relaxed);
        gateway.command(PATH, &body(PIN, true)).await.data("Factory reset started");
        gateway.until_job_is("held").await;
        // The order is taken back, and the slot is not disarmed: as after a power cut between the two.
        gateway.world.boot_read_only.store(true, Ordering::Relaxed);
        let cancel = json!({ "job_id": "RESET-001", "reason": "not today" });
        gateway.order("/api/v1/ota/cancel", &cancel).await.failure(500, "OTA_INSTALL_FAILED");
        assert_eq!(order(&gateway), None, "nothing is reset any more");
        let from_b =
            |world: &crate::support::World| world.runs_from_b.store(starts_from_b, Ordering::Relaxed);
        let mut gateway = gateway.restarted_into(from_b).await;
        if starts_from_b {
            gateway.until("the way back", || gateway.world.reboots.load(Ordering::Relaxed) > 0).await;
            gateway = gateway.restarted().await;
        }
        gateway.until_job_is("cancelled").await;
        let job = gateway.ota.snapshot().job.clone().expect("the job").job.clone();
        assert!(format!("{:?}", job.state).contains("not today"), "{job:?}");
        assert_eq!(order(&gateway), None);
    }
}

#[tokio::test]
async fn only_an_administrator_with_the_pin_a_reason_and_a_confirmation() {
    let gateway = Gateway::ready().await;
    gateway.command(PATH, &body(PIN, false)).await.failure(403, "OTA_INVALID_PIN");
    gateway.set_pin_of(PinKind::Factory).await;
    gateway.order(PATH, &body(PIN, false)).await.failure(403, "FORBIDDEN");
    gateway.command(PATH, &body("0000", false)).await.failure(403, "OTA_INVALID_PIN");
    for (field, value) in
        [("confirm", json!(false)), ("reason", json!("short")), ("reason", json!("x\ny".repeat(9)))]
    {
        let mut body = body(PIN, false);
        body[field] = value;
        gateway.command(PATH, &body).await.failure(400, "BAD_REQUEST");
    }
    for missing in ["pin", "confirm", "wipe_data", "reason"] {
        let mut body = body(PIN, false);
        body.as_object_mut().unwrap().remove(missing);
        gateway.command(PATH, &body).await.failure(400, "BAD_REQUEST");
    }
    assert_eq!(order(&gateway), None);
    let audit = gateway
        .get("/api/v1/ota/audit?action=factory_reset")
        .bearer(&gateway.token("admin").await)
        .gateway(crate::support::GATEWAY)
        .send()
        .await;
    let codes: Vec<_> =
        audit.body()["data"]["records"].as_array().unwrap().iter().map(|r| r["code"].clone()).collect();
    assert!(codes.contains(&json!("forbidden")) && codes.contains(&json!("invalid_pin")), "{codes:?}");
}

#[tokio::test]
async fn five_wrong_pins_cost_a_wait() {
    let gateway = with_pin().await;
    for _ in 0..4 {
        gateway.command(PATH, &body("111111", false)).await.failure(403, "OTA_INVALID_PIN");
    }
    gateway.command(PATH, &body("111111", false)).await.failure(403, "OTA_INVALID_PIN");
    gateway.command(PATH, &body(PIN, false)).await.failure(429, "OTA_INVALID_PIN");
}

#[tokio::test]
async fn one_operation_at_a_time() {
    let gateway = with_pin().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001" })).await.body();
    gateway.command(PATH, &body(PIN, false)).await.failure(409, "OTA_OPERATION_IN_PROGRESS");
}
