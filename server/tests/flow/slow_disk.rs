//! A slot on a disk that is slow: the work takes its time, and everything else does not.

use crate::gateway::Gateway;
use crate::loop_device::Loop;
use crate::support::skipped;
use crate::throttle::Throttle;
use crate::ways_back::{deployed, published};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Bytes a second that the disk takes and gives.
const RATE: u64 = 4 << 20;
/// Within this time a person gets an answer, whatever the disk does. Test machines are slow, too.
const PROMPT: Duration = Duration::from_secs(2);
/// After this time a cancelled job has ended: the disk has to take what was given to it before.
const SOON: Duration = Duration::from_secs(10);

/// Watches the job until `done`, and says how many percentages were seen on the way.
async fn watched(gateway: &Gateway, job: &str, done: impl Fn(&Value) -> bool) -> usize {
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let watch = gateway.job_until(job, "the end of the work", |job| {
        seen.borrow_mut().insert(job["progress"]["overall_percentage"].to_string());
        done(job)
    });
    let ask = async {
        loop {
            let asked = Instant::now();
            Gateway::data(gateway.get("status").await);
            assert!(asked.elapsed() < PROMPT, "the answer took {:?}", asked.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = watch => {}
        () = ask => {}
    }
    seen.into_inner().len()
}

#[tokio::test]
async fn deployments_restores_and_cancels_on_a_slow_disk() {
    let mut gateway = Gateway::prepare(&[]).await;
    let place = gateway.site.path("slots/B/rootfs.img");
    let Some(device) = Loop::attach(&place) else {
        return skipped("no loop device can be attached here (it needs root)");
    };
    let Some(throttle) = Throttle::of(&device.0, RATE) else {
        return skipped(
            "the kernel does not hold back requests to a device here (it needs root and the io controller)",
        );
    };
    gateway.environment.push(("SLOTS__B__ROOTFS".to_owned(), device.0.clone()));
    gateway.up().await;
    throttle.take(gateway.process_id());
    let a = gateway.slot("A");
    let image = Gateway::data(gateway.upload("x.raucb", published(&gateway, "5.0.5")).await);

    let began = Instant::now();
    let job = deployed(&gateway, &image, false).await;
    let armed = |job: &Value| job["armed"] == true;
    let seen = watched(&gateway, &job, armed).await;
    // Written and read back.
    let least = Duration::from_secs(2 * a.len() as u64 / RATE) / 2;
    assert!(began.elapsed() > least, "the disk was not slow: {:?}", began.elapsed());
    assert!(seen >= 5, "{seen} percentages were seen");
    Gateway::data(gateway.post("cancel", json!({ "job_id": job })).await);

    let job = deployed(&gateway, &image, false).await;
    let flashing = |job: &Value| job["progress"]["current_operation"] == "flashing_partition_b";
    gateway.job_until(&job, "the writing", flashing).await;
    let asked = Instant::now();
    Gateway::data(gateway.post("cancel", json!({ "job_id": job })).await);
    assert_eq!(gateway.ended(&job).await["status"], "cancelled");
    assert!(asked.elapsed() < SOON, "the cancel took {:?}", asked.elapsed());
    let environment = gateway.boot_environment();
    assert_eq!((environment["BOOT_ORDER"].as_str(), environment["BOOT_B_LEFT"].as_str()), ("A B", "0"));

    let started = Gateway::data(gateway.post("recovery/restore", json!({ "version": "v5.0.4" })).await);
    let job = started["job_id"].as_str().unwrap();
    let seen = watched(&gateway, job, armed).await;
    assert!(seen >= 5, "{seen} percentages were seen");
    assert!(gateway.slot("B") == a, "what runs is restored bit for bit");
    assert!(gateway.slot("A") == a);
    // The group of processes can only be removed when it is empty.
    gateway.kill();
}
