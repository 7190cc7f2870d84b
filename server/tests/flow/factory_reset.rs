//! A factory reset of the real program on real slots, through whatever interrupts it, to the first administrator of the gateway.

use crate::gateway::{Gateway, ID};
use crate::moments::Moments;
use crate::support::{json, out, succeeded};
use ota_publish::release::Release;
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

const PIN: &str = "204816";
const OVERRIDE_PIN: &str = "739281";
/// Of each tier: fifty of the operation.
const KILLS: u32 = 25;

/// The session of an administrator who knows the PIN.
async fn administrator(gateway: &Gateway) -> String {
    let token = gateway.administrator(OVERRIDE_PIN).await;
    succeeded(&gateway.site.run_with_input(&["pin", "set", "factory"], &format!("{PIN}\n")));
    token
}

fn order(wipe: bool) -> Value {
    json!({ "pin": PIN, "confirm": true, "wipe_data": wipe, "reason": "System decommissioning" })
}

/// The claim token that the program printed last.
fn token(gateway: &Gateway) -> String {
    let log = gateway.log();
    let groups = |line: &&str| line.trim().split('-').map(str::len).eq([4, 4, 4, 4]);
    log.lines().rfind(groups).unwrap_or_else(|| panic!("no token: {log}")).trim().to_owned()
}

