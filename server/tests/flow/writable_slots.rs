//! Systems that are mounted for writing: what is in a slot changes as soon as it runs, so nobody compares it. It is judged by its
//! record, and a snapshot keeps all of it.

use crate::gateway::Gateway;
use crate::ways_back::{active, flip_bit, snapshot};
use serde_json::{Value, json};

async fn gateway() -> Gateway {
    Gateway::start_with(&[("SLOTS__WRITABLE", "true")]).await
}

/// As the running system does.
fn write_to(gateway: &Gateway, slot: &str) {
    flip_bit(&gateway.site.path(&format!("slots/{slot}/rootfs.img")), 5 << 20);
}

async fn rolled_back(gateway: &Gateway, slot: &str) -> (u16, Value) {
    let action = format!("rollback_to_{}", slot.to_lowercase());
    let (status, answer) =
        gateway.post("recovery/rollback", json!({ "action": action, "reason": "Update issues" })).await;
    (status.as_u16(), answer)
}

#[tokio::test]
async fn a_snapshot_keeps_what_the_system_has_written_and_brings_it_back() {
    let gateway = gateway().await;
    write_to(&gateway, "A");
    let a = gateway.slot("A");
    let first = snapshot(&gateway).await;
    write_to(&gateway, "A");
    let body = json!({ "version": "v5.0.4", "snapshot_id": first, "reboot_after": true });
    let started = Gateway::data(gateway.post("recovery/restore", body).await);
    let end = gateway.ended(started["job_id"].as_str().unwrap()).await;
    assert_eq!(end["status"], "completed", "{end}");
    assert_eq!(active(&gateway).await, (json!("B"), json!("v5.0.4")));
    assert!(gateway.slot("B") == a, "all of the slot, as it was then");
    // What was restored is written to as well, and can be kept again.
    write_to(&gateway, "B");
    let second = snapshot(&gateway).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_slot_that_was_written_to_is_still_a_way_back() {
    let gateway = gateway().await;
    let job = gateway.start_update("update-001", true).await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    gateway.ready().await;
    for slot in ["A", "B"] {
        write_to(&gateway, slot);
    }
    let (status, answer) = rolled_back(&gateway, "A").await;
    assert_eq!((status, &answer["data"]["status"]), (200, &json!("completed")), "{answer}");
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B");
    Gateway::data(gateway.post("reboot", json!({ "reason": "rolled back" })).await);
    assert_eq!(gateway.ended(answer["data"]["job_id"].as_str().unwrap()).await["status"], "completed");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.4")));
    // And forward again, to what has changed there meanwhile.
    gateway.ready().await;
    assert_eq!(rolled_back(&gateway, "B").await.0, 200);
}

#[tokio::test]
async fn what_is_recorded_as_bad_or_has_no_try_left_is_none() {
    let gateway = gateway().await;
    let order = json!({ "update_id": "update-001", "install_after": true });
    let job = Gateway::data(gateway.post("download", order).await)["job_id"].as_str().unwrap().to_owned();
    let flashing = |job: &Value| job["progress"]["current_operation"] == "flashing_partition_b";
    let reached = gateway.job_until(&job, "the writing", |job| flashing(job) || job["armed"] == true).await;
    Gateway::data(gateway.post("cancel", json!({ "job_id": job })).await);
    assert_eq!(gateway.ended(&job).await["status"], "cancelled", "{reached}");
    let before = gateway.boot_environment();
    assert_eq!(before["BOOT_B_LEFT"], "0");
    let (status, answer) = rolled_back(&gateway, "B").await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("OTA_ROLLBACK_FAILED")), "{answer}");
    assert_eq!(gateway.boot_environment(), before);
}
