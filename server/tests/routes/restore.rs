use crate::support::Gateway;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/ota/recovery/restore";

async fn snapshot(gateway: &Gateway) -> Value {
    let answer = gateway.order("/api/v1/ota/snapshot", &json!({ "name": "before" })).await;
    gateway.until_job_is("completed").await;
    answer.body()["data"]["snapshot_id"].clone()
}

#[tokio::test]
async fn a_version_comes_back_from_its_snapshot() {
    let gateway = Gateway::ready().await;
    let id = snapshot(&gateway).await;
    let body = json!({ "version": "v5.0.4", "target_partition": "B" });
    let data = gateway.order(PATH, &body).await.data("OS restoration started");
    assert_eq!((&data["job_id"], &data["status"]), (&json!("RESTORE-001"), &json!("restoring")));
    assert_eq!((&data["version"], &data["target_partition"]), (&json!("v5.0.4"), &json!("B")));
    assert_eq!(data["source"], id);
    gateway.until_job_is("awaiting_reboot").await;
    let status = gateway.read("/api/v1/ota/status").await.data("Gateway status retrieved successfully");
    assert_eq!(status["partitions"]["inactive"]["version"], "v5.0.4");
}

#[tokio::test]
async fn what_is_not_there_cannot_come_back() {
    let gateway = Gateway::ready().await;
    gateway.order(PATH, &json!({ "version": "v5.0.3" })).await.failure(404, "NOT_FOUND");
    let id = snapshot(&gateway).await;
    let unknown = json!({ "version": "v5.0.4", "snapshot_id": "snap-999" });
    gateway.order(PATH, &unknown).await.failure(404, "NOT_FOUND");
    let other = json!({ "version": "v5.0.3", "snapshot_id": id });
    gateway.order(PATH, &other).await.failure(400, "BAD_REQUEST");
    let running = json!({ "version": "v5.0.4", "target_partition": "A" });
    gateway.order(PATH, &running).await.failure(400, "BAD_REQUEST");
    gateway.order(PATH, &json!({ "version": "" })).await.failure(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_damaged_snapshot_is_shown_as_that_and_refused() {
    let gateway = Gateway::ready().await;
    let id = snapshot(&gateway).await;
    let directory = gateway.directory.path().join("snapshots");
    let manifest = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().contains(id.as_str().unwrap()))
        })
        .unwrap();
    let mut bytes = std::fs::read(&manifest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&manifest, bytes).unwrap();
    let gateway = gateway.restarted().await;
    let recovery = gateway.read("/api/v1/ota/recovery").await.data("Recovery options retrieved successfully");
    assert!(recovery["snapshots"][0]["damaged"].is_string(), "{recovery}");
    // Of which version it was cannot be read any more.
    gateway.order(PATH, &json!({ "version": "v5.0.4" })).await.failure(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_is_older_than_the_version_floor_does_not_come_back() {
    let gateway = Gateway::on_site(|site| site.version_floor = Some("v5.0.5".into())).await;
    snapshot(&gateway).await;
    gateway.order(PATH, &json!({ "version": "v5.0.4" })).await.data("OS restoration started");
    gateway.until_job_is("failed").await;
    let status = gateway.read("/api/v1/ota/status").await.data("Gateway status retrieved successfully");
    assert_eq!(
        (&status["partitions"]["inactive"]["version"], &status["partitions"]["inactive"]["status"]),
        (&json!("v5.0.3"), &json!("ready")),
        "the slot is as it was"
    );
}
