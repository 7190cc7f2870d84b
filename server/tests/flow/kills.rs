//! SIGKILL at every phase, and at moments nobody chose.

use crate::gateway::Gateway;
use crate::moments::Moments;
use ota_publish::{faults::Fault, image::Content, release::Release};
use serde_json::{Value, json};
use std::cell::Cell;

/// What was shown of the whole way never goes back, however often the process was killed.
#[derive(Default)]
struct Overall(Cell<f64>);

impl Overall {
    fn rises(&self, job: &Value) {
        let now = job["progress"]["overall_percentage"].as_f64().unwrap();
        let before = self.0.replace(now);
        assert!(now >= before, "overall progress went from {before} back to {now}: {job}");
    }
}

/// Whatever happened: the old slot is as it was, the boot loader would start a good system, no job runs without a worker.
async fn right_in_the_end(gateway: &Gateway, job: &str, a: &[u8]) {
    let end = gateway.ended(job).await;
    assert_eq!(end["status"], "committed", "{end}\n{}", gateway.log());
    assert_eq!(gateway.slot("A"), a, "the slot that ran is untouched");
    let environment = gateway.boot_environment();
    assert_eq!((environment["BOOT_ORDER"].as_str(), environment["BOOT_B_LEFT"].as_str()), ("B A", "3"));
    let staged = std::fs::read_dir(gateway.site.path("staging")).unwrap().count();
    assert_eq!(staged, 0, "nothing is left in staging");
}

async fn killed_when(phase: &str, reached: impl Fn(&Value) -> bool, slow: bool) {
    let mut gateway = Gateway::start().await;
    let a = gateway.slot("A");
    if slow {
        gateway.server.inject("targets/", Fault::Throttle(1 << 20));
    }
    let job = gateway.start_update("update-001", true).await;
    gateway.job_until(&job, phase, |job| reached(job) || job["status"] == "committed").await;
    gateway.kill();
    gateway.server.clear();
    gateway.up().await;
    right_in_the_end(&gateway, &job, &a).await;
}

#[tokio::test]
async fn killed_during_the_download() {
    killed_when("half of the download", |job| job["progress"]["percentage"].as_f64() > Some(40.0), true)
        .await;
}

#[tokio::test]
async fn killed_during_the_verification() {
    killed_when("the verification", |job| job["status"] == "verifying", false).await;
}

#[tokio::test]
async fn killed_while_the_slot_is_written() {
    killed_when("the writing", |job| job["progress"]["current_operation"] == "flashing_partition_b", false)
        .await;
}

#[tokio::test]
async fn killed_in_the_middle_of_a_long_writing() {
    const SIZE: u64 = 256 << 20;
    let mut gateway = Gateway::start().await;
    let slot = gateway.site.path("slots/B/rootfs.img");
    std::fs::File::options().write(true).open(slot).unwrap().set_len(SIZE).unwrap();
    gateway.publish(&Release::new("long", "v9.0.0").image_size(SIZE).content(Content::Filler)).await;
    let job = gateway.start_update("long", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    Gateway::data(gateway.post("install", json!({"job_id": job, "reboot_after": false})).await);
    let overall = Overall::default();
    let killed = gateway
        .job_until(&job, "some of the writing", |job| {
            overall.rises(job);
            overall.0.get() > 52.0
        })
        .await;
    gateway.kill();
    assert_eq!(killed["status"], "installing", "it was killed in the middle: {killed}");
    gateway.up().await;
    gateway
        .job_until(&job, "the arming", |job| {
            overall.rises(job);
            job["armed"] == true
        })
        .await;
}

#[tokio::test]
async fn killed_between_arming_and_restart() {
    let mut gateway = Gateway::start().await;
    let a = gateway.slot("A");
    let job = gateway.start_update("update-001", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    Gateway::data(gateway.post("install", json!({"job_id": job, "reboot_after": false})).await);
    gateway.job_until(&job, "arming", |job| job["armed"] == true).await;
    gateway.kill();
    gateway.up().await;
    let waiting = gateway.job_until(&job, "the order", |job| job["status"] == "awaiting_reboot").await;
    assert_eq!(waiting["armed"], true, "the boot environment says so: {waiting}");
    Gateway::data(gateway.post("reboot", json!({"reason": "test"})).await);
    right_in_the_end(&gateway, &job, &a).await;
}

#[tokio::test]
async fn killed_again_and_again() {
    let mut moments = Moments::new("update");
    let mut gateway = Gateway::start().await;
    let a = gateway.slot("A");
    gateway.server.inject("targets/", Fault::Throttle(8 << 20));
    let job = gateway.start_update("update-001", true).await;
    let overall = Overall::default();
    for _ in 0..12 {
        let watch = gateway.job_until(&job, "its end", |job| {
            overall.rises(job);
            !job["ended_at"].is_null()
        });
        let pause = moments.within(700);
        _ = tokio::join!(tokio::time::timeout(pause, watch), tokio::time::sleep(pause));
        gateway.kill();
        gateway.up().await;
    }
    right_in_the_end(&gateway, &job, &a).await;
}