/// Sets the gateway up again; the session of its new administrator.
async fn set_up(gateway: &Gateway) -> String {
    let url = |path: &str| format!("http://{}{path}", gateway.address());
    let client = reqwest::Client::new();
    let body = json!({ "claim_token": token(gateway), "username": "chief", "password": "a good password",
        "override_pin": "583921", "factory_pin": "902714" });
    let answer = client.post(url("/api/v1/auth/setup")).json(&body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["data"], json!({ "username": "chief" }), "{answer}");
    let login = json!({ "username": "chief", "password": "a good password" });
    let answer = client.post(url("/api/v1/auth/login")).header("x-gateway-id", ID).json(&login);
    let answer: Value = answer.send().await.unwrap().json().await.unwrap();
    answer["data"]["token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Waits until the reset is carried out and the gateway waits for its set-up.
async fn carried_out(gateway: &Gateway) {
    let order = gateway.site.path("factory-reset.json");
    let prints = || gateway.log().contains("enter this claim token");
    gateway.wait_for("the reset", async || !order.exists() && prints()).await;
    gateway.ready().await;
}

fn users(gateway: &Gateway) -> usize {
    json(&gateway.site.run(&["user", "list", "--json"])).as_array().unwrap().len()
}

fn entries(gateway: &Gateway, directory: &str) -> usize {
    fs::read_dir(gateway.site.path(directory)).map_or(0, Iterator::count)
}

#[tokio::test]
async fn users_settings_and_pins_go_and_everything_else_stays() {
    let gateway = Gateway::start().await;
    let admin = administrator(&gateway).await;
    Gateway::data(gateway.post("snapshot", json!({ "name": "kept" })).await);
    gateway.ended("snap-001").await;
    let a = gateway.slot("A");
    let started = Gateway::data(gateway.post_as(&admin, "recovery/factory", order(false)).await);
    carried_out(&gateway).await;
    assert_eq!(gateway.get("status").await.0.as_u16(), 401, "the sessions are gone");
    assert_eq!(users(&gateway), 0);
    let chief = set_up(&gateway).await;
    let path = format!("progress?job_id={}", started["job_id"].as_str().unwrap());
    let job = Gateway::data(gateway.get_as(&chief, &path).await);
    assert_eq!((&job["status"], &job["kind"]), (&json!("completed"), &json!("factory_reset")), "{job}");
    let recovery = Gateway::data(gateway.get_as(&chief, "recovery").await);
    assert_eq!(recovery["snapshots"][0]["id"], "snap-001", "{recovery}");
    assert_eq!((gateway.slot("A"), &gateway.boot_environment()["BOOT_ORDER"][..]), (a, "A B"));
    let audit = succeeded(&gateway.site.run(&["audit", "verify"]));
    assert!(!audit.is_empty());
    let records = out(&gateway.site.run(&["audit", "export"]));
    assert!(records.contains("settings, users and PINs are reset"), "{records}");
    assert!(records.contains("\"login\""), "what was before stays on record");
}

#[tokio::test]
async fn everything_goes_and_the_recovery_image_runs() {
    let gateway = Gateway::start().await;
    let admin = administrator(&gateway).await;
    let keys = ota_publish::keys::Keys::open(gateway.site.path("keys")).unwrap();
    let file = gateway.site.path("recovery.raucb");
    Release::new("recovery", "v4.9.0").image_size(8 << 20).write_bundle(&keys, &file).unwrap();
    let uploaded =
        Gateway::data(gateway.upload_to("recovery/upload", "recovery.img", fs::read(&file).unwrap()).await);
    assert_eq!(uploaded["version"], "v4.9.0");
    Gateway::data(gateway.post("snapshot", json!({ "name": "kept" })).await);
    gateway.ended("snap-001").await;
    let a = gateway.slot("A");
    Gateway::data(gateway.post_as(&admin, "recovery/factory", order(true)).await);
    carried_out(&gateway).await;
    let chief = set_up(&gateway).await;
    let end = gateway.ended_as(&chief, "RESET-001").await;
    assert_eq!(end["status"], "completed", "{end}");
    let status = Gateway::data(gateway.get_as(&chief, "status").await);
    assert_eq!(status["partitions"]["active"]["id"], "B");
    assert_eq!(status["gateway"]["os_version"], "v4.9.0");
    assert_eq!(status["partitions"]["inactive"]["version"], "v5.0.4", "what is in the slots is still known");
    assert_eq!(gateway.slot("A"), a, "the slot that ran is untouched");
    let recovery = Gateway::data(gateway.get_as(&chief, "recovery").await);
    assert_eq!((&recovery["snapshots"], &recovery["bundles"]), (&json!([]), &json!([])), "{recovery}");
    assert_eq!(recovery["recovery_image"]["version"], "v4.9.0");
    assert_eq!((entries(&gateway, "uploads"), entries(&gateway, "staging")), (0, 0));
    succeeded(&gateway.site.run(&["audit", "verify"]));
    let records = out(&gateway.site.run(&["audit", "export"]));
    let first: Value = serde_json::from_str(records.lines().next().unwrap()).unwrap();
    assert_eq!((&first["seq"], &first["action"]), (&json!(1), &json!("factory_reset")), "{first}");
    assert!(first["detail"].as_str().unwrap().contains("records when that was ordered"), "{first}");
}

/// What a reset works on.
const DATA: [&str; 6] =
    ["gateway.db", "gateway.db-wal", "gateway.db-shm", "snapshots", "bundles", "factory-reset.json"];

fn copy_data(from: &Path, to: &Path) {
    for name in DATA {
        let (from, to) = (from.join(name), to.join(name));
        _ = fs::remove_dir_all(&to);
        _ = fs::remove_file(&to);
        if from.exists() {
            let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
            assert!(copied.success());
        }
    }
}

#[tokio::test]
async fn boot_apply_is_killed_again_and_again_and_finishes() {
    let mut moments = Moments::new("factory reset");
    for wipe in [true, false] {
        let mut gateway = Gateway::start().await;
        let admin = administrator(&gateway).await;
        Gateway::data(gateway.post("snapshot", json!({ "name": "kept" })).await);
        gateway.ended("snap-001").await;
        let placed = gateway.site.path("factory-reset.json");
        Gateway::data(gateway.post_as(&admin, "recovery/factory", order(wipe)).await);
        gateway.wait_for("the order", async || placed.exists()).await;
        // Before the restart, which would carry it out.
        gateway.kill();
        assert!(placed.exists());
        let before = gateway.site.path("before");
        fs::create_dir(&before).unwrap();
        copy_data(gateway.site.directory.path(), &before);
        // The machine comes up again.
        fs::write(gateway.site.path("run/boot_id"), "another-boot\n").unwrap();
        let mut killed = 0;
        for _ in 0..KILLS {
            copy_data(&before, gateway.site.directory.path());
            let mut apply = gateway.command(&["boot-apply"]);
            let mut apply = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(moments.within(150)).await;
            killed += u32::from(apply.try_wait().unwrap().is_none());
            apply.kill().unwrap();
            apply.wait().unwrap();
            succeeded(&gateway.command(&["boot-apply"]).output().unwrap());
            assert!(!placed.exists());
            assert_eq!(users(&gateway), 0);
            assert_eq!(entries(&gateway, "snapshots") == 0, wipe);
        }
        println!("factory reset, wipe {wipe}: {killed} of {KILLS} were killed at work");
        gateway.up_without_users().await;
        let chief = set_up(&gateway).await;
        let status = Gateway::data(gateway.get_as(&chief, "status").await);
        assert_eq!(status["partitions"]["inactive"]["version"], "v5.0.3", "{status}");
        succeeded(&gateway.site.run(&["audit", "verify"]));
    }
}

#[tokio::test]
async fn nothing_is_reset_before_the_restart_nor_after_a_cancel() {
    let gateway = Gateway::start().await;
    let admin = administrator(&gateway).await;
    gateway.plant(json!({ "crane_motion": "idle" })).await;
    let said = succeeded(&gateway.command(&["boot-apply"]).output().unwrap());
    assert_eq!(said, "Nothing was ordered.\n");
    fs::write(gateway.site.path("factory-reset.json"), "{\"job\":").unwrap();
    let said = succeeded(&gateway.command(&["boot-apply"]).output().unwrap());
    assert_eq!(said, "Nothing was ordered.\n", "a damaged order keeps nobody from starting");
    // The reset is held between its order and the restart.
    let keys = ota_publish::keys::Keys::open(gateway.site.path("keys")).unwrap();
    let file = gateway.site.path("recovery.raucb");
    Release::new("recovery", "v4.9.0").image_size(8 << 20).write_bundle(&keys, &file).unwrap();
    Gateway::data(gateway.upload_to("recovery/upload", "recovery.img", fs::read(&file).unwrap()).await);
    let started = Gateway::data(gateway.post_as(&admin, "recovery/factory", order(true)).await);
    let id = started["job_id"].as_str().unwrap();
    gateway.plant(json!({ "crane_motion": "moving" })).await;
    gateway.job_until(id, "the hold", |job| job["status"] == "held").await;
    Gateway::data(gateway.post("cancel", json!({ "job_id": id })).await);
    assert!(!gateway.site.path("factory-reset.json").exists());
    assert_eq!(users(&gateway), 3);
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B R");
}
