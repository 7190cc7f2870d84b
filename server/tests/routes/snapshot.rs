use crate::support::Gateway;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const PATH: &str = "/api/v1/ota/snapshot";

async fn taken(gateway: &Gateway, name: &str) -> String {
    let data = gateway.order(PATH, &json!({ "name": name })).await.data("Snapshot creation started");
    let id = data["snapshot_id"].as_str().unwrap().to_owned();
    let done = || gateway.ota.snapshot().recovery.snapshots.iter().any(|snapshot| snapshot.id == id);
    gateway.until("the snapshot is there", done).await;
    gateway.until_job_is("completed").await;
    id
}

async fn listed(gateway: &Gateway) -> Vec<Value> {
    let data = gateway.read("/api/v1/ota/recovery").await.data("Recovery options retrieved successfully");
    data["snapshots"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_snapshot_is_taken_of_the_running_slot_and_listed_with_what_it_would_restore() {
    let gateway = Gateway::ready().await;
    let body = json!({ "name": "pre-update-backup", "description": "Snapshot before security update" });
    let data = gateway.order(PATH, &body).await.data("Snapshot creation started");
    assert_eq!((&data["snapshot_id"], &data["status"]), (&json!("snap-001"), &json!("creating")));
    assert_eq!(data["progress_url"], "/api/v1/ota/progress?snapshot_id=snap-001");
    assert!(data["estimated_duration"].as_str().unwrap().starts_with("00:00:"), "{data}");
    gateway.until_job_is("completed").await;
    let progress = gateway.read(data["progress_url"].as_str().unwrap()).await;
    let progress = progress.data("Update progress retrieved successfully");
    assert_eq!((&progress["status"], &progress["kind"]), (&json!("completed"), &json!("snapshot")));
    assert_eq!(progress["progress"]["percentage"], 100.0);
    let snapshots = listed(&gateway).await;
    let [snapshot] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    assert_eq!((&snapshot["name"], &snapshot["version"]), (&json!("pre-update-backup"), &json!("v5.0.4")));
    assert_eq!((&snapshot["partition"], &snapshot["restores_bytes"]), (&json!("A"), &json!(64 << 20)));
    assert_eq!(snapshot["damaged"], Value::Null);
}

#[tokio::test]
async fn older_ones_go_when_there_are_too_many_and_one_can_be_deleted() {
    let gateway = Gateway::ready().await;
    for name in ["a", "b", "c", "d"] {
        taken(&gateway, name).await;
    }
    let ids = |list: &[Value]| list.iter().map(|s| s["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&listed(&gateway).await), ["snap-004", "snap-003", "snap-002"]);
    let delete = |id: &str| json!({ "snapshot_id": id });
    gateway.order("/api/v1/ota/snapshot/delete", &delete("snap-003")).await.data("Snapshot deleted");
    gateway.order("/api/v1/ota/snapshot/delete", &delete("snap-003")).await.failure(404, "NOT_FOUND");
    gateway.order("/api/v1/ota/snapshot/delete", &delete("../gateway")).await.failure(404, "NOT_FOUND");
    assert_eq!(ids(&listed(&gateway).await), ["snap-004", "snap-002"]);
    let gateway = gateway.restarted().await;
    assert_eq!(ids(&listed(&gateway).await), ["snap-004", "snap-002"], "they outlive the service");
}

#[tokio::test]
async fn a_lost_database_does_not_give_the_number_of_a_snapshot_again() {
    let gateway = Gateway::ready().await;
    assert_eq!(taken(&gateway, "first").await, "snap-001");
    // A new database counts from the beginning.
    let path = gateway.directory.path().join("gateway.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(false);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query("DELETE FROM counter WHERE name = 'snapshot'").execute(&mut connection).await.unwrap();
    assert_eq!(taken(&gateway, "second").await, "snap-002");
}

#[tokio::test]
async fn a_snapshot_of_what_is_not_as_it_was_installed_does_not_stay() {
    let gateway = Gateway::ready().await;
    let slot = std::fs::File::options().write(true).open(gateway.directory.path().join("A.img")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&slot, b"flipped", 4096).unwrap();
    gateway.order(PATH, &json!({ "name": "x" })).await.data("Snapshot creation started");
    gateway.until_job_is("failed").await;
    assert!(listed(&gateway).await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_called_so_is_refused() {
    let gateway = Gateway::ready().await;
    for body in [
        json!({ "name": "" }),
        json!({ "name": " " }),
        json!({ "name": "x".repeat(65) }),
        json!({ "name": "two\nlines" }),
        json!({ "name": "x", "description": "y".repeat(501) }),
        json!({ "name": "x", "partition": "C" }),
        json!({ "name": "x", "colour": "red" }),
        json!({ "name": 7 }),
    ] {
        gateway.order(PATH, &body).await.failure(400, "BAD_REQUEST");
    }
    assert!(listed(&gateway).await.is_empty());
}

#[tokio::test]
async fn an_installation_takes_its_snapshot_first() {
    let gateway = Gateway::ready().await;
    let body = json!({ "update_id": "update-001", "install_after": true, "create_snapshot": true });
    gateway.order("/api/v1/ota/download", &body).await.data("Update download started");
    gateway.until_job_is("awaiting_reboot").await;
    let snapshots = listed(&gateway).await;
    let [snapshot] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    assert_eq!((&snapshot["name"], &snapshot["version"]), (&json!("before v5.0.5"), &json!("v5.0.4")));
}

#[tokio::test]
async fn a_snapshot_that_fails_ends_the_installation_before_the_slot_is_touched() {
    let gateway = Gateway::ready().await;
    // The running slot cannot be read to its end.
    let slot = std::fs::File::options().write(true).open(gateway.directory.path().join("A.img")).unwrap();
    slot.set_len(1 << 20).unwrap();
    let body = json!({ "update_id": "update-001", "install_after": true, "create_snapshot": true });
    gateway.order("/api/v1/ota/download", &body).await.data("Update download started");
    gateway.until_job_is("failed").await;
    assert_eq!(gateway.world.commits.load(Ordering::Relaxed), 0, "the boot environment is as it was");
    let status = gateway.read("/api/v1/ota/status").await.data("Gateway status retrieved successfully");
    assert_eq!(status["partitions"]["inactive"]["status"], "ready");
    assert!(listed(&gateway).await.is_empty());
    let left = std::fs::read_dir(gateway.directory.path().join("snapshots")).unwrap().map(|e| e.unwrap());
    let left: Vec<_> = left.map(|entry| entry.file_name()).filter(|name| name != "lock").collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("snap-")), "{left:?}");
}

#[tokio::test]
async fn a_job_that_waits_for_its_restart_is_not_hidden_behind_a_finished_snapshot() {
    let gateway = Gateway::ready().await;
    let body = json!({ "update_id": "update-001", "install_after": true });
    let started = gateway.order("/api/v1/ota/download", &body).await.data("Update download started");
    gateway.until_job_is("awaiting_reboot").await;
    let next = || gateway.ota.snapshot().boot.next_boot() == Some(ota_core::SlotId::B);
    gateway.until("slot B is next", next).await;
    gateway.order(PATH, &json!({ "name": "meanwhile" })).await.data("Snapshot creation started");
    let taken = || !gateway.ota.snapshot().recovery.snapshots.is_empty();
    gateway.until("the snapshot is there", taken).await;
    gateway.until_job_is("awaiting_reboot").await;
    let monitor = gateway.read("/api/v1/ota/monitor").await.data("Monitor status retrieved successfully");
    assert_eq!(monitor["job_id"], started["job_id"]);
}
