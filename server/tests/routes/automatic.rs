//! What the gateway does by itself, with a clock that is set: the engine is the real one, the world behind its ports is in memory.

use crate::support::{Gateway, PIN, World};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const SETTINGS: &str = "/api/v1/ota/settings";

async fn save(gateway: &Gateway, settings: Value) {
    gateway.order(SETTINGS, &settings).await.data("Settings updated successfully");
}

/// Everything by itself, in a window that begins in two hours.
async fn automatic(gateway: &Gateway) {
    let begins = (Timestamp::now() + 2.hours()).to_zoned(TimeZone::UTC);
    let time = begins.strftime("%H:%M").to_string();
    save(
        gateway,
        json!({
            "auto_update": { "enabled": true, "auto_reboot": true },
            "maintenance_window": { "enabled": true, "schedule": "daily", "time": time, "duration_minutes": 60 }
        }),
    )
    .await;
}

/// Sets the wall clock; the timers of the kernel know nothing of it.
fn jump(gateway: &Gateway, minutes: i64) {
    gateway.world.wall_jump.store(minutes * 60, Ordering::Relaxed);
}

fn in_the_window_beside_a_moving_crane(world: &World) {
    world.wall_jump.store(121 * 60, Ordering::Relaxed);
    world.crane_moves.store(true, Ordering::Relaxed);
}

/// The shown job waits for the next window.
fn rests(gateway: &Gateway) -> bool {
    gateway.ota.snapshot().job.as_ref().is_some_and(|view| view.job.state.awaits_window())
}

async fn update(gateway: &Gateway, id: &str) -> Value {
    let data = gateway.read("/api/v1/ota/updates").await.data("Available updates retrieved successfully");
    data["updates"].as_array().unwrap().iter().find(|update| update["id"] == id).unwrap().clone()
}

