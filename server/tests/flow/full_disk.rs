//! A data disk that gets full, at any point of any operation: the gateway says so, what runs and what is next stay what they are,
//! nothing is left over, and with room again the operation succeeds.

use crate::gateway::{Gateway, free_port};
use crate::small_disk::SmallDisk;
use crate::support::{Site, skipped};
use crate::ways_back::published;
use futures::{StreamExt, stream};
use ota_publish::faults::Fault;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

/// Bytes of an image and of a slot.
const IMAGE: u64 = 4 << 20;
/// Megabytes of the disk: all of the demo, and room for an operation.
const DISK: u64 = 128;
/// Bytes that uploads leave free.
const RESERVE: u64 = 16 << 20;

fn percents() -> impl Iterator<Item = u64> {
    (0..100).step_by(10)
}

/// A gateway with everything that it keeps on one small disk.
struct Full {
    gateway: Gateway,
    /// The running slot.
    a: Vec<u8>,
    /// Goes after the gateway.
    disk: Arc<SmallDisk>,
}

impl Full {
    async fn start() -> Option<Self> {
        let place = tempfile::tempdir().unwrap().keep();
        let Some(disk) = SmallDisk::mount(place, DISK) else {
            skipped("no small file system can be mounted here (it needs root)");
            return None;
        };
        let address = format!("127.0.0.1:{}", free_port());
        let directory = tempfile::tempdir_in(disk.path()).unwrap();
        let site = Site::within(directory, &address, |options| options.image_size = IMAGE).await;
        let settings = [("SNAPSHOTS__KEEP_FREE_MEGABYTES", "0")];
        let mut gateway = Gateway::on(site, address, &settings).await;
        gateway.up().await;
        let a = gateway.slot("A");
        Some(Self { gateway, a, disk: Arc::new(disk) })
    }

    /// Names of all files that operations make.
    fn kept(&self) -> BTreeSet<String> {
        let directories = ["staging", "uploads", "snapshots", "bundles", "debug"];
        let files = directories.into_iter().flat_map(|directory| {
            let entries = fs::read_dir(self.gateway.site.path(directory)).into_iter().flatten();
            entries.map(move |entry| format!("{directory}/{}", entry.unwrap().file_name().display()))
        });
        files.collect()
    }

    /// `what` came to nothing and did no harm.
    async fn unharmed(&self, what: &str, kept: &BTreeSet<String>) {
        let gateway = &self.gateway;
        let monitor = Gateway::data(gateway.get("monitor").await);
        assert_eq!(monitor["system_status"], "idle", "{what}: {monitor}");
        assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B", "{what}");
        let status = Gateway::data(gateway.get("status").await);
        let inactive = &status["partitions"]["inactive"];
        let startable = gateway.boot_environment()["BOOT_B_LEFT"] != "0";
        assert!(!startable || inactive["status"] == "ready", "{what}: {inactive}");
        assert!(gateway.slot("A") == self.a, "{what}: the running slot has changed");
        assert_eq!(self.kept(), *kept, "{what}: something was left over");
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.gateway.log());
        }
    }
}

/// The refusal is the documented one, in words.
#[track_caller]
fn told(what: &str, (status, answer): (StatusCode, Value)) {
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{what}: {answer}");
    assert_eq!(answer["error"]["code"], "OTA_INSUFFICIENT_SPACE", "{what}: {answer}");
    let message = answer["message"].as_str().unwrap();
    let says = ["room", "space", "disk is full"].iter().any(|word| message.contains(word));
    assert!(says && message.ends_with('.'), "{what}: {message}");
}

/// A job that found no room.
#[track_caller]
fn failed_for_room(what: &str, end: &Value) {
    assert_eq!(end["status"], "failed", "{what}: {end}");
    assert_eq!(end["outcome"]["code"], "OTA_INSUFFICIENT_SPACE", "{what}: {end}");
}

