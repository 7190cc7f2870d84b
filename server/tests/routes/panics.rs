//! A handler that panics: its client is told so, and nobody else notices.

use crate::support::{CLOCK_PANICS, GATEWAY, Gateway};
use serde_json::json;
use std::sync::atomic::Ordering;

const DOWNLOAD: &str = "/api/v1/ota/download";

#[tokio::test]
async fn a_panic_while_reading_is_answered_and_the_next_reader_is_served() {
    let gateway = Gateway::ready().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let started = gateway.order(DOWNLOAD, &json!({ "update_id": "update-001" })).await;
    let path = started.body()["data"]["progress_url"].as_str().unwrap().to_owned();
    let token = gateway.token("viewer").await;
    let read = || gateway.get(&path).bearer(&token).gateway(GATEWAY).send();
    let (message, details) = CLOCK_PANICS.scope((), read()).await.failure(500, "INTERNAL");
    assert!(details.is_null() && !message.contains("clock"), "the cause is for the log: {message} {details}");
    let data = read().await.data("Update progress retrieved successfully");
    assert_eq!(data["status"], "downloading", "the job goes on");
}

#[tokio::test]
async fn a_panic_while_ordering_is_answered_and_the_next_order_is_carried_out() {
    let gateway = Gateway::ready().await;
    let body = json!({ "update_id": "update-001" });
    gateway.world.space_panics.store(true, Ordering::Relaxed);
    let (message, details) = gateway.order(DOWNLOAD, &body).await.failure(500, "INTERNAL");
    assert!(details.is_null() && !message.contains("space"), "the cause is for the log: {message} {details}");
    gateway.world.space_panics.store(false, Ordering::Relaxed);
    gateway.order(DOWNLOAD, &body).await.data("Update download started");
    gateway.until_job_is("downloaded").await;
}
