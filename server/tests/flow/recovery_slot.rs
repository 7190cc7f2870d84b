//! The recovery slot: written by hand, started when neither of the others starts, and left again.

use crate::gateway::Gateway;
use ota_publish::{keys::Keys, release::Release};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

fn recovery_image(gateway: &Gateway, size: u64) -> Vec<u8> {
    let keys = Keys::open(gateway.site.path("keys")).unwrap();
    let file = gateway.site.path("recovery.raucb");
    Release::new("recovery", "v4.9.0").image_size(size).write_bundle(&keys, &file).unwrap();
    let bundle = fs::read(&file).unwrap();
    fs::remove_file(file).unwrap();
    bundle
}

/// What is in the slot is no file system any more.
fn ruin(gateway: &Gateway, slot: &str) {
    let file =
        File::options().write(true).open(gateway.site.path(&format!("slots/{slot}/rootfs.img"))).unwrap();
    file.write_all_at(&[0; 8192], 0).unwrap();
    file.sync_all().unwrap();
}

async fn upload(gateway: &Gateway) -> Value {
    Gateway::data(
        gateway.upload_to("recovery/upload", "recovery.img", recovery_image(gateway, 8 << 20)).await,
    )
}

#[tokio::test]
async fn a_gateway_with_two_dead_slots_starts_from_it_and_is_repaired() {
    let gateway = Gateway::start().await;
    let (a, b) = (gateway.slot("A"), gateway.slot("B"));
    assert_eq!(
        Gateway::data(gateway.get("recovery").await)["recovery_slot"],
        json!({ "ready": false, "tries_left": 0 })
    );
    upload(&gateway).await;
    assert_eq!((gateway.slot("A"), gateway.slot("B")), (a, b), "the other slots are untouched");
    let environment = gateway.boot_environment();
    assert_eq!((&environment["BOOT_ORDER"][..], &environment["BOOT_R_LEFT"][..]), ("A B R", "3"));
    assert_eq!(Gateway::data(gateway.get("recovery").await)["recovery_slot"]["ready"], true);

    ruin(&gateway, "A");
    ruin(&gateway, "B");
    Gateway::data(gateway.post("reboot", json!({ "reason": "a test" })).await);
    let status = async || gateway.call(reqwest::Method::GET, "status", None).await;
    gateway
        .wait_for("the recovery system", async || {
            status().await.is_some_and(|(_, body)| body["data"]["gateway"]["in_recovery"] == true)
        })
        .await;
    gateway.ready().await;
    let shown = Gateway::data(gateway.get("status").await);
    assert_eq!(
        (&shown["gateway"]["os_version"], &shown["partitions"]["active"]["booted"]),
        (&json!("v4.9.0"), &json!(false))
    );
    assert_eq!(gateway.boot_environment()["BOOT_R_LEFT"], "3", "it has its tries back");
    let (code, answer) =
        gateway.upload_to("recovery/upload", "r.img", recovery_image(&gateway, 8 << 20)).await;
    assert_eq!((code.as_u16(), &answer["error"]["code"]), (500, &json!("OTA_RECOVERY_FAILED")), "{answer}");

    // As the page orders it: there is no running slot of which a snapshot could be taken.
    let order = json!({ "update_id": "update-001", "install_after": true, "reboot_after": true, "create_snapshot": true });
    let started = Gateway::data(gateway.post("download", order).await);
    let job = started["job_id"].as_str().unwrap();
    assert_eq!(gateway.ended(job).await["status"], "committed");
    let shown = Gateway::data(gateway.get("status").await);
    assert_eq!(
        (&shown["gateway"]["in_recovery"], &shown["partitions"]["active"]["id"]),
        (&json!(false), &json!("B"))
    );
    assert_eq!(shown["gateway"]["os_version"], "v5.0.5");
}

#[tokio::test]
async fn an_image_that_does_not_fit_or_a_moving_crane_leaves_the_slot_alone() {
    let gateway = Gateway::start().await;
    upload(&gateway).await;
    let (r, environment) = (gateway.slot("R"), gateway.boot_environment());
    let (code, answer) =
        gateway.upload_to("recovery/upload", "r.img", recovery_image(&gateway, 32 << 20)).await;
    assert_eq!((code.as_u16(), &answer["error"]["code"]), (422, &json!("OTA_INVALID_IMAGE")), "{answer}");
    gateway.plant(json!({ "crane_motion": "moving" })).await;
    gateway.wait_for("the crane", async || gateway.is_blocking("crane_motion").await).await;
    let (code, answer) =
        gateway.upload_to("recovery/upload", "r.img", recovery_image(&gateway, 8 << 20)).await;
    // Writing goes on while the crane moves; what may not move is the machine when something starts.
    assert_eq!(code.as_u16(), 200, "{answer}");
    gateway.plant(json!({ "crane_motion": "idle", "ups_battery": 5 })).await;
    gateway.wait_for("the battery", async || gateway.is_blocking("ups_battery").await).await;
    let (code, answer) =
        gateway.upload_to("recovery/upload", "r.img", recovery_image(&gateway, 8 << 20)).await;
    assert_eq!((code.as_u16(), &answer["error"]["code"]), (423, &json!("OTA_UPDATE_BLOCKED")), "{answer}");
    assert_eq!((gateway.slot("R"), gateway.boot_environment()), (r, environment));
}
