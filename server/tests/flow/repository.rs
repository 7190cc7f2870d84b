//! A repository that misbehaves.

use crate::gateway::Gateway;
use jiff::Timestamp;
use ota_publish::{faults::Fault, repository::Expiry};
use serde_json::json;

async fn check_fails(gateway: &Gateway, what: &str) {
    let (status, body) = gateway.post("check-updates", json!({"force": true, "background": false})).await;
    assert_eq!(
        (status.as_u16(), body["error"]["code"].as_str()),
        (502, Some("OTA_DOWNLOAD_FAILED")),
        "{what}: {body}"
    );
    let updates = Gateway::data(gateway.get("updates").await);
    assert_eq!(updates["total_available"], 2, "{what}: what was known stays known");
    assert!(updates["check"]["error"].is_string(), "{what}: {updates}");
}

#[tokio::test]
async fn each_fault_of_the_repository_is_told_and_loses_nothing() {
    let gateway = Gateway::start().await;
    for (what, fault) in [
        ("missing", Fault::Status(404)),
        ("broken", Fault::Status(500)),
        ("truncated", Fault::Truncate(40)),
        ("reset", Fault::Reset),
        ("nonsense", Fault::Replace(b"<html>".to_vec())),
    ] {
        gateway.server.inject("timestamp.json", fault);
        check_fails(&gateway, what).await;
        gateway.server.clear();
    }
    let old = gateway.site.path("old");
    gateway.repository().keep_copy(&old).await.unwrap();
    gateway.repository().refresh(&Expiry::usual()).await.unwrap();
    Gateway::data(gateway.post("check-updates", json!({"force": true, "background": false})).await);
    gateway.server.serve_from(&old);
    check_fails(&gateway, "older metadata").await;
    gateway.server.serve_from(&gateway.site.path("repository"));
    gateway.repository().expire(Timestamp::UNIX_EPOCH).await.unwrap();
    check_fails(&gateway, "expired metadata").await;
    gateway.repository().refresh(&Expiry::usual()).await.unwrap();
    let answer =
        Gateway::data(gateway.post("check-updates", json!({"force": true, "background": false})).await);
    assert_eq!(answer["status"], "checking");
    assert!(Gateway::data(gateway.get("updates").await)["check"]["error"].is_null());
}

#[tokio::test]
async fn a_cut_connection_is_resumed_and_other_bytes_than_the_signed_ones_are_refused() {
    let gateway = Gateway::start().await;
    let target = gateway.repository().targets().await.unwrap();
    let target = target.iter().find(|target| target.custom["id"] == "update-001").unwrap().clone();
    // Of several cuts in the way of one answer, the one that was asked for last happens.
    for cut in [target.length - 1, 1 << 20, 1024] {
        gateway.server.inject_times("targets/", Fault::CutAt(cut), 1);
    }
    let before = gateway.server.bytes_sent("targets/");
    let job = gateway.start_update("update-001", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    let sent = gateway.server.bytes_sent("targets/") - before;
    assert!(sent * 10 <= target.length * 11, "{sent} bytes were sent for {}", target.length);
    Gateway::data(gateway.post("cancel", json!({"job_id": job})).await);

    gateway.server.clear();
    gateway.server.inject("targets/", Fault::Flip(target.length / 2));
    let job = gateway.start_update("update-001", true).await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["outcome"]["code"], "OTA_DOWNLOAD_FAILED", "{end}");

    gateway.server.clear();
    gateway.server.inject("targets/", Fault::Status(404));
    let job = gateway.start_update("update-001", true).await;
    let end = gateway.ended(&job).await;
    assert_eq!(end["outcome"]["code"], "OTA_DOWNLOAD_FAILED", "{end}");
    assert_eq!(gateway.boot_environment()["BOOT_B_LEFT"], "3", "no failed download touches the slot");
}
