//! A `POST` that comes again under its key.

use crate::support::{Answer, GATEWAY, Gateway};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const DOWNLOAD: &str = "/api/v1/ota/download";
const STARTED: &str = "Update download started";

async fn send(gateway: &Gateway, token: &str, key: &str, body: &Value) -> Answer {
    let call = gateway.post(DOWNLOAD).bearer(token).gateway(GATEWAY).header("idempotency-key", key);
    call.json(body).send().await
}

fn update(id: &str) -> Value {
    json!({ "update_id": id })
}

#[tokio::test]
async fn a_request_that_comes_again_is_answered_again_and_not_carried_out_again() {
    let gateway = Gateway::ready().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let token = gateway.token("operator").await;
    let first = send(&gateway, &token, "key-1", &update("update-001")).await;
    let job = first.data(STARTED)["job_id"].clone();
    assert_eq!(first.header("location"), format!("/api/v1/ota/progress?job_id={}", job.as_str().unwrap()));
    assert!(first.header("idempotent-replayed").is_empty());
    let again = send(&gateway, &token, "key-1", &update("update-001")).await;
    assert_eq!((again.data(STARTED), again.header("idempotent-replayed")), (first.data(STARTED), "true"));
    assert_eq!(again.header("location"), first.header("location"));
    // The same key for something else, and another key for the same thing.
    send(&gateway, &token, "key-1", &update("update-002")).await.failure(422, "IDEMPOTENCY_CONFLICT");
    send(&gateway, &token, "key-2", &update("update-001")).await.failure(409, "OTA_OPERATION_IN_PROGRESS");
    // Another client has keys of its own.
    let other = gateway.token("operator").await;
    send(&gateway, &other, "key-1", &update("update-001")).await.failure(409, "OTA_OPERATION_IN_PROGRESS");
    // The answer outlives the service.
    let gateway = gateway.restarted_into(|world| world.downloads_hang.store(true, Ordering::Relaxed)).await;
    let later = send(&gateway, &token, "key-1", &update("update-001")).await;
    assert_eq!(later.data(STARTED)["job_id"], job);
}

#[tokio::test]
async fn what_was_refused_may_be_tried_again_under_its_key() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    gateway.crane_starts().await;
    send(&gateway, &token, "key", &update("update-001")).await.failure(423, "OTA_UPDATE_BLOCKED");
    gateway.crane_stops().await;
    send(&gateway, &token, "key", &update("update-001")).await.data(STARTED);
}

#[tokio::test]
async fn many_at_once_are_one() {
    let gateway = Gateway::ready().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let token = gateway.token("operator").await;
    let body = update("update-001");
    let answers = futures::future::join_all((0..20).map(|_| send(&gateway, &token, "key", &body))).await;
    let replayed = answers.iter().filter(|answer| answer.header("idempotent-replayed") == "true").count();
    assert_eq!(replayed, 19);
    let jobs: Vec<_> = answers.iter().map(|answer| answer.data(STARTED)["job_id"].clone()).collect();
    assert!(jobs.windows(2).all(|pair| pair[0] == pair[1]), "{jobs:?}");
}

#[tokio::test]
async fn a_request_whose_answer_was_lost_is_not_carried_out_again() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    send(&gateway, &token, "key", &update("update-001")).await.data(STARTED);
    gateway.until_job_is("downloaded").await;
    // The power went between the order and its answer.
    let lost = async |database: &std::path::Path| {
        let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", database.display())).await.unwrap();
        let statement = "UPDATE kept_request SET status = NULL, body = NULL";
        assert_eq!(sqlx::query(statement).execute(&pool).await.unwrap().rows_affected(), 1);
        pool.close().await;
    };
    let gateway = gateway.restarted_over(|_| {}, lost).await;
    let (_, details) =
        send(&gateway, &token, "key", &update("update-001")).await.failure(409, "IDEMPOTENCY_CONFLICT");
    assert_eq!(details["conflict"], "answer_lost");
}

#[tokio::test]
async fn a_key_is_one_short_word() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    for key in ["", "two words", &"k".repeat(129)] {
        send(&gateway, &token, key, &update("update-001")).await.failure(400, "BAD_REQUEST");
    }
    let twice = gateway.post(DOWNLOAD).bearer(&token).gateway(GATEWAY);
    let twice = twice.header("idempotency-key", "a").header("idempotency-key", "b");
    twice.json(&update("update-001")).send().await.failure(400, "BAD_REQUEST");
    assert!(gateway.ota.snapshot().open_job().is_none());
}

#[tokio::test]
async fn a_condition_is_part_of_the_request() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    let save = |tag: &str| {
        let call = gateway.post("/api/v1/ota/settings").bearer(&token).gateway(GATEWAY);
        let call = call.header("idempotency-key", "key").header("if-match", tag);
        call.json(&json!({ "maintenance_window": { "time": "03:00" } })).send()
    };
    let first = save("*").await;
    assert_eq!(
        (save("*").await.header("etag"), first.header("etag").is_empty()),
        (first.header("etag"), false)
    );
    save("\"another\"").await.failure(422, "IDEMPOTENCY_CONFLICT");
}
