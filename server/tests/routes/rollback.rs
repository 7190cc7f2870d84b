use crate::support::Gateway;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const PATH: &str = "/api/v1/ota/recovery/rollback";

fn to(slot: &str) -> Value {
    json!({ "action": format!("rollback_to_{slot}"), "reason": "Update issues detected" })
}

#[tokio::test]
async fn the_other_slot_is_compared_and_becomes_next() {
    let gateway = Gateway::ready().await;
    let data = gateway.order(PATH, &to("b")).await.data("Rollback executed successfully");
    assert_eq!((&data["action"], &data["status"]), (&json!("rollback_to_b"), &json!("completed")));
    assert_eq!((&data["from_partition"], &data["to_partition"]), (&json!("A"), &json!("B")));
    assert_eq!((&data["from_version"], &data["to_version"]), (&json!("v5.0.4"), &json!("v5.0.3")));
    assert_eq!(data["reboot_required"], true);
    assert_eq!(gateway.world.compared.load(Ordering::Relaxed), 1);
    assert_eq!(gateway.ota.snapshot().boot.next_boot(), Some(ota_core::SlotId::B));
    let progress = gateway.read(data["progress_url"].as_str().unwrap()).await;
    let progress = progress.data("Update progress retrieved successfully");
    assert_eq!((&progress["kind"], &progress["status"]), (&json!("rollback"), &json!("awaiting_reboot")));
    // Another one finds the gate held, and a cancel leaves everything as it was.
    gateway.order(PATH, &to("b")).await.failure(409, "OTA_OPERATION_IN_PROGRESS");
    let cancel = json!({ "job_id": data["job_id"], "reason": "not today" });
    gateway.order("/api/v1/ota/cancel", &cancel).await.data("Update operation cancelled");
    let boot = gateway.ota.snapshot().boot.clone();
    assert_eq!((boot.order_variable().as_str(), boot.left.a, boot.left.b), ("A B", 3, 3));
}

#[tokio::test]
async fn a_slot_that_differs_is_refused_and_remembered_as_bad() {
    let gateway = Gateway::ready().await;
    gateway.world.slots_differ.store(true, Ordering::Relaxed);
    gateway.order(PATH, &to("b")).await.failure(500, "OTA_ROLLBACK_FAILED");
    assert_eq!(gateway.world.commits.load(Ordering::Relaxed), 0, "the boot environment is as it was");
    let (message, details) = gateway.order(PATH, &to("b")).await.failure(409, "OTA_ROLLBACK_FAILED");
    assert!(message.contains("bad"), "{message}");
    assert_eq!(details["conflict"], "bad");
    let recovery = gateway.read("/api/v1/ota/recovery").await.data("Recovery options retrieved successfully");
    assert!(recovery["rollback_refused"].as_str().unwrap().contains("slot B"), "{recovery}");
}

#[tokio::test]
async fn a_slot_that_cannot_be_read_just_now_is_not_remembered_as_bad() {
    let gateway = Gateway::ready().await;
    gateway.world.slots_unreadable.store(true, Ordering::Relaxed);
    gateway.order(PATH, &to("b")).await.failure(500, "OTA_ROLLBACK_FAILED");
    gateway.world.slots_unreadable.store(false, Ordering::Relaxed);
    gateway.order(PATH, &to("b")).await.data("Rollback executed successfully");
}

#[tokio::test]
async fn what_is_older_than_the_version_floor_does_not_run_again() {
    let gateway = Gateway::on_site(|site| site.version_floor = Some("v5.0.4".into())).await;
    let (message, details) = gateway.order(PATH, &to("b")).await.failure(409, "OTA_ROLLBACK_FAILED");
    assert!(message.contains("v5.0.3 is older than v5.0.4"), "{message}");
    assert_eq!(details["conflict"], "below_floor");
    assert_eq!(gateway.world.commits.load(Ordering::Relaxed), 0);
    let recovery = gateway.read("/api/v1/ota/recovery").await.data("Recovery options retrieved successfully");
    assert!(recovery["rollback_refused"].as_str().unwrap().contains("v5.0.4"), "{recovery}");
}

#[tokio::test]
async fn the_running_slot_and_what_is_no_slot_are_refused() {
    let gateway = Gateway::ready().await;
    let (_, details) = gateway.order(PATH, &to("a")).await.failure(409, "OTA_ROLLBACK_FAILED");
    assert_eq!(details["conflict"], "running");
    for body in [
        to("c"),
        json!({ "action": "rollback_to_b", "reason": " " }),
        json!({ "action": "rollback_to_b", "reason": "two\nlines" }),
        json!({ "action": "rollback_to_b" }),
        json!({ "action": "rollback_to_b", "reason": "x", "force": true }),
    ] {
        gateway.order(PATH, &body).await.failure(400, "BAD_REQUEST");
    }
    assert_eq!(gateway.world.compared.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn it_is_not_made_next_while_the_crane_moves() {
    let gateway = Gateway::ready().await;
    gateway.world.crane_moves.store(true, Ordering::Relaxed);
    gateway.order(PATH, &to("b")).await.failure(423, "OTA_UPDATE_BLOCKED");
    assert_eq!(gateway.world.commits.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_former_system_runs_on_trial_and_is_confirmed() {
    let gateway = Gateway::ready().await;
    let data = gateway.order(PATH, &to("b")).await.data("Rollback executed successfully");
    let gateway = gateway.restarted_into(|world| world.runs_from_b.store(true, Ordering::Relaxed)).await;
    gateway.until_job_is("committed").await;
    let progress = gateway.read(data["progress_url"].as_str().unwrap()).await;
    let progress = progress.data("Update progress retrieved successfully");
    assert_eq!(progress["status"], "completed");
}

#[tokio::test]
async fn a_system_that_cannot_be_confirmed_goes_back() {
    let gateway = Gateway::ready().await;
    gateway.order(PATH, &to("b")).await.data("Rollback executed successfully");
    let prepare = |world: &crate::support::World| {
        world.runs_from_b.store(true, Ordering::Relaxed);
        world.boot_read_only.store(true, Ordering::Relaxed);
    };
    let gateway = gateway.restarted_into(prepare).await;
    let refused = || {
        use ota_core::{HoldPoint, JobState};
        let job = gateway.ota.snapshot().job.clone();
        job.is_some_and(|view| match &view.job.state {
            JobState::Trial { failed } => failed.is_some(),
            JobState::Held { at, .. } => matches!(at, HoldPoint::GoBack { .. }),
            _ => false,
        })
    };
    gateway.until("the commit was refused", refused).await;
    gateway.world.boot_read_only.store(false, Ordering::Relaxed);
    gateway.until("it restarts", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
    assert_eq!(gateway.ota.snapshot().boot.next_boot(), Some(ota_core::SlotId::A));
}
