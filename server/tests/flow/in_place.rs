//! Updates in place: the running slot is written by a start of the gateway, and the snapshot is the way back.

use crate::gateway::Gateway;
use crate::moments::Moments;
use crate::small_disk::SmallDisk;
use crate::support::{failed, skipped, succeeded};
use crate::ways_back::{active, flip_bit, published, snapshot};
use ota_publish::{image::Content, release::Release};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const KILLS: u32 = 50;
const IMAGE: u64 = 8 << 20;
/// `boot-apply`: the boot loader has to choose again.
const RESTART: i32 = 4;

async fn downloaded(gateway: &Gateway, update: &str) -> String {
    let job = gateway.start_update(update, false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    job
}

async fn installed(gateway: &Gateway, job: &str, reboot_after: bool) -> Value {
    let body = json!({ "job_id": job, "strategy": "in_place", "reboot_after": reboot_after });
    Gateway::data(gateway.post("install", body).await)
}

/// The update is ordered, and waits for the restart that carries it out.
async fn ordered(gateway: &Gateway, update: &str) -> String {
    let job = downloaded(gateway, update).await;
    installed(gateway, &job, false).await;
    gateway.job_until(&job, "the order", |job| job["armed"] == true).await;
    assert!(order(gateway).exists());
    job
}

fn order(gateway: &Gateway) -> PathBuf {
    gateway.site.path("slot-order.json")
}

/// A release that starts and whose self-test fails.
async fn publish_unwell(gateway: &Gateway) {
    gateway.publish(&Release::new("update-009", "v6.0.0").image_size(IMAGE).unhealthy()).await;
}

/// A release of whose image nothing starts.
async fn publish_dead(gateway: &Gateway) {
    gateway.publish(&Release::new("update-009", "v6.0.0").image_size(IMAGE).content(Content::Filler)).await;
}

/// The machine has come up again, from `slot`, as far as its initramfs.
fn restarted_from(gateway: &Gateway, slot: &str, boot: u32) {
    fs::write(gateway.site.path("run/boot_id"), format!("boot-{boot}\n")).unwrap();
    let line = format!("root=/dev/x ro rauc.slot={slot}\n");
    fs::write(gateway.site.path("run/cmdline"), line).unwrap();
}

fn apply(gateway: &Gateway) -> std::process::Output {
    gateway.command(&["boot-apply"]).output().unwrap()
}

fn largest(directory: &Path) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

async fn slot_status(gateway: &Gateway, which: &str) -> String {
    let status = Gateway::data(gateway.get("status").await);
    status["partitions"][which]["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_running_slot_is_updated_in_a_restart_and_confirmed() {
    let gateway = Gateway::start().await;
    let (a, b) = (gateway.slot("A"), gateway.slot("B"));
    let job = downloaded(&gateway, "update-001").await;
    let started = installed(&gateway, &job, true).await;
    assert_eq!(
        (&started["strategy"], &started["target_partition"], &started["next_boot_partition"]),
        (&json!("in_place"), &json!("A"), &json!("A")),
        "{started}"
    );
    let end = gateway.ended(&job).await;
    assert_eq!((&end["status"], &end["strategy"]), (&json!("committed"), &json!("in_place")), "{end}");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.5")));
    assert!(gateway.slot("A") != a, "it was written");
    assert!(gateway.slot("B") == b, "the other slot is untouched");
    let environment = gateway.boot_environment();
    assert_eq!((&environment["BOOT_ORDER"][..], &environment["BOOT_A_LEFT"][..]), ("A B", "3"));
    assert!(!order(&gateway).exists(), "the order is over with its job");
    let recovery = Gateway::data(gateway.get("recovery").await);
    assert_eq!(recovery["snapshots"][0]["id"], end["snapshot_id"], "{recovery}");
    assert_eq!(recovery["snapshots"][0]["version"], "v5.0.4", "{recovery}");
    let audit = succeeded(&gateway.site.run(&["audit", "export"]));
    assert!(audit.contains("slot A holds v5.0.5, written before it was mounted, proven"), "{audit}");
    // The way to the other slot is what it was.
    gateway.ready().await;
    let body = json!({ "action": "rollback_to_b", "reason": "Update issues detected" });
    let done = Gateway::data(gateway.post("recovery/rollback", body).await);
    assert_eq!((&done["status"], &done["to_version"]), (&json!("completed"), &json!("v5.0.3")), "{done}");
}

#[tokio::test]
async fn an_uploaded_image_goes_into_the_running_slot_that_was_named() {
    let gateway = Gateway::start().await;
    let image = Gateway::data(gateway.upload("x.raucb", published(&gateway, "5.0.5")).await);
    for (strategy, target) in [("seamless", "A"), ("in_place", "B")] {
        let body = json!({ "filename": "x.raucb", "checksum": image["file"]["checksum"], "strategy": strategy,
            "target_partition": target });
        assert_eq!(gateway.post("upload/deploy", body).await.0.as_u16(), 400, "{strategy}");
    }
    let body = json!({ "filename": "x.raucb", "checksum": image["file"]["checksum"], "strategy": "in_place",
        "target_partition": "A", "reboot_after": true });
    let started = Gateway::data(gateway.post("upload/deploy", body).await);
    let end = gateway.ended(started["job_id"].as_str().unwrap()).await;
    assert_eq!((&end["status"], &end["kind"]), (&json!("completed"), &json!("deploy")), "{end}");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.5")));
}

#[tokio::test]
async fn one_click_downloads_and_updates_in_place() {
    let gateway = Gateway::start().await;
    let order = json!({ "update_id": "update-001", "install_after": true, "reboot_after": true,
        "strategy": "in_place", "target_partition": "A" });
    let started = Gateway::data(gateway.post("download", order).await);
    assert_eq!(started["target_partition"], "A", "{started}");
    let end = gateway.ended(started["job_id"].as_str().unwrap()).await;
    assert_eq!(end["status"], "committed", "{end}");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.5")));
    let order = json!({ "update_id": "update-002", "strategy": "in_place" });
    assert_eq!(
        gateway.post("download", order).await.0.as_u16(),
        400,
        "without an installation it has no meaning"
    );
}

/// The former system is back in slot A, bit for bit, and runs.
async fn is_back(gateway: &Gateway, end: &Value, (a, b): (Vec<u8>, Vec<u8>)) {
    assert_eq!(end["status"], "rolled_back", "{end}");
    assert_eq!(end["back_to"], "v5.0.4", "{end}");
    assert_eq!(active(gateway).await, (json!("A"), json!("v5.0.4")));
    assert_eq!(slot_status(gateway, "active").await, "healthy");
    let length = usize::try_from(IMAGE).unwrap();
    assert!(gateway.slot("A")[..length] == a[..length], "bit for bit");
    assert!(gateway.slot("B") == b, "the other slot is untouched");
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B");
    let all_tries = async || gateway.boot_environment()["BOOT_A_LEFT"] == "3";
    gateway.wait_for("the slot to have its tries back", all_tries).await;
    assert!(!order(gateway).exists());
}

#[tokio::test]
async fn a_failed_trial_puts_the_snapshot_back() {
    let gateway = Gateway::start_with(&[("HEALTH__DEADLINE_SECONDS", "1")]).await;
    let before = (gateway.slot("A"), gateway.slot("B"));
    publish_unwell(&gateway).await;
    let job = downloaded(&gateway, "update-009").await;
    installed(&gateway, &job, true).await;
    let end = gateway.ended(&job).await;
    is_back(&gateway, &end, before).await;
    assert!(end["outcome"]["message"].as_str().unwrap().contains("slot self-test"), "{end}");
}

#[tokio::test]
async fn a_system_that_never_starts_uses_up_its_tries_and_the_snapshot_is_put_back() {
    let gateway = Gateway::start().await;
    let before = (gateway.slot("A"), gateway.slot("B"));
    publish_dead(&gateway).await;
    let boots = gateway.boots().len();
    let job = downloaded(&gateway, "update-009").await;
    installed(&gateway, &job, true).await;
    let end = gateway.ended(&job).await;
    let tried: Vec<_> = gateway.boots()[boots..].iter().map(|line| line[21..].to_owned()).collect();
    let failed = "slot A failed: no file system".to_owned();
    let started = |slot: &str| format!("slot {slot} started");
    // The start of A that writes it, three tries of the new system, the start of B that puts the former one back, and that one.
    let wanted = [started("A"), failed.clone(), failed.clone(), failed, started("B"), started("A")];
    assert_eq!(tried, wanted);
    is_back(&gateway, &end, before).await;
}

#[tokio::test]
async fn a_bit_that_flips_in_the_staged_bundle_leaves_the_slot_alone() {
    let gateway = Gateway::start().await;
    let (a, b) = (gateway.slot("A"), gateway.slot("B"));
    let job = ordered(&gateway, "update-001").await;
    let staged = largest(&gateway.site.path("staging"));
    flip_bit(&staged, fs::metadata(&staged).unwrap().len() / 2);
    Gateway::data(gateway.post("reboot", json!({ "reason": "the update" })).await);
    let end = gateway.ended(&job).await;
    assert_eq!(
        (&end["status"], &end["outcome"]["code"]),
        (&json!("failed"), &json!("OTA_INVALID_IMAGE")),
        "{end}"
    );
    assert!((gateway.slot("A"), gateway.slot("B")) == (a, b), "nothing was written");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.4")));
    assert_eq!(slot_status(&gateway, "active").await, "healthy");
    assert!(!order(&gateway).exists());
}

#[tokio::test]
async fn a_bit_that_flips_in_the_snapshot_leaves_the_other_slot_and_says_what_to_do() {
    let gateway = Gateway::start_with(&[("HEALTH__DEADLINE_SECONDS", "1")]).await;
    let b = gateway.slot("B");
    publish_unwell(&gateway).await;
    let job = ordered(&gateway, "update-009").await;
    let pack = largest(&gateway.site.path("snapshots"));
    flip_bit(&pack, fs::metadata(&pack).unwrap().len() / 2);
    Gateway::data(gateway.post("reboot", json!({ "reason": "the update" })).await);
    let end = gateway.ended(&job).await;
    assert_eq!((&end["status"], &end["back_to"]), (&json!("rolled_back"), &Value::Null), "{end}");
    let said = end["outcome"]["message"].as_str().unwrap();
    for part in ["slot self-test", "damaged", "runs from slot B", "install an update"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(active(&gateway).await, (json!("B"), json!("v5.0.3")));
    assert_eq!(
        (slot_status(&gateway, "active").await, slot_status(&gateway, "inactive").await),
        ("healthy".into(), "bad".into())
    );
    assert!(gateway.slot("B") == b, "the other slot is untouched");
    let environment = gateway.boot_environment();
    assert_eq!((&environment["BOOT_ORDER"][..], &environment["BOOT_A_LEFT"][..]), ("B A", "0"));
    // The gateway works: an update goes into the slot that is bad.
    gateway.ready().await;
    let job = gateway.start_update("update-001", true).await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.5")));
}

#[tokio::test]
async fn a_cancel_before_the_restart_withdraws_the_order() {
    let gateway = Gateway::start().await;
    let (a, before) = (gateway.slot("A"), gateway.boot_environment());
    let job = ordered(&gateway, "update-001").await;
    let (status, answer) = gateway.post("snapshot/delete", json!({ "snapshot_id": "snap-001" })).await;
    assert_eq!(status.as_u16(), 409, "the way back stays: {answer}");
    Gateway::data(gateway.post("cancel", json!({ "job_id": job })).await);
    assert!(!order(&gateway).exists());
    Gateway::data(gateway.post("reboot", json!({ "reason": "to see" })).await);
    gateway.wait_for("the restart", async || gateway.boots().len() == 2).await;
    gateway.ready().await;
    gateway.wait_for("the slot to have its tries back", async || gateway.boot_environment() == before).await;
    assert!(gateway.slot("A") == a, "nothing was written");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.4")));
}

#[tokio::test]
async fn where_the_start_looks_for_no_orders_it_is_refused_with_the_reason() {
    // The start of this one is nobody’s but the test’s.
    let mut gateway = Gateway::prepare(&[("BOOT__REBOOT", "systemd")]).await;
    gateway.up().await;
    let job = downloaded(&gateway, "update-001").await;
    let refused = json!({ "job_id": job, "strategy": "in_place" });
    let (status, answer) = gateway.post("install", refused.clone()).await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (400, &json!("BAD_REQUEST")), "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("boot-apply"), "{answer}");
    let offers = Gateway::data(gateway.get("status").await)["strategies"].clone();
    assert_eq!(offers[0], json!({ "strategy": "seamless", "refused": null }), "{offers}");
    assert!(offers[1]["refused"].as_str().unwrap().contains("boot-apply"), "{offers}");
    // With the hook it is offered, from the next start on.
    gateway.kill();
    restarted_from(&gateway, "A", 1);
    assert_eq!(succeeded(&apply(&gateway)), "Nothing was ordered.\n");
    gateway.up().await;
    Gateway::data(gateway.post("install", refused).await);
}

#[tokio::test]
async fn without_another_system_that_starts_it_is_refused() {
    let gateway = Gateway::start().await;
    let (image, job) = (gateway.site.path("slots/B/rootfs.img"), downloaded(&gateway, "update-001").await);
    flip_bit(&image, 1 << 20);
    let body = json!({ "action": "rollback_to_b", "reason": "Update issues detected" });
    assert_eq!(gateway.post("recovery/rollback", body).await.0.as_u16(), 500, "that is how it is found");
    let (status, answer) = gateway.post("install", json!({ "job_id": job, "strategy": "in_place" })).await;
    assert_eq!(status.as_u16(), 400, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("slot B"), "{answer}");
}

#[tokio::test]
async fn without_room_for_the_snapshot_nothing_begins() {
    let mut gateway = Gateway::prepare(&[("SNAPSHOTS__KEEP_FREE_MEGABYTES", "1")]).await;
    let Some(disk) = SmallDisk::mount(gateway.site.path("snapshots"), 24) else {
        return skipped("no small file system can be mounted here (it needs root)");
    };
    gateway.up().await;
    let job = downloaded(&gateway, "update-001").await;
    disk.leave(5 << 20);
    let body = json!({ "job_id": job, "strategy": "in_place", "reboot_after": true });
    let (status, answer) = gateway.post("install", body).await;
    assert_eq!(
        (status.as_u16(), &answer["error"]["code"]),
        (507, &json!("OTA_INSUFFICIENT_SPACE")),
        "{answer}"
    );
    let waits = Gateway::data(gateway.get(&format!("progress?job_id={job}")).await);
    assert_eq!((waits["status"].clone(), order(&gateway).exists()), (json!("downloaded"), false));
    disk.make_room();
    installed(&gateway, &job, true).await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    gateway.kill();
}

/// What a start works on.
const STATE: [&str; 7] =
    ["gateway.db", "gateway.db-wal", "gateway.db-shm", "slot-order.json", "boot-hook", "slots", "uboot.env"];

fn copy_state(from: &Path, to: &Path) {
    for name in STATE {
        let (from, to) = (from.join(name), to.join(name));
        _ = fs::remove_dir_all(&to);
        _ = fs::remove_file(&to);
        if from.exists() {
            assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
        }
    }
}

/// Kills `boot-apply` at moments that nobody chose, in starts of both slots, until it has finished.
async fn killed_in_the_start(gateway: &mut Gateway, what: &str, wanted: &[u8]) {
    gateway.kill();
    let mut moments = Moments::new(what);
    let before = gateway.site.path("before");
    fs::create_dir(&before).unwrap();
    let root = gateway.site.directory.path().to_owned();
    copy_state(&root, &before);
    let b = gateway.slot("B");
    let (mut killed, mut boot) = (0, 0);
    for round in 0..KILLS {
        copy_state(&before, &root);
        // Some of them are interrupted again and again, and the boot loader takes what it finds.
        for _ in 0..=round % 4 {
            boot += 1;
            let next = gateway.boot_environment()["BOOT_A_LEFT"] != "0";
            restarted_from(gateway, if next { "A" } else { "B" }, boot);
            let mut apply = gateway.command(&["boot-apply"]);
            let mut apply = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(moments.within(250)).await;
            killed += u32::from(apply.try_wait().unwrap().is_none());
            apply.kill().unwrap();
            apply.wait().unwrap();
            let env = gateway.boot_environment();
            let holds = gateway.slot("A")[..wanted.len()] == *wanted;
            let untouched = gateway.slot("A") == fs::read(before.join("slots/A/rootfs.img")).unwrap();
            assert!(env["BOOT_A_LEFT"] == "0" || holds || untouched, "what is half written does not start");
        }
        boot += 1;
        let next = gateway.boot_environment()["BOOT_A_LEFT"] != "0";
        restarted_from(gateway, if next { "A" } else { "B" }, boot);
        let output = apply(gateway);
        assert!(matches!(output.status.code(), Some(0 | RESTART)), "{output:?}");
        assert!(gateway.slot("A")[..wanted.len()] == *wanted, "all of it is there");
        assert!(gateway.slot("B") == b, "the other slot is untouched");
        let environment = gateway.boot_environment();
        assert_eq!((&environment["BOOT_ORDER"][..], &environment["BOOT_A_LEFT"][..]), ("A B", "3"));
        restarted_from(gateway, "A", boot + 1);
        boot += 1;
        succeeded(&apply(gateway));
    }
    println!("{what}: {killed} were killed at work");
    assert!(killed > 0, "no kill met the work");
}

/// The image of a published release.
fn image(gateway: &Gateway, version: &str) -> Vec<u8> {
    let file = gateway.site.path("image.raucb");
    fs::write(&file, published(gateway, version)).unwrap();
    let slots = gateway.site.path("image-of-release");
    fs::create_dir_all(&slots).unwrap();
    let bundle = raucb_image(&file);
    fs::remove_file(file).unwrap();
    bundle
}

fn raucb_image(bundle: &Path) -> Vec<u8> {
    let unpacked = tempfile::tempdir().unwrap();
    let at = unpacked.path().join("content");
    let output =
        Command::new("unsquashfs").arg("-q").arg("-n").arg("-d").arg(&at).arg(bundle).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let is_image = |path: &PathBuf| path.extension().is_some_and(|found| found != "raucm");
    let file = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()).find(is_image).unwrap();
    fs::read(file).unwrap()
}

#[tokio::test]
async fn boot_apply_is_killed_again_and_again_and_finishes() {
    let mut gateway = Gateway::start().await;
    let wanted = image(&gateway, "5.0.5");
    let job = ordered(&gateway, "update-001").await;
    killed_in_the_start(&mut gateway, "writing the slot", &wanted).await;
    gateway.up().await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.5")));
    succeeded(&gateway.site.run(&["audit", "verify"]));
}

#[tokio::test]
async fn the_way_back_is_killed_again_and_again_and_finishes() {
    let mut gateway = Gateway::start_with(&[("HEALTH__DEADLINE_SECONDS", "1")]).await;
    let (a, length) = (gateway.slot("A"), usize::try_from(IMAGE).unwrap());
    publish_unwell(&gateway).await;
    let job = downloaded(&gateway, "update-009").await;
    installed(&gateway, &job, true).await;
    gateway.job_until(&job, "the trial", |job| job["status"] == "trial").await;
    // The machine moves, so that the restart back waits.
    gateway.plant(json!({ "crane_motion": "moving" })).await;
    gateway.job_until(&job, "the hold", |job| job["held_before"] == "go_back").await;
    gateway.kill();
    // What the service orders as soon as the machine is still.
    let mut placed: Value = serde_json::from_slice(&fs::read(order(&gateway)).unwrap()).unwrap();
    placed["task"] = json!({ "restore": { "reason": "it is not well" } });
    (placed["attempts"], placed["touched"]) = (json!(0), json!(false));
    fs::write(order(&gateway), placed.to_string()).unwrap();
    killed_in_the_start(&mut gateway, "putting the snapshot back", &a[..length]).await;
    gateway.up().await;
    let end = gateway.ended(&job).await;
    assert_eq!((&end["status"], &end["back_to"]), (&json!("rolled_back"), &json!("v5.0.4")), "{end}");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.4")));
}

#[tokio::test]
async fn an_update_in_place_survives_kills_of_the_service() {
    let mut moments = Moments::new("update in place");
    let mut gateway = Gateway::start().await;
    let (a, b) = (gateway.slot("A"), gateway.slot("B"));
    for _ in 0..KILLS {
        let body = json!({ "update_id": "update-001", "install_after": true, "strategy": "in_place" });
        let pause = moments.within(300);
        let started = tokio::time::timeout(pause, gateway.post("download", body)).await;
        if started.is_ok() {
            tokio::time::sleep(moments.within(400)).await;
        }
        gateway.kill();
        gateway.up().await;
        let monitor = Gateway::data(gateway.get("monitor").await);
        let Some(job) = monitor["job_id"].as_str().map(str::to_owned) else { continue };
        let at_rest = |job: &Value| !job["ended_at"].is_null() || job["armed"] == true;
        let end = gateway.job_until(&job, "rest", at_rest).await;
        assert_ne!(end["status"], "failed", "{end}");
        assert_eq!(order(&gateway).exists(), end["ended_at"].is_null(), "{end}");
        assert_eq!(
            (gateway.slot("A") == a, gateway.slot("B") == b),
            (true, true),
            "the service writes neither"
        );
        if end["ended_at"].is_null() {
            Gateway::data(gateway.post("cancel", json!({ "job_id": job })).await);
        }
        assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B");
    }
}

#[tokio::test]
async fn the_whole_way_is_killed_at_moments_that_nobody_chose() {
    let mut moments = Moments::new("the whole way in place");
    let mut gateway = Gateway::start().await;
    let order = json!({ "update_id": "update-001", "install_after": true, "reboot_after": true, "strategy": "in_place" });
    let started = Gateway::data(gateway.post("download", order).await);
    let job = started["job_id"].as_str().unwrap().to_owned();
    for _ in 0..20 {
        tokio::time::sleep(moments.within(400)).await;
        gateway.kill();
        gateway.up().await;
    }
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "committed", "{end}");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.5")));
}

#[tokio::test]
async fn a_start_of_the_other_slot_that_looks_for_no_orders_ends_the_job_there() {
    let mut gateway = Gateway::prepare(&[("BOOT__REBOOT", "systemd")]).await;
    restarted_from(&gateway, "A", 1);
    succeeded(&apply(&gateway));
    gateway.up().await;
    let job = ordered(&gateway, "update-001").await;
    gateway.kill();
    // It is interrupted when it has begun to write, and the other slot’s start knows of no orders.
    restarted_from(&gateway, "A", 2);
    let (before, root) = (gateway.site.path("before"), gateway.site.directory.path().to_owned());
    fs::create_dir(&before).unwrap();
    copy_state(&root, &before);
    let mut moments = Moments::new("an interrupted start");
    while gateway.boot_environment()["BOOT_A_LEFT"] != "0" {
        copy_state(&before, &root);
        let mut begun = gateway.command(&["boot-apply"]);
        let mut begun = begun.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(moments.within(200)).await;
        begun.kill().unwrap();
        begun.wait().unwrap();
    }
    restarted_from(&gateway, "B", 3);
    gateway.up().await;
    let end = gateway.ended(&job).await;
    assert_eq!((&end["status"], &end["back_to"]), (&json!("rolled_back"), &Value::Null), "{end}");
    assert!(end["outcome"]["message"].as_str().unwrap().contains("Restore v5.0.4 from snap-001"), "{end}");
    assert_eq!(active(&gateway).await, (json!("B"), json!("v5.0.3")));
    assert_eq!(slot_status(&gateway, "inactive").await, "bad");
    assert!(!order(&gateway).exists());
}

#[tokio::test]
async fn a_start_that_does_not_look_for_orders_any_more_fails_the_job_and_writes_nothing() {
    let mut gateway = Gateway::prepare(&[("BOOT__REBOOT", "systemd")]).await;
    restarted_from(&gateway, "A", 1);
    succeeded(&apply(&gateway));
    gateway.up().await;
    let a = gateway.slot("A");
    let job = ordered(&gateway, "update-001").await;
    // By hand, beside the service, and after it in the same boot: neither is before the slot is mounted.
    failed(&apply(&gateway), 1);
    gateway.kill();
    assert!(succeeded(&apply(&gateway)).contains("after the next restart"));
    restarted_from(&gateway, "A", 2);
    gateway.up().await;
    let end = gateway.ended(&job).await;
    assert_eq!(
        (&end["status"], &end["outcome"]["code"]),
        (&json!("failed"), &json!("OTA_INSTALL_FAILED")),
        "{end}"
    );
    assert!(end["outcome"]["message"].as_str().unwrap().contains("boot-apply"), "{end}");
    assert!(gateway.slot("A") == a, "nothing was written");
    assert!(!order(&gateway).exists());
    _ = snapshot(&gateway).await;
}
