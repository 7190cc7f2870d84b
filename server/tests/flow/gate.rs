//! One operation at a time.

use crate::gateway::Gateway;
use crate::ways_back::published;
use ota_publish::faults::Fault;
use reqwest::StatusCode;
use serde_json::{Value, json};

const ROUNDS: usize = 50;
const STARTS: usize = 100;

#[tokio::test]
async fn of_a_hundred_starts_at_once_one_wins_and_the_others_learn_its_number() {
    let gateway = Gateway::start().await;
    gateway.server.inject("targets/", Fault::Throttle(64 * 1024));
    for round in 0..ROUNDS {
        let order = || json!({"update_id": "update-001", "install_after": true});
        let answers = futures::future::join_all((0..STARTS).map(|_| gateway.post("download", order()))).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(status, _)| *status == StatusCode::OK);
        assert_eq!(won.len(), 1, "round {round}");
        let job = won[0].1["data"]["job_id"].clone();
        for (status, body) in lost {
            assert_eq!(status, StatusCode::CONFLICT, "{body}");
            assert_eq!(body["error"]["code"], "OTA_OPERATION_IN_PROGRESS");
            assert_eq!(body["error"]["details"]["job_id"], job, "{body}");
        }
        let cancelled = Gateway::data(gateway.post("cancel", json!({"job_id": job})).await);
        assert_eq!(cancelled["status"], "cancelled");
    }
}

#[tokio::test]
async fn the_same_file_is_not_downloaded_twice_and_a_newer_download_takes_the_place_of_a_waiting_one() {
    let gateway = Gateway::start().await;
    let first = gateway.start_update("update-001", false).await;
    gateway.job_until(&first, "the download", |job| job["status"] == "downloaded").await;
    let fetched = gateway.server.requests("targets/");
    assert_eq!(gateway.start_update("update-001", false).await, first, "the same job answers");
    assert_eq!(gateway.server.requests("targets/"), fetched);

    let second = gateway.start_update("update-002", false).await;
    gateway.job_until(&second, "the download", |job| job["status"] == "downloaded").await;
    let superseded: Value = gateway.ended(&first).await;
    assert_eq!(superseded["status"], "cancelled");
}

#[tokio::test]
async fn of_operations_of_every_kind_at_once_none_gets_into_the_way_of_another() {
    let gateway = Gateway::start().await;
    let a = gateway.slot("A");
    let image = Gateway::data(gateway.upload("x.raucb", published(&gateway, "5.0.5")).await);
    let orders = [
        ("download", json!({"update_id": "update-002", "install_after": true})),
        ("upload/deploy", json!({"filename": "x.raucb", "checksum": image["file"]["checksum"]})),
        ("recovery/restore", json!({"version": "v5.0.3"})),
        ("recovery/rollback", json!({"action": "rollback_to_b", "reason": "a test"})),
        ("snapshot", json!({"name": "kept"})),
    ];
    for round in 0..5 {
        // Another one comes first in each round.
        let turned = orders.iter().cycle().skip(round).take(orders.len());
        let answers =
            futures::future::join_all(turned.map(|(path, order)| gateway.post(path, order.clone()))).await;
        let (started, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(status, _)| *status == StatusCode::OK);
        assert!(!started.is_empty(), "round {round}: {refused:?}");
        for (status, body) in refused {
            // Whoever comes late finds a job, or what the job has made of the slot so far.
            assert_eq!(status, StatusCode::CONFLICT, "{body}");
            let code = body["error"]["code"].as_str().unwrap();
            assert!(["OTA_OPERATION_IN_PROGRESS", "OTA_ROLLBACK_FAILED"].contains(&code), "{body}");
        }
        let mut armed = Vec::new();
        for (_, body) in started {
            let data = &body["data"];
            let job = data["job_id"].as_str().or(data["snapshot_id"].as_str()).unwrap();
            let job = gateway
                .job_until(job, "rest", |job| job["armed"] == true || !job["ended_at"].is_null())
                .await;
            assert_ne!(job["status"], "failed", "{job}");
            armed.extend(job["ended_at"].is_null().then(|| job["job_id"].clone()));
        }
        assert!(armed.len() <= 1, "round {round}: {armed:?}");
        for job in armed {
            Gateway::data(gateway.post("cancel", json!({"job_id": job})).await);
        }
        assert!(gateway.slot("A") == a, "the running slot is untouched");
        assert_eq!(gateway.boot_environment()["BOOT_ORDER"], "A B");
    }
}
