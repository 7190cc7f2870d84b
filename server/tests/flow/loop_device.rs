//! A block device as the slot that is written. Loop devices need root; without it the test says so and ends.

use crate::gateway::Gateway;
use crate::support::skipped;
use std::process::Command;

/// A file as a block device, by the device's path.
pub struct Loop(pub String);

impl Loop {
    pub fn attach(file: &std::path::Path) -> Option<Self> {
        let output = Command::new("losetup").args(["--find", "--show"]).arg(file).output().ok()?;
        let device = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        output.status.success().then_some(Self(device))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        _ = Command::new("losetup").arg("--detach").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_block_device_is_written_beside_a_plain_file() {
    let mut gateway = Gateway::prepare(&[]).await;
    let backing = gateway.site.path("slots/B/rootfs.img");
    let Some(device) = Loop::attach(&backing) else {
        return skipped("no loop device can be attached here (it needs root)");
    };
    gateway.environment.push(("SLOTS__B__ROOTFS".to_owned(), device.0.clone()));
    gateway.up().await;
    let job = gateway.start_update("update-001", true).await;
    gateway.job_until(&job, "the commit", |job| job["status"] == "committed").await;
    let status = Gateway::data(gateway.get("status").await);
    assert_eq!(status["partitions"]["active"]["id"], "B");
}
