//! Health checks: what a program and a web server answer, and what happens when they do not.

#![cfg(test)]

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use ota_core::{BySlot, SlotId};
use ota_engine::ports::HealthCheck;
use ota_platform::{ExecutableCheck, ExecutableCheckConfig, HttpCheck, HttpCheckConfig};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

fn script(text: &str, limit: Duration) -> ExecutableCheck {
    ExecutableCheck::new(ExecutableCheckConfig {
        name: "site".into(),
        required: true,
        command: vec!["sh".into(), "-c".into(), text.into()],
        timeout: limit,
        devices: BySlot { a: PathBuf::from("/dev/slot a"), b: PathBuf::from("/dev/b") },
    })
}

#[tokio::test]
async fn a_program_is_told_the_slot_and_judged_by_its_status() {
    let check = script("test \"$GATEWAY_OTA_SLOT:$GATEWAY_OTA_SLOT_DEVICE\" = 'A:/dev/slot a'", PATIENCE);
    assert_eq!((check.name(), check.required()), ("site", true));
    assert_eq!(check.run(SlotId::A).await, Ok(()));
    assert_eq!(check.run(SlotId::B).await, Err("It ended with status 1.".to_owned()));
}

#[tokio::test]
async fn its_last_words_are_in_the_sentence() {
    let check =
        script("echo first >&2; echo noise; echo '  pump does not answer ' >&2; echo >&2; exit 3", PATIENCE);
    assert_eq!(check.run(SlotId::A).await, Err("It ended with status 3: pump does not answer".to_owned()));
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
        name: "site".into(),
        required: false,
        command: vec!["/nonexistent/check".into()],
        timeout: PATIENCE,
        devices: BySlot::default(),
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
            name: "web".into(),
            required: true,
            url,
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
