//! Requests that cannot be carried out: the documented code, a sentence, and no trace.

use crate::gateway::Gateway;
use crate::small_disk::SmallDisk;
use crate::support::skipped;
use ota_publish::{keys::Keys, release::Release};
use serde_json::{Value, json};

async fn refused(gateway: &Gateway, path: &str, body: Value, status: u16, code: &str) {
    let (answered, answer) = gateway.post(path, body.clone()).await;
    assert_eq!(
        (answered.as_u16(), answer["error"]["code"].as_str()),
        (status, Some(code)),
        "{path} {body}: {answer}"
    );
    assert_eq!((answer["success"].as_bool(), &answer["data"]), (Some(false), &Value::Null));
    assert!(answer["message"].as_str().is_some_and(|message| message.len() > 10), "{answer}");
    assert!(answer["error"]["request_id"].is_string(), "{answer}");
}

#[tokio::test]
async fn each_bad_request_has_its_code() {
    let gateway = Gateway::start().await;
    let before = gateway.boot_environment();
    let cases = [
        ("download", json!({"update_id": "update-999"}), 404, "NOT_FOUND"),
        ("download", json!({"update_id": "update-001", "version": "v9.9.9"}), 400, "BAD_REQUEST"),
        ("download", json!({"update_id": "update-001", "target_partition": "A"}), 400, "BAD_REQUEST"),
        ("download", json!({"update_id": "update-001", "target_partition": "C"}), 400, "BAD_REQUEST"),
        ("download", json!({"update_id": "update-001", "verify_signature": false}), 400, "BAD_REQUEST"),
        ("download", json!({"update_id": "update-001", "colour": "red"}), 400, "BAD_REQUEST"),
        ("download", json!({}), 400, "BAD_REQUEST"),
        ("install", json!({"job_id": "OTA-JOB-9999X"}), 404, "NOT_FOUND"),
        ("cancel", json!({"job_id": "OTA-JOB-9999X"}), 404, "NOT_FOUND"),
        ("cancel", json!({"job_id": "../../etc/passwd"}), 404, "NOT_FOUND"),
        ("snapshot", json!({"name": ""}), 400, "BAD_REQUEST"),
        ("snapshot", json!({"name": "x", "partition": "C"}), 400, "BAD_REQUEST"),
        ("snapshot/delete", json!({"snapshot_id": "snap-999"}), 404, "NOT_FOUND"),
        ("recovery/restore", json!({"version": "v0.0.1"}), 404, "NOT_FOUND"),
        ("recovery/restore", json!({"version": "v5.0.4", "target_partition": "A"}), 400, "BAD_REQUEST"),
        ("recovery/rollback", json!({"action": "rollback_to_a", "reason": "x"}), 409, "OTA_ROLLBACK_FAILED"),
        ("recovery/rollback", json!({"action": "rollback_to_c", "reason": "x"}), 400, "BAD_REQUEST"),
        ("recovery/factory", json!({}), 400, "BAD_REQUEST"),
    ];
    for (path, body, status, code) in cases {
        refused(&gateway, path, body, status, code).await;
    }
    assert_eq!(gateway.get("progress").await.1["error"]["code"], "BAD_REQUEST");
    assert_eq!(gateway.get("progress?job_id=OTA-JOB-9999X").await.1["error"]["code"], "NOT_FOUND");
    assert_eq!(gateway.boot_environment(), before);
    assert_eq!(Gateway::data(gateway.get("monitor").await)["system_status"], "idle");
}

#[tokio::test]
async fn an_unknown_strategy_is_refused_and_what_is_not_downloaded_is_not_installed() {
    let gateway = Gateway::start().await;
    let job = gateway.start_update("update-001", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
    let body = json!({"job_id": job, "strategy": "sideways"});
    refused(&gateway, "install", body, 400, "BAD_REQUEST").await;
    Gateway::data(gateway.post("cancel", json!({"job_id": job})).await);
    refused(&gateway, "install", json!({"job_id": job}), 409, "OTA_INSTALL_FAILED").await;
}

#[tokio::test]
async fn bundles_that_do_not_belong_here_leave_the_slot_alone() {
    let gateway = Gateway::start().await;
    let b = gateway.slot("B");
    let stranger = tempfile::tempdir().unwrap();
    let stranger = Keys::create(stranger.path().join("keys")).unwrap();
    let small = |id: &str, version: &str| Release::new(id, version).image_size(4 << 20);
    let cases = [
        (small("wrong-signer", "v6.0.1").signed_by(&stranger), "OTA_SIGNATURE_FAILED"),
        (small("wrong-model", "v6.0.2").bundle_compatible("Other-GW"), "OTA_INVALID_IMAGE"),
        (Release::new("too-large", "v6.0.3").image_size(16 << 20), "OTA_INSUFFICIENT_SPACE"),
    ];
    for (release, code) in cases {
        let id = release.announcement().id.clone();
        gateway.publish(&release).await;
        let job = gateway.start_update(&id, true).await;
        let end = gateway.ended(&job).await;
        assert_eq!(
            (end["status"].as_str(), end["outcome"]["code"].as_str()),
            (Some("failed"), Some(code)),
            "{end}"
        );
        assert_eq!(gateway.slot("B"), b, "{id} did not touch the slot");
    }
    let environment = gateway.boot_environment();
    assert_eq!((environment["BOOT_ORDER"].as_str(), environment["BOOT_B_LEFT"].as_str()), ("A B", "3"));
}

#[tokio::test]
async fn without_room_in_staging_nothing_begins() {
    let mut gateway = Gateway::prepare(&[]).await;
    let Some(staging) = SmallDisk::mount(gateway.site.path("staging"), 1) else {
        return skipped("no small file system can be mounted here (it needs root)");
    };
    gateway.up().await;
    refused(&gateway, "download", json!({"update_id": "update-001"}), 507, "OTA_INSUFFICIENT_SPACE").await;
    assert_eq!(std::fs::read_dir(staging.path()).unwrap().count(), 0, "nothing was written");
    assert_eq!(gateway.server.requests("targets/"), 0, "nothing was fetched");
    assert!(Gateway::data(gateway.get("monitor").await)["job_id"].is_null(), "no job was made");
    gateway.kill();
}