fn codes(reasons: &Value) -> Vec<&str> {
    reasons.as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

async fn automation(gateway: &Gateway) -> Value {
    let data = gateway.read("/api/v1/ota/monitor").await.data("Monitor status retrieved successfully");
    data["automation"].clone()
}

#[tokio::test]
async fn nothing_happens_by_itself_unless_somebody_wants_it() {
    let gateway = Gateway::ready().await;
    let offer = update(&gateway, "update-001").await;
    assert_eq!(offer["eligible"], false);
    assert_eq!(codes(&offer["reasons"]), ["policy", "window"]);
    assert_eq!(offer["next_attempt_at"], Value::Null);
    let told = automation(&gateway).await;
    assert_eq!((&told["window"], &told["next_maintenance_window"]), (&Value::Null, &Value::Null));
    assert_eq!(told["auto_check_enabled"], true);
}

#[tokio::test]
async fn an_update_is_installed_and_started_in_the_window_and_says_before_that_it_will_be() {
    let gateway = Gateway::ready().await;
    automatic(&gateway).await;
    let offer = update(&gateway, "update-002").await;
    assert_eq!(codes(&offer["reasons"]), ["window"]);
    let told = automation(&gateway).await;
    let window = &told["window"];
    assert_eq!(offer["next_attempt_at"], window["opens_at"]);
    assert_eq!(
        window["plan"],
        json!({ "action": "install_and_restart", "version": "v5.1.0", "reasons": [] }),
        "the newest one"
    );
    let seconds = window["opens_in_seconds"].as_u64().unwrap();
    assert!((6_000..=7_200).contains(&seconds), "{window}");
    assert!(gateway.ota.snapshot().job.is_none());
    // The window opens.
    jump(&gateway, 121);
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
    let job = gateway.ota.snapshot().job.clone().unwrap().job.clone();
    assert_eq!((job.work.version(), job.actor.name.as_str()), ("v5.1.0", "schedule"));
    // Into the new system, which is confirmed. The window is used, and is not used again.
    let gateway = gateway
        .restarted_into(|world| {
            world.wall_jump.store(122 * 60, Ordering::Relaxed);
            world.runs_from_b.store(true, Ordering::Relaxed);
        })
        .await;
    gateway.until_job_is("committed").await;
    gateway
        .until("the run is over", || {
            gateway.ota.snapshot().outlook.last_run.as_ref().is_some_and(|run| run.outcome.is_some())
        })
        .await;
    let told = automation(&gateway).await;
    assert_eq!(
        (&told["last_run"]["action"], &told["last_run"]["outcome"]),
        (&json!("install"), &json!("succeeded"))
    );
}

#[tokio::test]
async fn a_window_is_used_once_whatever_the_clock_does() {
    let gateway = Gateway::ready().await;
    automatic(&gateway).await;
    jump(&gateway, 121);
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
    // It falls back to the old system; the clock is set back to before the window, and comes to it again.
    let gateway = gateway.restarted_into(|world| world.wall_jump.store(121 * 60, Ordering::Relaxed)).await;
    gateway.until("an end", || gateway.ota.snapshot().open_job().is_none()).await;
    jump(&gateway, 0);
    let closed = || {
        let outlook = gateway.ota.snapshot().outlook.clone();
        outlook.open.is_none() && outlook.next.is_some()
    };
    gateway.until("the window is closed", closed).await;
    let told = automation(&gateway).await;
    assert_ne!(told["window"]["opens_at"], told["next_maintenance_window"], "that one is used already");
    jump(&gateway, 121);
    gateway.until("the window is open", || gateway.ota.snapshot().outlook.open.is_some()).await;
    let offer = update(&gateway, "update-002").await;
    assert!(codes(&offer["reasons"]).contains(&"window"), "{offer}");
    assert_eq!(
        gateway.world.reboots.load(Ordering::Relaxed),
        0,
        "counted anew since the start of the service"
    );
}

#[tokio::test]
async fn what_is_not_still_in_the_window_waits_for_the_next_one_and_a_person_need_not() {
    let gateway = Gateway::ready().await;
    automatic(&gateway).await;
    gateway.crane_starts().await;
    jump(&gateway, 121);
    gateway.until("the window is open", || gateway.ota.snapshot().outlook.open.is_some()).await;
    let offer = update(&gateway, "update-002").await;
    assert_eq!(codes(&offer["reasons"]), ["gate"]);
    assert_eq!(offer["reasons"][0]["message"], "Crane motion: moving.");
    assert!(offer["next_attempt_at"].is_string(), "as soon as it is still: {offer}");
    // Still for long enough to begin, and moving again before the new system is next.
    *gateway.world.writes_hang_at.lock().unwrap() = Some(1);
    gateway.world.crane_moves.store(false, Ordering::Relaxed);
    gateway.until_job_is("installing").await;
    gateway.crane_starts().await;
    // The service restarts, and writes the slot without a hitch.
    let gateway = gateway.restarted_into(in_the_window_beside_a_moving_crane).await;
    gateway.until_job_is("held").await;
    // The window is over; then the crane stands still. Nothing is armed and nothing restarts.
    jump(&gateway, 181);
    gateway.until("it waits for the next window", || rests(&gateway)).await;
    gateway.crane_stops().await;
    assert_eq!(gateway.world.reboots.load(Ordering::Relaxed), 0);
    gateway.until("it is told", || gateway.ota.snapshot().outlook.restart.is_some()).await;
    let told = automation(&gateway).await;
    assert_eq!(codes(&told["restart"]["reasons"]), ["window"], "{told}");
    let job = gateway.ota.snapshot().job.clone().unwrap().job.clone();
    let path = format!("/api/v1/ota/progress?job_id={}", job.id);
    let progress = gateway.read(&path).await.data("Update progress retrieved successfully");
    assert_eq!(
        (&progress["status"], &progress["waiting_for"]),
        (&json!("held"), &json!(["maintenance_window"]))
    );
    assert_eq!(progress["progress"]["current_operation"], "waiting_for_window");
    // A person need not wait.
    gateway.order("/api/v1/ota/reboot", &json!({ "reason": "now" })).await.data("Gateway restart ordered");
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test]
async fn a_window_that_ends_while_the_slot_is_compared_once_more_arms_nothing() {
    let gateway = Gateway::ready().await;
    automatic(&gateway).await;
    *gateway.world.writes_hang_at.lock().unwrap() = Some(1);
    jump(&gateway, 121);
    gateway.until_job_is("installing").await;
    let gateway = gateway.restarted_into(in_the_window_beside_a_moving_crane).await;
    gateway.until_job_is("held").await;
    jump(&gateway, 181);
    gateway.until("it waits for the next window", || rests(&gateway)).await;
    // What the slot holds was proven to a service that has ended: in the next window it is compared again before it is made next.
    let next_day = 24 * 60;
    let gateway = gateway
        .restarted_into(|world| {
            world.wall_jump.store((next_day + 121) * 60, Ordering::Relaxed);
            world.comparisons_hang.store(true, Ordering::Relaxed);
        })
        .await;
    gateway.until("the slot is compared", || gateway.world.is_comparing.load(Ordering::Relaxed)).await;
    jump(&gateway, next_day + 181);
    gateway.world.comparisons_hang.store(false, Ordering::Relaxed);
    gateway.until("it waits for the window after that", || rests(&gateway)).await;
    let changes =
        (gateway.world.commits.load(Ordering::Relaxed), gateway.world.reboots.load(Ordering::Relaxed));
    assert_eq!(changes, (0, 0), "the boot environment is as it was, and nothing has restarted");
}

#[tokio::test]
async fn the_next_window_restarts_into_what_is_installed() {
    let gateway = Gateway::ready().await;
    automatic(&gateway).await;
    // A person installs, and leaves the restart.
    let order = json!({ "update_id": "update-001", "install_after": true });
    gateway.order("/api/v1/ota/download", &order).await.data("Update download started");
    gateway.until_job_is("awaiting_reboot").await;
    gateway
        .until("it is planned", || {
            let outlook = gateway.ota.snapshot().outlook.clone();
            outlook.restart.is_some() && outlook.coming.is_some()
        })
        .await;
    let told = automation(&gateway).await;
    assert_eq!(told["window"]["plan"], json!({ "action": "restart", "version": "v5.0.5", "reasons": [] }));
    jump(&gateway, 121);
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test]
async fn what_a_person_has_cancelled_is_not_begun_again_by_itself() {
    let gateway = Gateway::ready().await;
    save(&gateway, json!({ "auto_update": { "auto_download": true } })).await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let order = json!({ "update_id": "update-002" });
    // The gateway was faster, or this is; either way there is one download.
    gateway.order("/api/v1/ota/download", &order).await;
    gateway.until("a download", || gateway.ota.snapshot().open_job().is_some()).await;
    let id = gateway.ota.snapshot().open_job().unwrap().job.id.to_string();
    gateway
        .order("/api/v1/ota/cancel", &json!({ "job_id": id, "reason": "not today" }))
        .await
        .data("Update operation cancelled");
    gateway.until("it is known", || gateway.ota.snapshot().tried.contains_key("v5.1.0")).await;
    gateway
        .until("the reason", || {
            let outlook = gateway.ota.snapshot().outlook.clone();
            let reasons = &outlook.updates.get("update-002").unwrap().reasons;
            reasons.iter().any(|reason| reason.as_str() == "failed_before")
        })
        .await;
}

#[tokio::test]
async fn downloads_need_no_window() {
    let gateway = Gateway::ready().await;
    save(&gateway, json!({ "auto_update": { "auto_download": true, "auto_security": true } })).await;
    gateway.until_job_is("downloaded").await;
    let job = gateway.ota.snapshot().job.clone().unwrap().job.clone();
    assert_eq!(
        (job.work.version(), job.actor.name.as_str()),
        ("v5.0.5", "schedule"),
        "security releases only"
    );
}

#[tokio::test]
async fn a_strategy_that_cannot_be_used_is_a_reason_and_nothing_is_tried() {
    let gateway = Gateway::ready().await;
    automatic(&gateway).await;
    save(&gateway, json!({ "update_strategy": "rolling" })).await;
    let offer = update(&gateway, "update-002").await;
    assert_eq!(codes(&offer["reasons"]), ["policy", "window"], "{offer}");
    assert_eq!(offer["next_attempt_at"], Value::Null, "somebody has to change something");
    let plan = automation(&gateway).await["window"]["plan"].clone();
    assert_eq!((&plan["action"], codes(&plan["reasons"])), (&json!("nothing"), vec!["policy"]));
    jump(&gateway, 121);
    gateway.until("the window is open", || gateway.ota.snapshot().outlook.open.is_some()).await;
    let offer = update(&gateway, "update-002").await;
    assert_eq!(codes(&offer["reasons"]), ["policy"], "{offer}");
    assert!(gateway.ota.snapshot().job.is_none());
    save(&gateway, json!({ "update_strategy": "seamless" })).await;
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test]
async fn a_person_who_takes_further_what_was_begun_by_itself_answers_for_it() {
    let gateway = Gateway::ready().await;
    gateway.set_pin().await;
    automatic(&gateway).await;
    save(&gateway, json!({ "auto_update": { "auto_reboot": false } })).await;
    jump(&gateway, 121);
    gateway.until_job_is("awaiting_reboot").await;
    gateway.until("it is armed", || gateway.ota.snapshot().outlook.restart.is_some()).await;
    gateway.crane_starts().await;
    let restart = json!({ "reason": "now" });
    gateway.order("/api/v1/ota/reboot", &restart).await.failure(423, "OTA_UPDATE_BLOCKED");
    let order = json!({ "enable": true, "pin": PIN, "reason": "No load on the hook", "constraints": ["crane_motion"] });
    gateway.command("/api/v1/ota/safety/override", &order).await.data("Safety override enabled");
    gateway.order("/api/v1/ota/reboot", &restart).await.data("Gateway restart ordered");
    gateway.until("the restart", || gateway.world.reboots.load(Ordering::Relaxed) == 1).await;
    let job = gateway.ota.snapshot().job.clone().unwrap().job.clone();
    assert!(!job.actor.is_automatic(), "{:?}", job.actor);
}
