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

/// Neither slot starts any more, and the gateway is restarted.
async fn into_recovery(gateway: &Gateway) {
    ruin(gateway, "A");
    ruin(gateway, "B");
    Gateway::data(gateway.post("reboot", json!({ "reason": "a test" })).await);
    in_recovery(gateway).await;
    gateway.ready().await;
}

async fn in_recovery(gateway: &Gateway) {
    let status = async || gateway.call(reqwest::Method::GET, "status", None).await;
    gateway
        .wait_for("the recovery system", async || {
            status().await.is_some_and(|(_, body)| body["data"]["gateway"]["in_recovery"] == true)
        })
        .await;
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

    // What runs is what was written there, whatever is on the shelf.
    for file in fs::read_dir(gateway.site.path("recovery")).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    into_recovery(&gateway).await;
    let shown = Gateway::data(gateway.get("status").await);
    assert_eq!(
        (&shown["gateway"]["os_version"], &shown["partitions"]["active"]["booted"]),
        (&json!("v4.9.0"), &json!(false))
    );
    assert_eq!(gateway.boot_environment()["BOOT_R_LEFT"], "3", "it has its tries back");
    let (code, answer) =
        gateway.upload_to("recovery/upload", "r.img", recovery_image(&gateway, 8 << 20)).await;
    assert_eq!((code.as_u16(), &answer["error"]["code"]), (409, &json!("OTA_RECOVERY_FAILED")), "{answer}");
    assert_eq!(answer["error"]["details"]["conflict"], "recovery_slot_running");
    let (code, answer) = gateway.post("snapshot", json!({ "name": "of what runs" })).await;
    assert_eq!(
        (code.as_u16(), &answer["error"]["details"]["conflict"]),
        (409, &json!("in_recovery")),
        "{answer}"
    );

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
async fn a_repair_that_fails_its_trial_leads_back_to_the_recovery_system() {
    let gateway = Gateway::start_with(&[("HEALTH__DEADLINE_SECONDS", "3")]).await;
    upload(&gateway).await;
    into_recovery(&gateway).await;
    gateway.publish(&Release::new("bad-health", "v6.6.6").image_size(8 << 20).unhealthy()).await;
    let job = gateway.start_update("bad-health", true).await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "rolled_back", "{end}");
    assert!(end["outcome"]["message"].as_str().unwrap().contains("health"), "{end}");
    in_recovery(&gateway).await;
    gateway.ready().await;
    let shown = Gateway::data(gateway.get("status").await);
    assert_eq!(shown["gateway"]["os_version"], "v4.9.0");
    assert_eq!(shown["partitions"]["inactive"]["status"], "bad");
    let environment = gateway.boot_environment();
    let left = ["BOOT_A_LEFT", "BOOT_B_LEFT", "BOOT_R_LEFT"].map(|name| environment[name].as_str());
    assert_eq!((environment["BOOT_ORDER"].as_str(), left), ("A B R", ["0", "0", "3"]));
    assert!(gateway.log().contains("restarting into the proven system on slot R"));

    // Nothing of it stands in the way of the next one.
    let job = gateway.start_update("update-001", true).await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    let shown = Gateway::data(gateway.get("status").await);
    assert_eq!(
        (&shown["gateway"]["in_recovery"], &shown["partitions"]["active"]["id"]),
        (&json!(false), &json!("B"))
    );
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
