use crate::support::{GATEWAY, Gateway};
use serde_json::json;
use std::sync::atomic::Ordering;

const PATH: &str = "/api/v1/ota/download";

#[tokio::test]
async fn a_download_starts_and_ends_verified() {
    let gateway = Gateway::ready().await;
    let body = json!({ "update_id": "update-001", "version": "v5.0.5", "target_partition": "B", "background": false,
        "verify_signature": true });
    let data = gateway.order(PATH, &body).await.data("Update download started");
    let id = data["job_id"].as_str().unwrap();
    assert!(id.starts_with("OTA-JOB-"), "{id}");
    assert_eq!(data["status"], "downloading");
    assert_eq!(data["update"]["size"], "452 MB");
    assert_eq!(data["target_partition"], "B");
    assert_eq!(data["progress_url"], format!("/api/v1/ota/progress?job_id={id}"));
    gateway.until_job_is("downloaded").await;
    let again = gateway.order(PATH, &body).await.data("Update download started");
    assert_eq!((&again["job_id"], &again["status"]), (&data["job_id"], &json!("downloaded")));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let gateway = Gateway::ready().await;
    for (body, part) in [
        (json!({ "update_id": "update-001", "target_partition": "A" }), "A is running"),
        (json!({ "update_id": "update-001", "target_partition": "C" }), "no slot"),
        (json!({ "update_id": "update-001", "version": "v9" }), "v9"),
        (json!({ "update_id": "update-001", "verify_signature": false }), "always verified"),
        (json!({ "update_id": "update-001", "reboot_after": true }), "install_after"),
        (json!({ "update_id": "update-001", "instal_after": true }), "“instal_after” does not exist"),
        (json!({ "update_id": 1 }), "“update_id” cannot be used"),
        (json!({}), "“update_id” is missing"),
        (json!([]), "must be a JSON object"),
    ] {
        let (message, _) = gateway.order(PATH, &body).await.failure(400, "BAD_REQUEST");
        assert!(message.contains(part), "{body}: {message}");
    }
    gateway.order(PATH, &json!({ "update_id": "update-999" })).await.failure(404, "NOT_FOUND");
    assert!(gateway.ota.snapshot().job.is_none(), "nothing was started");
}

#[tokio::test]
async fn a_key_that_comes_twice_is_refused() {
    let gateway = Gateway::ready().await;
    let call = gateway.post(PATH).bearer(&gateway.token("operator").await).gateway(GATEWAY);
    let body = r#"{"update_id":"update-001","update_id":"update-002"}"#;
    let (message, _) = call.raw("application/json", body).send().await.failure(400, "BAD_REQUEST");
    assert!(message.contains("“update_id” is there twice"), "{message}");
}

#[tokio::test]
async fn one_of_many_wins_and_the_others_learn_who() {
    let gateway = Gateway::ready().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let token = gateway.token("operator").await;
    let body = json!({ "update_id": "update-001" });
    let calls = (0..100).map(|_| gateway.post(PATH).bearer(&token).gateway(GATEWAY).json(&body).send());
    let answers = futures::future::join_all(calls).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        let (_, details) = answer.failure(409, "OTA_OPERATION_IN_PROGRESS");
        assert_eq!(details["job_id"], won[0].body()["data"]["job_id"]);
    }
}

#[tokio::test]
async fn a_moving_crane_forbids_it_and_is_named() {
    let gateway = Gateway::ready().await;
    gateway.crane_starts().await;
    let answer = gateway.order(PATH, &json!({ "update_id": "update-001" })).await;
    let (_, details) = answer.failure(423, "OTA_UPDATE_BLOCKED");
    assert_eq!(details["blocking"][0]["constraint"], "crane_motion");
    assert_eq!(details["blocking"][0]["status"], "moving");
}

#[tokio::test]
async fn what_was_ordered_is_carried_out_although_the_client_hangs_up() {
    let gateway = Gateway::ready().await;
    gateway.world.space_asked.store(false, Ordering::Relaxed);
    gateway.world.space_hangs.store(true, Ordering::Relaxed);
    let token = gateway.token("operator").await;
    let call = gateway.post(PATH).bearer(&token).gateway(GATEWAY).json(&json!({ "update_id": "update-001" }));
    let client = tokio::spawn(call.send());
    gateway.until("the order is on its way", || gateway.world.space_asked.load(Ordering::Relaxed)).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    gateway.world.space_hangs.store(false, Ordering::Relaxed);
    gateway.until_job_is("downloaded").await;
}

#[tokio::test]
async fn a_download_waits_for_the_network_and_then_begins_by_itself() {
    let gateway = Gateway::ready().await;
    gateway.world.space_asked.store(false, Ordering::Relaxed);
    gateway.world.space_hangs.store(true, Ordering::Relaxed);
    let body = json!({ "update_id": "update-001" });
    let order = gateway.order(PATH, &body);
    let network_goes = async {
        gateway.until("the start was permitted", || gateway.world.space_asked.load(Ordering::Relaxed)).await;
        gateway.world.network_down.store(true, Ordering::Relaxed);
        gateway.until("the network is missed", || !gateway.ota.snapshot().safety.is_clear()).await;
        gateway.world.space_hangs.store(false, Ordering::Relaxed);
    };
    let (answer, ()) = tokio::join!(order, network_goes);
    let job = answer.data("Update download started")["job_id"].as_str().unwrap().to_owned();
    gateway.until_job_is("held").await;
    let path = format!("/api/v1/ota/progress?job_id={job}");
    let held = gateway.read(&path).await.data("Update progress retrieved successfully");
    assert_eq!((&held["waiting_for"], &held["held_before"]), (&json!(["network"]), &json!("download")));
    gateway.world.network_down.store(false, Ordering::Relaxed);
    gateway.until_job_is("downloaded").await;
}