#[tokio::test]
async fn during_an_upload() {
    let Some(full) = Full::start().await else { return };
    let (gateway, kept) = (&full.gateway, full.kept());
    let image = published(gateway, "5.0.5");
    for percent in percents() {
        let what = format!("at {percent} %");
        let (first, rest) = image.split_at(image.len() * percent as usize / 100);
        // Somebody else fills the disk while the image comes.
        let answer = 'heard: {
            for _ in 0..10 {
                let (disk, first, rest) = (Arc::clone(&full.disk), first.to_vec(), rest.to_vec());
                let pieces =
                    stream::iter((!first.is_empty()).then_some(first)).chain(stream::once(async move {
                        disk.leave(0);
                        rest
                    }));
                if let Some(answer) = gateway.upload_pieces("x.raucb", pieces).await {
                    break 'heard answer;
                }
                full.unharmed(&what, &kept).await;
                full.disk.make_room();
            }
            panic!("{what}: never an answer")
        };
        told(&what, answer);
        full.unharmed(&what, &kept).await;
        // One that is announced is not even begun.
        full.disk.leave(RESERVE + image.len() as u64 * percent / 100);
        told(&what, gateway.upload("x.raucb", image.clone()).await);
        full.unharmed(&what, &kept).await;
        full.disk.make_room();
    }
    Gateway::data(gateway.upload("x.raucb", image).await);
}

#[tokio::test]
async fn during_a_snapshot() {
    let Some(full) = Full::start().await else { return };
    let (gateway, kept) = (&full.gateway, full.kept());
    let order = || json!({ "name": "kept" });
    let taken = async || {
        let started = gateway.post("snapshot", order()).await;
        let Some(id) = started.1["data"]["snapshot_id"].as_str().map(str::to_owned) else {
            return Err(started);
        };
        Ok(gateway.ended(&id).await)
    };
    let before = full.disk.free();
    let first = taken().await.unwrap();
    assert_eq!(first["status"], "completed", "{first}");
    let needed = before - full.disk.free();
    assert!(needed > IMAGE / 4, "{needed}");
    Gateway::data(gateway.post("snapshot/delete", json!({ "snapshot_id": "snap-001" })).await);
    for percent in percents() {
        let what = format!("at {percent} %");
        full.disk.leave(needed * percent / 100);
        match taken().await {
            Ok(end) => failed_for_room(&what, &end),
            Err(refused) => told(&what, refused),
        }
        full.unharmed(&what, &kept).await;
    }
    full.disk.make_room();
    assert_eq!(taken().await.unwrap()["status"], "completed");
}

#[tokio::test]
async fn during_a_debug_bundle() {
    let Some(full) = Full::start().await else { return };
    let (gateway, kept) = (&full.gateway, full.kept());
    let made = async || {
        let order = json!({ "include_logs": true, "include_configs": true, "include_metrics": true });
        let started = gateway.post("debug-bundle", order).await;
        let Some(id) = started.1["data"]["bundle_id"].as_str().map(str::to_owned) else {
            return Err(started);
        };
        let shown = async || {
            let list = Gateway::data(gateway.get("debug-bundle").await);
            let bundles = list["bundles"].as_array().cloned().unwrap_or_default();
            bundles.into_iter().find(|bundle| bundle["bundle_id"] == id)
        };
        let over = async || shown().await.is_some_and(|bundle| bundle["status"] != "creating");
        gateway.wait_for("the bundle", over).await;
        Ok(shown().await.unwrap())
    };
    for percent in percents() {
        let what = format!("at {percent} %");
        // Of a bundle of a gateway with little to tell.
        full.disk.leave((24 << 10) * percent / 100);
        match made().await {
            Ok(bundle) if bundle["status"] == "failed" => {
                let message = bundle["error"].as_str().unwrap();
                assert!(
                    message.starts_with("There is not enough room for a debug bundle."),
                    "{what}: {message}"
                );
            }
            // The disk gives whole pages, so there may be room for it at last.
            Ok(bundle) => {
                assert!(percent > 0 && bundle["status"] == "completed", "{what}: {bundle}");
                fs::remove_file(
                    gateway
                        .site
                        .path("debug")
                        .join(format!("{}.tar.gz", bundle["bundle_id"].as_str().unwrap())),
                )
                .unwrap();
            }
            Err(refused) => told(&what, refused),
        }
        full.unharmed(&what, &kept).await;
    }
    full.disk.make_room();
    assert_eq!(made().await.unwrap()["status"], "completed");
}

