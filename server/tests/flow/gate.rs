//! One operation at a time.

use crate::gateway::Gateway;
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
