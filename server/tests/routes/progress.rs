use crate::support::{Gateway, SIZE, World};
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_running_download_is_told_in_full() {
    let gateway = Gateway::ready().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let started = gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001" })).await;
    let url = started.body()["data"]["progress_url"].as_str().unwrap().to_owned();
    let seen = || gateway.ota.snapshot().job.as_ref().is_some_and(|view| view.figures.done > 0);
    gateway.until("bytes are counted", seen).await;
    let data = gateway.read(&url).await.data("Update progress retrieved successfully");
    assert_eq!(data["status"], "downloading");
    assert_eq!(data["update"], json!({ "id": "update-001", "version": "v5.0.5" }));
    let figures = &data["progress"];
    assert_eq!((&figures["downloaded"], &figures["total"]), (&json!("226 MB"), &json!("452 MB")));
    assert_eq!(
        (&figures["current_operation"], &figures["percentage"]),
        (&json!("downloading"), &json!(47.5))
    );
    assert_eq!((&data["can_cancel"], &data["from_version"]), (&json!(true), &json!("v5.0.4")));
    assert!(data["elapsed_time"].as_str().unwrap().starts_with("00:00:"));
}

#[tokio::test]
async fn a_query_without_a_job_is_bad_and_with_an_unknown_one_finds_nothing() {
    let gateway = Gateway::ready().await;
    for query in ["", "?job_id=", "?job_id=OTA-JOB-1001K&snapshot_id=snap-001"] {
        gateway.read(&format!("/api/v1/ota/progress{query}")).await.failure(400, "BAD_REQUEST");
    }
    gateway.read("/api/v1/ota/progress?job_id=&snapshot_id=snap-001").await.failure(404, "NOT_FOUND");
    for id in ["OTA-JOB-8821X", "../../etc", "%00", "x%27%20OR%201=1"] {
        gateway.read(&format!("/api/v1/ota/progress?job_id={id}")).await.failure(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_step_does_not_take_back_what_was_shown() {
    let gateway = Gateway::ready().await;
    *gateway.world.writes_hang_at.lock().unwrap() = Some(SIZE / 2);
    let order = json!({ "update_id": "update-001", "install_after": true });
    let started = gateway.order("/api/v1/ota/download", &order).await;
    let path = started.body()["data"]["progress_url"].as_str().unwrap().to_owned();
    // Half of the writing: 50 for the download, and half of 65 of the other 50, in whole percents.
    let shown = || gateway.ota.snapshot().job.as_ref().map_or(0.0, |view| view.figures.overall);
    gateway.until("half of the writing is shown", || shown() >= 66.0).await;
    let overall = async |gateway: &Gateway| {
        let data = gateway.read(&path).await.data("Update progress retrieved successfully");
        (data["progress"]["current_operation"].clone(), data["progress"]["overall_percentage"].clone())
    };
    assert_eq!(overall(&gateway).await, (json!("flashing_partition_b"), json!(66.0)));

    let start = |world: &World| *world.writes_hang_at.lock().unwrap() = Some(0);
    let gateway = gateway.restarted_into(start).await;
    let writes = || {
        let snapshot = gateway.ota.snapshot();
        snapshot.job.as_ref().is_some_and(|view| view.job.current_operation() == "flashing_partition_b")
    };
    gateway.until("it writes again, from the start", writes).await;
    assert_eq!(overall(&gateway).await, (json!("flashing_partition_b"), json!(66.0)));
}