#[tokio::test]
async fn during_a_download() {
    let Some(full) = Full::start().await else { return };
    let (gateway, kept) = (&full.gateway, full.kept());
    let length = published(gateway, "5.0.5").len() as u64;
    let order = || json!({ "update_id": "update-001", "install_after": false });
    for percent in percents() {
        let what = format!("at {percent} %");
        full.disk.leave(length * percent / 100);
        told(&what, gateway.post("download", order()).await);
        full.unharmed(&what, &kept).await;
        full.disk.make_room();
        // Somebody else fills the disk while it comes: its own room is reserved, that of the rest is not.
        gateway.server.inject("targets/", Fault::Throttle(32 << 20));
        let job = gateway.start_update("update-001", false).await;
        let reached = |job: &Value| job["progress"]["percentage"].as_f64() >= Some(percent as f64);
        gateway.job_until(&job, &what, |job| reached(job) || job["status"] == "downloaded").await;
        full.disk.leave(0);
        gateway.server.clear();
        let full_for_now = gateway.get(&format!("progress?job_id={job}")).await;
        assert_eq!(full_for_now.0, StatusCode::OK, "{full_for_now:?}");
        full.disk.make_room();
        let rest = |job: &Value| job["status"] == "downloaded" || !job["ended_at"].is_null();
        let end = gateway.job_until(&job, "rest", rest).await;
        if end["status"] == "downloaded" {
            Gateway::data(gateway.post("cancel", json!({ "job_id": job })).await);
        } else {
            failed_for_room(&what, &end);
        }
        full.unharmed(&what, &kept).await;
    }
    let job = gateway.start_update("update-001", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
}

/// Whatever is written into slot B, whose place is a file on the same disk.
async fn while_the_slot_is_written(full: &Full, path: &str, order: Value) {
    let (gateway, kept) = (&full.gateway, full.kept());
    let place = gateway.site.path("slots/B/rootfs.img");
    for percent in percents() {
        let what = format!("{path} at {percent} %");
        // As large as it was, and nothing of it is there.
        let slot = fs::File::options().write(true).open(&place).unwrap();
        slot.set_len(0).unwrap();
        slot.set_len(IMAGE).unwrap();
        full.disk.leave(IMAGE * percent / 100);
        let started = gateway.post(path, order.clone()).await;
        match started.1["data"]["job_id"].as_str() {
            Some(job) => {
                let job = job.to_owned();
                // What the disk has no room for is noted when it has again.
                let spent = async || full.disk.free() < 64 << 10;
                gateway.wait_for("a full disk", spent).await;
                assert_eq!(gateway.get("status").await.0, StatusCode::OK, "{what}");
                full.disk.make_room();
                failed_for_room(&what, &gateway.ended(&job).await);
                assert_eq!(
                    gateway.boot_environment()["BOOT_B_LEFT"],
                    "0",
                    "{what}: half a system could start"
                );
            }
            None => told(&what, started),
        }
        full.unharmed(&what, &kept).await;
    }
    full.disk.make_room();
    let started = Gateway::data(gateway.post(path, order).await);
    gateway.job_until(started["job_id"].as_str().unwrap(), "the arming", |job| job["armed"] == true).await;
}

#[tokio::test]
async fn during_a_deployment() {
    let Some(full) = Full::start().await else { return };
    let image = Gateway::data(full.gateway.upload("x.raucb", published(&full.gateway, "5.0.5")).await);
    let order = json!({ "filename": "x.raucb", "checksum": image["file"]["checksum"] });
    while_the_slot_is_written(&full, "upload/deploy", order).await;
}

#[tokio::test]
async fn during_a_restore() {
    let Some(full) = Full::start().await else { return };
    while_the_slot_is_written(&full, "recovery/restore", json!({ "version": "v5.0.3" })).await;
}

#[tokio::test]
async fn on_trial() {
    let Some(full) = Full::start().await else { return };
    let (gateway, kept) = (&full.gateway, full.kept());
    let job = gateway.start_update("update-001", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    Gateway::data(gateway.post("install", json!({ "job_id": job, "reboot_after": false })).await);
    gateway.job_until(&job, "the arming", |job| job["armed"] == true).await;
    Gateway::data(gateway.post("reboot", json!({ "reason": "a full disk" })).await);
    // The modelled boot loader is on this disk, too.
    let started = async || gateway.boots().last().is_some_and(|slot| slot.contains('B'));
    gateway.wait_for("the new system", started).await;
    full.disk.leave(0);
    let answers = async || gateway.call(reqwest::Method::GET, "status", None).await.is_some();
    gateway.wait_for("the gateway to be back", answers).await;
    full.disk.make_room();
    let end = gateway.ended(&job).await;
    assert_eq!(end["status"], "committed", "{end}");
    assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "B A");
    let new: Vec<_> = full.kept().difference(&kept).cloned().collect();
    assert!(new.iter().all(|name| name.starts_with("bundles/") && !name.ends_with(".new")), "{new:?}");
}
