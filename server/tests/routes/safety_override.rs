use crate::support::{GATEWAY, Gateway, PIN};
use ota_core::PinKind;
use ota_engine::ports::PinStore;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const PATH: &str = "/api/v1/ota/safety/override";
const ENABLED: &str = "Safety override enabled";

fn request(pin: &str) -> Value {
    json!({"enable": true, "pin": pin, "reason": "Emergency update required", "constraints": ["crane_motion"]})
}

async fn blocked() -> Gateway {
    let gateway = Gateway::ready().await;
    gateway.set_pin().await;
    gateway.crane_starts().await;
    gateway
}

async fn safety(gateway: &Gateway) -> Value {
    gateway.read("/api/v1/ota/safety").await.data("Safety status retrieved successfully")
}

#[tokio::test]
async fn an_administrator_overrides_for_one_operation() {
    let gateway = blocked().await;
    let order = json!({ "update_id": "update-001", "install_after": true, "reboot_after": false });
    gateway.order("/api/v1/ota/download", &order).await.failure(423, "OTA_UPDATE_BLOCKED");

    let data = gateway.command(PATH, &request(PIN)).await.data(ENABLED);
    assert_eq!(
        (&data["override_enabled"], &data["overridden_constraints"], &data["update_allowed"]),
        (&json!(true), &json!(["crane_motion"]), &json!(true))
    );
    let expires: jiff::Timestamp = data["expires_at"].as_str().unwrap().parse().unwrap();
    let lasts = expires.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((895..=900).contains(&lasts), "{data}");

    let shown = safety(&gateway).await;
    assert_eq!((&shown["force_override"], &shown["update_allowed"]), (&json!(true), &json!(true)));
    assert_eq!((&shown["override"]["by"], &shown["override"]["active"]), (&json!("admin"), &json!(true)));
    let crane = &shown["constraints"]["crane_motion"];
    assert_eq!((&crane["blocking"], &crane["overridden"]), (&json!(true), &json!(true)), "shown as it is");

    let job = gateway.order("/api/v1/ota/download", &order).await.data("Update download started");
    gateway.until_job_is("awaiting_reboot").await;
    assert_eq!(safety(&gateway).await["override"]["job_id"], job["job_id"]);

    gateway
        .order("/api/v1/ota/cancel", &json!({"job_id": job["job_id"]}))
        .await
        .data("Update operation cancelled");
    let shown = safety(&gateway).await;
    assert_eq!(shown["force_override"], false, "gone with its operation");
    gateway.order("/api/v1/ota/download", &order).await.failure(423, "OTA_UPDATE_BLOCKED");
}

