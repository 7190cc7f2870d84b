//! Images by hand, and every way back, with the real program on real slots.

use crate::gateway::Gateway;
use crate::moments::Moments;
use ota_publish::{keys::Keys, release::Release};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn published(gateway: &Gateway, version: &str) -> Vec<u8> {
    let targets = fs::read_dir(gateway.site.path("repository/targets")).unwrap();
    let of_version = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().contains(version);
    let file = targets.map(|entry| entry.unwrap().path()).find(of_version);
    fs::read(file.unwrap_or_else(|| panic!("no target of {version}"))).unwrap()
}

pub async fn deployed(gateway: &Gateway, image: &Value, reboot_after: bool) -> String {
    let body = json!({ "filename": image["file"]["name"], "checksum": image["file"]["checksum"],
        "target_partition": "B", "reboot_after": reboot_after });
    let started = Gateway::data(gateway.post("upload/deploy", body).await);
    started["job_id"].as_str().unwrap().to_owned()
}

pub async fn snapshot(gateway: &Gateway) -> String {
    let started = Gateway::data(gateway.post("snapshot", json!({ "name": "kept" })).await);
    let id = started["snapshot_id"].as_str().unwrap().to_owned();
    let end = gateway.ended(&id).await;
    assert_eq!(end["status"], "completed", "{end}");
    id
}

pub async fn active(gateway: &Gateway) -> (Value, Value) {
    let status = Gateway::data(gateway.get("status").await);
    (status["partitions"]["active"]["id"].clone(), status["gateway"]["os_version"].clone())
}

fn image_length(gateway: &Gateway, version: &str) -> usize {
    let file = gateway.site.path("image.raucb");
    fs::write(&file, published(gateway, version)).unwrap();
    let facts = crate::support::json(&gateway.site.run(&["verify", &file.display().to_string(), "--json"]));
    usize::try_from(facts["bundle"]["images"][0]["size"].as_u64().unwrap()).unwrap()
}

pub fn flip_bit(path: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
    file.sync_all().unwrap();
}

fn only_file(directory: &Path, extension: &str) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// A bundle that stock `rauc` makes of the running system's image.
fn made_by_rauc(gateway: &Gateway, version: &str) -> Vec<u8> {
    let keys = Keys::open(gateway.site.path("keys")).unwrap();
    let (input, output) = (gateway.site.path("rauc-input"), gateway.site.path("rauc.raucb"));
    fs::create_dir_all(&input).unwrap();
    let length = image_length(gateway, "5.0.5");
    fs::write(input.join("rootfs.img"), &gateway.slot("A")[..length]).unwrap();
    let manifest = format!(
        "[update]\ncompatible=Univa-GW-Pro\nversion={version}\n\n[bundle]\nformat=verity\n\n\
         [image.rootfs]\nfilename=rootfs.img\n"
    );
    fs::write(input.join("manifest.raucm"), manifest).unwrap();
    let mut rauc = Command::new("rauc");
    rauc.arg("bundle").arg("--cert").arg(keys.signer_certificate()).arg("--key").arg(keys.signer_key());
    rauc.arg("--keyring").arg(keys.keyring()).arg(&input).arg(&output);
    let made = rauc.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::read(output).unwrap()
}

#[tokio::test]
async fn a_bundle_of_stock_rauc_is_uploaded_deployed_and_confirmed() {
    let gateway = Gateway::start().await;
    let a = gateway.slot("A");
    let image = Gateway::data(gateway.upload("site build.raucb", made_by_rauc(&gateway, "v7.0.0")).await);
    assert_eq!(image["metadata"]["signed_version"], "v7.0.0");
    let job = deployed(&gateway, &image, true).await;
    let end = gateway.ended(&job).await;
    assert_eq!((&end["status"], &end["kind"]), (&json!("completed"), &json!("deploy")), "{end}");
    assert_eq!(active(&gateway).await, (json!("B"), json!("v7.0.0")));
    assert_eq!(gateway.slot("A"), a, "the slot that ran is untouched");
    let length = image_length(&gateway, "5.0.5");
    assert_eq!(gateway.slot("B")[..length], a[..length], "the bytes are those of the image");
    let recovery = Gateway::data(gateway.get("recovery").await);
    assert_eq!(recovery["bundles"][0]["version"], "v7.0.0", "it can be restored: {recovery}");
}

