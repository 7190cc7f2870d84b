//! Health checks: what a program and a web server answer, and what happens when they do not.

#![cfg(test)]

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use ota_core::{BySlot, CheckKind, CheckPlan, SlotId};
use ota_engine::ports::HealthCheck;
use ota_platform::{
    ExecutableCheck, ExecutableCheckConfig, HostPort, HttpCheck, HttpCheckConfig, SystemdCheck,
    SystemdCheckConfig, TcpCheck, TcpCheckConfig,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

fn plan(name: &str, kind: CheckKind) -> CheckPlan {
    let (name, required) = (name.to_owned(), true);
    CheckPlan { name, kind, required, deadline: PATIENCE, interval: Duration::from_secs(1), times: 1 }
}

fn script(text: &str, limit: Duration) -> ExecutableCheck {
    ExecutableCheck::new(ExecutableCheckConfig {
        plan: plan("site", CheckKind::Executable),
        command: vec!["sh".into(), "-c".into(), text.into()],
        timeout: limit,
        devices: BySlot { a: PathBuf::from("/dev/slot a"), b: PathBuf::from("/dev/b") },
        environment: vec![("GREETING".into(), "good day".into())],
    })
}

#[tokio::test]
async fn a_program_is_told_the_slot_and_judged_by_its_status() {
    let check = script(
        "test \"$GREETING:$GATEWAY_OTA_SLOT:$GATEWAY_OTA_SLOT_DEVICE\" = 'good day:A:/dev/slot a'",
        PATIENCE,
    );
    assert_eq!((check.plan().name.as_str(), check.plan().required), ("site", true));
    assert_eq!(check.run(SlotId::A).await, Ok(()));
    assert_eq!(check.run(SlotId::B).await, Err("It ended with status 1.".to_owned()));
}

#[tokio::test]
async fn its_last_words_are_in_the_sentence() {
    let check =
        script("echo first >&2; echo noise; echo '  pump does not answer ' >&2; echo >&2; exit 3", PATIENCE);
    assert_eq!(check.run(SlotId::A).await, Err("It ended with status 3: pump does not answer".to_owned()));
    let check = script("echo fan stands still; exit 1", PATIENCE);
    assert_eq!(check.run(SlotId::A).await, Err("It ended with status 1: fan stands still".to_owned()));
    let check = script("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1", PATIENCE);
    let sentence = check.run(SlotId::A).await.unwrap_err();
    assert!(sentence.len() < 300, "{} bytes", sentence.len());
    let killed = script("kill -9 $$", PATIENCE).run(SlotId::A).await;
    assert_eq!(killed, Err("It was killed.".to_owned()));
}

async fn gone(id: &Path) {
    let ended = async {
        loop {
            let id = fs::read_to_string(id).unwrap_or_default();
            let id = id.trim();
            // A zombie waits for its new parent alone.
            let status = fs::read_to_string(format!("/proc/{id}/stat"));
            if !id.is_empty() && status.map_or(true, |status| status.contains(") Z ")) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_all_that_it_started() {
    let directory = tempfile::tempdir().unwrap();
    let id = directory.path().join("id");
    let text = format!("echo waiting >&2; sleep 1000 & echo $! > {}; wait", id.display());
    let begun = Instant::now();
    let sentence = script(&text, Duration::from_millis(400)).run(SlotId::A).await.unwrap_err();
    assert_eq!(sentence, "It did not end within 0.4 s and was stopped: waiting");
    assert!(begun.elapsed() < PATIENCE);
    gone(&id).await;
}

#[tokio::test]
async fn a_check_that_nobody_waits_for_any_more_is_killed_too() {
    let directory = tempfile::tempdir().unwrap();
    let id = directory.path().join("id");
    let text = format!("sleep 1000 & echo $! > {}; wait", id.display());
    let check = script(&text, PATIENCE);
    let running = tokio::spawn(async move { check.run(SlotId::A).await });
    while fs::read_to_string(&id).unwrap_or_default().trim().is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    running.abort();
    gone(&id).await;
}

#[tokio::test]
async fn what_a_program_leaves_in_the_background_does_not_hold_the_answer() {
    let begun = Instant::now();
    let answer = script("sleep 30 & echo $! > /dev/null; exit 1", PATIENCE).run(SlotId::A).await;
    assert_eq!(answer, Err("It ended with status 1.".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_program_that_cannot_be_started_fails_its_check() {
    let mut config = ExecutableCheckConfig {
        plan: plan("site", CheckKind::Executable),
        command: vec!["/nonexistent/check".into()],
        timeout: PATIENCE,
        devices: BySlot::default(),
        environment: Vec::new(),
    };
    let sentence = ExecutableCheck::new(config.clone()).run(SlotId::A).await.unwrap_err();
    assert!(sentence.starts_with("/nonexistent/check cannot be started"), "{sentence}");
    config.command.clear();
    assert!(ExecutableCheck::new(config).run(SlotId::A).await.is_err());
}

#[tokio::test]
async fn a_web_server_must_answer_with_success() {
    let app = Router::new()
        .route("/good", get(|| async { StatusCode::NO_CONTENT }))
        .route("/moved", get(|| async { (StatusCode::FOUND, [("location", "/good")]) }))
        .route("/hangs", get(|| async { std::future::pending::<()>().await }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let check = |path: &str, limit: Duration| {
        let url = format!("http://{address}{path}").parse().unwrap();
        HttpCheck::new(HttpCheckConfig {
            plan: plan("web", CheckKind::Http),
            url,
            status: None,
            contains: None,
            timeout: limit,
            any_certificate: false,
        })
        .unwrap()
    };
    assert_eq!(check("/good", PATIENCE).run(SlotId::A).await, Ok(()));
    let moved = check("/moved", PATIENCE).run(SlotId::A).await.unwrap_err();
    assert!(moved.ends_with("answers HTTP 302."), "{moved}");
    let absent = check("/absent", PATIENCE).run(SlotId::A).await.unwrap_err();
    assert!(absent.ends_with("answers HTTP 404."), "{absent}");
    let slow = check("/hangs", Duration::from_millis(200)).run(SlotId::A).await.unwrap_err();
    assert!(slow.contains("does not answer within 0.2 s"), "{slow}");
    server.abort();
    assert!(server.await.is_err());
    let refused = check("/good", PATIENCE).run(SlotId::A).await.unwrap_err();
    assert!(refused.ends_with("cannot be reached."), "{refused}");
}

#[tokio::test]
async fn the_status_and_the_body_of_an_answer_can_be_asked_for() {
    let app = Router::new()
        .route("/state", get(|| async { (StatusCode::IM_A_TEAPOT, "state: ready") }))
        .route("/endless", get(|| async { "x".repeat(3 << 20) + "ready" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let ask = async |path: &str, status: u16, contains: &str| {
        let url = format!("http://{address}{path}").parse().unwrap();
        let (plan, contains) = (plan("web", CheckKind::Http), Some(contains.to_owned()));
        let config = HttpCheckConfig {
            plan,
            url,
            status: Some(status),
            contains,
            timeout: PATIENCE,
            any_certificate: false,
        };
        HttpCheck::new(config).unwrap().run(SlotId::A).await
    };
    assert_eq!(ask("/state", 418, "ready").await, Ok(()));
    let url = format!("http://{address}");
    assert_eq!(ask("/state", 200, "ready").await, Err(format!("{url}/state answers HTTP 418.")));
    let sentence = format!("The answer of {url}/state does not have “steady” in it.");
    assert_eq!(ask("/state", 418, "steady").await, Err(sentence));
    assert!(ask("/endless", 200, "ready").await.is_err(), "what comes after a megabyte is not looked at");
}

#[tokio::test]
async fn a_port_must_take_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let check = |host: &str| {
        let address = HostPort { host: host.into(), port };
        TcpCheck::new(TcpCheckConfig { plan: plan("drive", CheckKind::Tcp), address, timeout: PATIENCE })
    };
    assert_eq!(check("127.0.0.1").run(SlotId::A).await, Ok(()));
    assert_eq!(check("localhost").run(SlotId::A).await, Ok(()));
    // A port that somebody has and does not listen on; one that is given back may be another test's by now.
    let silent = tokio::net::TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = silent.local_addr().unwrap().port();
    let address = HostPort { host: "127.0.0.1".into(), port };
    let plan = plan("drive", CheckKind::Tcp);
    let refused = TcpCheck::new(TcpCheckConfig { plan, address, timeout: PATIENCE }).run(SlotId::A).await;
    assert_eq!(refused, Err(format!("127.0.0.1:{port} takes no connection: connection refused.")));
}

/// A program in systemctl's place.
fn unit(answer: &str) -> SystemdCheck {
    let plan = plan("controller", CheckKind::Systemd);
    let mut config = SystemdCheckConfig::new(plan, "crane.service".into(), PATIENCE);
    assert_eq!(config.command, ["systemctl", "is-active", "--"]);
    config.command = vec!["sh".into(), "-c".into(), answer.into(), "sh".into()];
    SystemdCheck::new(config)
}

#[tokio::test]
async fn a_unit_must_be_active() {
    let active = unit("test \"$1\" = crane.service && echo active").run(SlotId::A).await;
    assert_eq!(active, Ok(()));
    let failed = unit("echo failed; exit 3").run(SlotId::A).await;
    assert_eq!(failed, Err("crane.service is not active: failed.".to_owned()));
}

/// Whatever systemd this machine has: nothing of this name runs anywhere.
#[tokio::test]
async fn a_unit_that_does_not_exist_is_not_active() {
    let plan = plan("controller", CheckKind::Systemd);
    let config = SystemdCheckConfig::new(plan, "no-such-unit-anywhere.service".into(), PATIENCE);
    assert!(SystemdCheck::new(config).run(SlotId::A).await.is_err());
}