#[tokio::test]
async fn an_update_that_is_held_already_is_what_it_serves() {
    let gateway = Gateway::ready().await;
    gateway.set_pin().await;
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let order = json!({ "update_id": "update-001", "install_after": true, "reboot_after": true });
    let job = gateway.order("/api/v1/ota/download", &order).await.data("Update download started");
    gateway.crane_starts().await;
    gateway.command(PATH, &request(PIN)).await.data(ENABLED);
    assert_eq!(safety(&gateway).await["override"]["job_id"], job["job_id"]);
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_told_and_costs_no_try() {
    let gateway = blocked().await;
    let with = |key: &str, value: Value| {
        let mut body = request(PIN);
        body[key] = value;
        body
    };
    let without = |key: &str| {
        let mut body = request(PIN);
        body.as_object_mut().unwrap().remove(key);
        body
    };
    for (body, words) in [
        (with("reason", json!("too short")), "reason"),
        (with("reason", json!("   123456789   ")), "reason"),
        (with("reason", json!("x".repeat(501))), "reason"),
        (with("constraints", json!([])), "at least one"),
        (with("constraints", json!(["crane_motion", "gravity"])), "gravity"),
        (with("constraints", json!(["ups_battery"])), "ups_battery"),
        (with("force", json!(true)), "force"),
        (without("pin"), "pin"),
        (without("constraints"), "constraints"),
        (without("reason"), "reason"),
        (without("enable"), "enable"),
        (json!({"enable": false, "reason": "  "}), "why"),
    ] {
        let (message, _) = gateway.command(PATH, &body).await.failure(400, "BAD_REQUEST");
        assert!(message.contains(words), "{body}: {message}");
    }
    let pin = gateway.store.pin(PinKind::Override).await.unwrap().unwrap();
    assert_eq!(pin.tries, 0);
}

#[tokio::test]
async fn roles_decide_who_may_and_everybody_who_operates_may_end_it() {
    let gateway = blocked().await;
    gateway.order(PATH, &request(PIN)).await.failure(403, "FORBIDDEN");
    let viewer = gateway.token("viewer").await;
    let end = json!({"enable": false, "reason": "the crane is free"});
    gateway.post(PATH).bearer(&viewer).gateway(GATEWAY).json(&end).send().await.failure(403, "FORBIDDEN");
    gateway.command(PATH, &request(PIN)).await.data(ENABLED);
    let data = gateway.order(PATH, &end).await.data("Safety override disabled");
    assert_eq!(
        (&data["override_enabled"], &data["overridden_constraints"], &data["update_allowed"]),
        (&json!(false), &json!([]), &json!(false))
    );
    assert!(data["expires_at"].is_string());
    gateway.order(PATH, &end).await.data("Safety override disabled");
}

#[tokio::test]
async fn five_wrong_pins_lock_the_right_one_out_and_a_restart_or_the_clock_does_not_help() {
    let gateway = blocked().await;
    for wrong in ["0000", "7392", "739282", ""] {
        let (message, details) = gateway.command(PATH, &request(wrong)).await.failure(403, "OTA_INVALID_PIN");
        assert_eq!((message.as_str(), details), ("The PIN is wrong.", Value::Null));
    }
    let (_, details) = gateway.command(PATH, &request("123457")).await.failure(403, "OTA_INVALID_PIN");
    assert_eq!(details["locked_seconds"], 60, "the fifth says what it has cost");
    let locked = |answer: crate::support::Answer| {
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        let (_, details) = answer.failure(429, "OTA_INVALID_PIN");
        assert_eq!(details["retry_after_seconds"], wait);
        wait
    };
    assert!((58..=60).contains(&locked(gateway.command(PATH, &request(PIN)).await)));
    gateway.world.wall_jump.store(3600, Ordering::Relaxed);
    assert!((55..=60).contains(&locked(gateway.command(PATH, &request(PIN)).await)), "the clock was set");

    let gateway = gateway.restarted().await;
    gateway.crane_starts().await;
    assert!((58..=60).contains(&locked(gateway.command(PATH, &request(PIN)).await)), "the wait starts over");
    gateway.world.skipped.store(61, Ordering::Relaxed);
    for wrong in ["1", "2", "3", "4"] {
        gateway.command(PATH, &request(wrong)).await.failure(403, "OTA_INVALID_PIN");
    }
    let (_, details) = gateway.command(PATH, &request("5")).await.failure(403, "OTA_INVALID_PIN");
    assert_eq!(details["locked_seconds"], 120, "the next five cost twice as much");
    gateway.world.skipped.store(200, Ordering::Relaxed);
    gateway.command(PATH, &request(PIN)).await.data(ENABLED);
    assert_eq!(gateway.store.pin(PinKind::Override).await.unwrap().unwrap().tries, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tries_at_once_are_five_tries() {
    let gateway = std::sync::Arc::new(blocked().await);
    let token = gateway.token("admin").await;
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (gateway, token) = (std::sync::Arc::clone(&gateway), token.clone());
        tries.spawn(async move {
            let body = request(&format!("{:06}", 200_000 + n));
            gateway.post(PATH).bearer(&token).gateway(GATEWAY).json(&body).send().await.status.as_u16()
        });
    }
    let answers = tries.join_all().await;
    let wrong = answers.iter().filter(|status| **status == 403).count();
    let locked = answers.iter().filter(|status| **status == 429).count();
    assert_eq!((wrong, locked), (5, 95));
    assert_eq!(gateway.store.pin(PinKind::Override).await.unwrap().unwrap().tries, 5);
}

#[tokio::test]
async fn it_expires_by_the_boot_clock_whatever_the_wall_clock_does() {
    let gateway = blocked().await;
    gateway.command(PATH, &request(PIN)).await.data(ENABLED);
    gateway.world.wall_jump.store(-3600, Ordering::Relaxed);
    gateway.world.skipped.store(890, Ordering::Relaxed);
    let left = || gateway.ota.snapshot().force.left.as_secs();
    gateway.until("the time is seen to have passed", || left() <= 10).await;
    assert_eq!(safety(&gateway).await["force_override"], true);
    gateway.world.skipped.store(901, Ordering::Relaxed);
    gateway.until("it is over", || gateway.ota.snapshot().force.grant.is_none()).await;
    let order = json!({ "update_id": "update-001" });
    gateway.order("/api/v1/ota/download", &order).await.failure(423, "OTA_UPDATE_BLOCKED");
}

#[tokio::test]
async fn a_restart_ends_it_and_the_record_says_so() {
    let gateway = blocked().await;
    gateway.command(PATH, &request(PIN)).await.data(ENABLED);
    let gateway = gateway.restarted().await;
    assert_eq!(safety(&gateway).await["force_override"], false);
    let logs = gateway.read("/api/v1/ota/logs").await.data("System logs retrieved successfully");
    assert!(logs["logs"].to_string().contains("the restart ended the override by admin"), "{logs}");
}

#[tokio::test]
async fn where_the_site_wants_two_a_second_administrator_confirms() {
    let gateway = Gateway::on_site(|site| site.overrides.second_person = true).await;
    gateway.set_pin().await;
    gateway.crane_starts().await;
    gateway.add_user("chief", ota_core::Role::Admin).await;
    for _ in 0..2 {
        let data =
            gateway.command(PATH, &request(PIN)).await.data("Safety override awaits a second administrator");
        assert_eq!(
            (&data["override_enabled"], &data["awaiting_second_person"], &data["update_allowed"]),
            (&json!(false), &json!(true), &json!(false))
        );
    }
    let chief = gateway.token("chief").await;
    let answer = gateway.post(PATH).bearer(&chief).gateway(GATEWAY).json(&request(PIN)).send().await;
    assert_eq!(answer.data(ENABLED)["update_allowed"], true);
    let shown = safety(&gateway).await;
    let force = &shown["override"];
    assert_eq!((&force["by"], &force["confirmed_by"]), (&json!("admin"), &json!("chief")));
}

#[tokio::test]
async fn without_a_pin_there_is_no_override() {
    let gateway = Gateway::ready().await;
    let (message, _) = gateway.command(PATH, &request(PIN)).await.failure(403, "OTA_INVALID_PIN");
    assert!(message.contains("gateway-ota pin set override"), "{message}");
}

#[tokio::test]
async fn a_new_pin_ends_the_wait() {
    let gateway = blocked().await;
    for _ in 0..5 {
        gateway.command(PATH, &request("1")).await.failure(403, "OTA_INVALID_PIN");
    }
    let hash = server::password::hash_pin("204816").unwrap();
    gateway.store.put_pin(PinKind::Override, &hash).await.unwrap();
    gateway.command(PATH, &request("204816")).await.data(ENABLED);
}

#[tokio::test]
async fn the_pin_is_nowhere() {
    let gateway = blocked().await;
    gateway.command(PATH, &request("864209")).await.failure(403, "OTA_INVALID_PIN");
    gateway.command(PATH, &request(PIN)).await.data(ENABLED);
    gateway.ota.shutdown().await;
    for entry in std::fs::read_dir(gateway.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for pin in [PIN, "864209"] {
                let found = bytes.windows(pin.len()).any(|window| window == pin.as_bytes());
                assert!(!found, "{pin} stands in {}", path.display());
            }
        }
    }
    assert!(
        !format!(
            "{:?}",
            ota_api::safety::OverrideRequest {
                enable: true,
                pin: Some(PIN.into()),
                reason: "x".into(),
                constraints: None,
            }
        )
        .contains(PIN)
    );
}

#[tokio::test]
async fn after_a_right_pin_five_wrong_ones_lock_again() {
    let gateway = blocked().await;
    for _ in 0..5 {
        gateway.command(PATH, &request("1")).await.failure(403, "OTA_INVALID_PIN");
    }
    gateway.world.skipped.store(61, Ordering::Relaxed);
    gateway.command(PATH, &request(PIN)).await.data(ENABLED);
    for _ in 0..4 {
        gateway.command(PATH, &request("1")).await.failure(403, "OTA_INVALID_PIN");
    }
    let (_, details) = gateway.command(PATH, &request("1")).await.failure(403, "OTA_INVALID_PIN");
    assert_eq!(details["locked_seconds"], 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_is_in_force_and_each_end_is_on_record() {
    let gateway = blocked().await;
    let enable = || async { gateway.command(PATH, &request(PIN)).await.data(ENABLED) };
    tokio::join!(enable(), enable());
    let end = json!({"enable": false, "reason": "the crane is free"});
    gateway.command(PATH, &end).await.data("Safety override disabled");
    gateway.command(PATH, &end).await.data("Safety override disabled");
    let records = |action: &str, outcome: &str| {
        let (action, outcome) = (action.to_owned(), outcome.to_owned());
        let path = format!("/api/v1/ota/audit?action={action}&outcome={outcome}");
        let gateway = &gateway;
        async move {
            let token = gateway.token("admin").await;
            let answer = gateway.get(&path).bearer(&token).gateway(GATEWAY).send().await;
            answer.body()["data"]["records"].as_array().unwrap().len()
        }
    };
    assert_eq!(records("override_enable", "attempted").await, 2);
    assert_eq!(records("override_enable", "succeeded").await, 2);
    assert_eq!(records("override_disable", "succeeded").await, 3, "replaced, ended, and nothing to end");
}

#[tokio::test]
async fn a_request_that_nobody_confirms_ends_on_record() {
    let gateway = Gateway::on_site(|site| site.overrides.second_person = true).await;
    gateway.set_pin().await;
    gateway.command(PATH, &request(PIN)).await.data("Safety override awaits a second administrator");
    gateway.world.skipped.store(901, Ordering::Relaxed);
    gateway.until("it has lapsed", || gateway.ota.snapshot().force.proposal.is_none()).await;
    let logs = gateway.read("/api/v1/ota/logs").await.data("System logs retrieved successfully");
    assert!(logs["logs"].to_string().contains("request for an override by admin is over"), "{logs}");
}