#[tokio::test]
async fn what_is_not_signed_or_not_whole_is_refused_and_not_kept() {
    let gateway = Gateway::start().await;
    let whole = published(&gateway, "5.0.5");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for (image, code) in [
        (b"not a bundle".to_vec(), "OTA_INVALID_IMAGE"),
        (Vec::new(), "OTA_INVALID_IMAGE"),
        (whole[..whole.len() - 1].to_vec(), "OTA_INVALID_IMAGE"),
        (flipped, "OTA_INVALID_IMAGE"),
    ] {
        let (status, answer) = gateway.upload("x.raucb", image).await;
        assert_eq!((status.as_u16(), &answer["error"]["code"]), (422, &json!(code)), "{answer}");
    }
    let other = Keys::create(gateway.site.path("other-keys")).unwrap();
    let file = gateway.site.path("foreign.raucb");
    Release::new("x", "v9.0.0").image_size(8 << 20).write_bundle(&other, &file).unwrap();
    let (status, answer) = gateway.upload("x.raucb", fs::read(&file).unwrap()).await;
    assert_eq!(
        (status.as_u16(), &answer["error"]["code"]),
        (422, &json!("OTA_SIGNATURE_FAILED")),
        "{answer}"
    );
    let ours = Keys::open(gateway.site.path("keys")).unwrap();
    let release = Release::new("x", "v9.0.0").image_size(8 << 20).bundle_compatible("Other-Model");
    release.write_bundle(&ours, &file).unwrap();
    let image = Gateway::data(gateway.upload("x.raucb", fs::read(&file).unwrap()).await);
    assert_eq!(image["compatibility"]["hardware"], "incompatible", "{image}");
    let body = json!({ "filename": "x.raucb", "checksum": image["file"]["checksum"] });
    assert_eq!(gateway.post("upload/deploy", body).await.0.as_u16(), 422);
    assert_eq!(Gateway::data(gateway.get("upload").await)["images"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_bit_that_flips_in_an_uploaded_image_is_never_armed() {
    let gateway = Gateway::start().await;
    let image = Gateway::data(gateway.upload("x.raucb", published(&gateway, "5.0.5")).await);
    let file = only_file(&gateway.site.path("uploads"), "raucb");
    flip_bit(&file, fs::metadata(&file).unwrap().len() / 2);
    let before = gateway.boot_environment();
    let job = deployed(&gateway, &image, true).await;
    let end = gateway.ended(&job).await;
    assert_eq!((&end["status"], &end["outcome"]["code"]), (&json!("failed"), &json!("OTA_INVALID_IMAGE")));
    assert_eq!(gateway.boot_environment(), before);
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.4")));
}

#[tokio::test]
async fn a_deployment_goes_on_after_a_restart() {
    let mut gateway = Gateway::start().await;
    let image = Gateway::data(gateway.upload("x.raucb", published(&gateway, "5.0.5")).await);
    gateway.kill();
    gateway.up().await;
    let job = deployed(&gateway, &image, true).await;
    let flashing = |job: &Value| job["progress"]["current_operation"] == "flashing_partition_b";
    gateway.job_until(&job, "the writing", |job| flashing(job) || job["status"] == "completed").await;
    gateway.kill();
    gateway.up().await;
    assert_eq!(gateway.ended(&job).await["status"], "completed");
    assert_eq!(active(&gateway).await, (json!("B"), json!("v5.0.5")));
}

#[tokio::test]
async fn a_snapshot_brings_the_version_back_bit_for_bit() {
    let gateway = Gateway::start().await;
    let a = gateway.slot("A");
    let length = image_length(&gateway, "5.0.5");
    let id = snapshot(&gateway).await;
    let body = json!({ "version": "v5.0.4", "snapshot_id": id, "reboot_after": true });
    let started = Gateway::data(gateway.post("recovery/restore", body).await);
    let end = gateway.ended(started["job_id"].as_str().unwrap()).await;
    assert_eq!((&end["status"], &end["kind"]), (&json!("completed"), &json!("restore")), "{end}");
    assert_eq!(active(&gateway).await, (json!("B"), json!("v5.0.4")));
    assert_eq!(gateway.slot("B")[..length], a[..length]);
    assert_eq!(gateway.slot("A"), a, "the slot that ran is untouched");
}

#[tokio::test]
async fn what_the_factory_installed_can_be_restored_from_its_bundle() {
    let gateway = Gateway::start().await;
    let before = gateway.slot("B");
    let job = gateway.start_update("update-001", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    let install = json!({ "job_id": job, "reboot_after": false });
    Gateway::data(gateway.post("install", install).await);
    gateway.job_until(&job, "the arming", |job| job["armed"] == true).await;
    assert_ne!(gateway.slot("B"), before);
    Gateway::data(gateway.post("cancel", json!({ "job_id": job })).await);
    let body = json!({ "version": "v5.0.3", "target_partition": "B" });
    let started = Gateway::data(gateway.post("recovery/restore", body).await);
    assert_eq!((&started["status"], &started["source"]), (&json!("restoring"), &json!("bundle")));
    let job = started["job_id"].as_str().unwrap();
    gateway.job_until(job, "the arming", |job| job["armed"] == true).await;
    let length = image_length(&gateway, "5.0.5");
    assert_eq!(gateway.slot("B")[..length], before[..length]);
}

#[tokio::test]
async fn a_bit_that_flips_in_a_snapshot_is_found_before_the_slot_is_touched() {
    let gateway = Gateway::start().await;
    snapshot(&gateway).await;
    let (b, environment) = (gateway.slot("B"), gateway.boot_environment());
    let largest = fs::read_dir(gateway.site.path("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    flip_bit(&largest, fs::metadata(&largest).unwrap().len() / 2);
    let started = Gateway::data(gateway.post("recovery/restore", json!({ "version": "v5.0.4" })).await);
    // There is a kept bundle of this version too; the newest snapshot was chosen.
    assert_eq!(started["source"], "snap-001");
    let end = gateway.ended(started["job_id"].as_str().unwrap()).await;
    assert_eq!((&end["status"], &end["outcome"]["code"]), (&json!("failed"), &json!("OTA_RECOVERY_FAILED")));
    assert_eq!((gateway.slot("B"), gateway.boot_environment()), (b, environment), "{end}");
}

#[tokio::test]
async fn after_an_update_the_former_system_comes_back_at_once() {
    let gateway = Gateway::start().await;
    let job = gateway.start_update("update-001", true).await;
    assert_eq!(gateway.ended(&job).await["status"], "committed");
    gateway.ready().await;
    let body = json!({ "action": "rollback_to_a", "reason": "Update issues detected" });
    let done = Gateway::data(gateway.post("recovery/rollback", body).await);
    assert_eq!((&done["status"], &done["reboot_required"]), (&json!("completed"), &json!(true)), "{done}");
    assert_eq!((&done["from_version"], &done["to_version"]), (&json!("v5.0.5"), &json!("v5.0.4")));
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B");
    let job = done["job_id"].as_str().unwrap();
    Gateway::data(gateway.post("reboot", json!({ "reason": "rolled back" })).await);
    assert_eq!(gateway.ended(job).await["status"], "completed");
    assert_eq!(active(&gateway).await, (json!("A"), json!("v5.0.4")));
}

#[tokio::test]
async fn a_bit_that_flips_in_the_other_slot_refuses_the_rollback() {
    let gateway = Gateway::start().await;
    let before = gateway.boot_environment();
    flip_bit(&gateway.site.path("slots/B/rootfs.img"), 1 << 20);
    let body = json!({ "action": "rollback_to_b", "reason": "Update issues detected" });
    let (status, answer) = gateway.post("recovery/rollback", body.clone()).await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (500, &json!("OTA_ROLLBACK_FAILED")), "{answer}");
    assert_eq!(gateway.boot_environment(), before);
    let (status, answer) = gateway.post("recovery/rollback", body).await;
    assert_eq!((status.as_u16(), &answer["error"]["details"]["conflict"]), (409, &json!("bad")), "{answer}");
}

/// Kills the program at moments that nobody chose, while each of the operations runs.
async fn killed_again_and_again(operation: &str) {
    let mut moments = Moments::new(operation);
    let mut gateway = Gateway::start().await;
    let a = gateway.slot("A");
    let image = Gateway::data(gateway.upload("x.raucb", published(&gateway, "5.0.5")).await);
    let order = match operation {
        "deploy" => {
            ("upload/deploy", json!({ "filename": "x.raucb", "checksum": image["file"]["checksum"] }))
        }
        "restore" => ("recovery/restore", json!({ "version": "v5.0.3" })),
        "rollback" => ("recovery/rollback", json!({ "action": "rollback_to_b", "reason": "a test" })),
        _ => ("snapshot", json!({ "name": "kept" })),
    };
    for _ in 0..KILLS {
        let pause = moments.within(250);
        let started = tokio::time::timeout(pause, gateway.post(order.0, order.1.clone())).await;
        if started.is_ok() {
            tokio::time::sleep(moments.within(150)).await;
        }
        gateway.kill();
        gateway.up().await;
        settle(&gateway).await;
        assert_eq!(gateway.slot("A"), a, "the running slot is untouched");
    }
    for (directory, wanted) in
        [("uploads", "new"), ("snapshots", "tmp"), ("snapshots", "new"), ("bundles", "new")]
    {
        let left = fs::read_dir(gateway.site.path(directory)).unwrap().map(|entry| entry.unwrap().path());
        let left: Vec<_> =
            left.filter(|path| path.extension().is_some_and(|found| found == wanted)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let recovery = Gateway::data(gateway.get("recovery").await);
    let whole =
        recovery["snapshots"].as_array().unwrap().iter().all(|snapshot| snapshot["damaged"].is_null());
    assert!(whole, "{recovery}");
}

const KILLS: u32 = 50;

/// Whatever is under way comes to rest, and a slot that waits for its restart is given up, so that the next round can begin.
async fn settle(gateway: &Gateway) {
    let monitor = Gateway::data(gateway.get("monitor").await);
    let Some(job) = monitor["job_id"].as_str().map(str::to_owned) else { return };
    let at_rest = |job: &Value| !job["ended_at"].is_null() || job["armed"] == true;
    let job = gateway.job_until(&job, "rest", at_rest).await;
    let next = gateway.boot_environment()["BOOT_ORDER"].clone();
    if job["armed"] == true && job["ended_at"].is_null() {
        assert_eq!(next, "B A", "{job}");
        Gateway::data(gateway.post("cancel", json!({ "job_id": job["job_id"] })).await);
    } else {
        assert_eq!(next, "A B", "{job}");
    }
    assert_ne!(job["status"], "failed", "{job}");
}

#[tokio::test]
async fn a_deployment_survives_kills() {
    killed_again_and_again("deploy").await;
}

#[tokio::test]
async fn a_restore_survives_kills() {
    killed_again_and_again("restore").await;
}

#[tokio::test]
async fn a_rollback_survives_kills() {
    killed_again_and_again("rollback").await;
}

#[tokio::test]
async fn a_snapshot_survives_kills() {
    killed_again_and_again("snapshot").await;
}
