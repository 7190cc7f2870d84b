use crate::support::Gateway;
use futures::FutureExt;
use ota_engine::{Event, ports::LogLevel};
use serde_json::Value;
use std::time::Duration;

async fn lines(gateway: &Gateway, query: &str) -> (Vec<Value>, u64) {
    let data =
        gateway.read(&format!("/api/v1/ota/logs{query}")).await.data("System logs retrieved successfully");
    (data["logs"].as_array().unwrap().clone(), data["total"].as_u64().unwrap())
}

#[tokio::test]
async fn limit_and_level_are_heeded() {
    let gateway = Gateway::ready().await;
    for number in 0..60 {
        gateway.ota.log(LogLevel::Debug, "test", format!("line {number}")).await;
    }
    let (all, total) = lines(&gateway, "").await;
    assert_eq!(all.len(), 50);
    assert!(total > 60, "{total}");
    let (three, _) = lines(&gateway, "?limit=3&level=debug").await;
    let messages: Vec<_> = three.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["line 59", "line 58", "line 57"]);
    assert_eq!((three[0]["level"].as_str(), three[0]["source"].as_str()), (Some("debug"), Some("test")));
    assert!(three[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(lines(&gateway, "?limit=1000&level=debug").await.1, 60);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_and_repetition() {
    let gateway = Gateway::ready().await;
    let log = async |number: u32| {
        gateway.ota.log(LogLevel::Debug, "test", format!("line {number}")).await;
    };
    for number in 0..5 {
        log(number).await;
    }
    let page = async |query: String| {
        let path = format!("/api/v1/ota/logs?level=debug&limit=2{query}");
        gateway.read(&path).await.data("System logs retrieved successfully")
    };
    let (mut query, mut messages, mut ids) = (String::new(), Vec::new(), Vec::new());
    loop {
        let data = page(query).await;
        for line in data["logs"].as_array().unwrap() {
            messages.push(line["message"].as_str().unwrap().to_owned());
            ids.push(line["id"].as_u64().unwrap());
        }
        if data["next_cursor"].is_null() {
            break;
        }
        assert_eq!(data["next_cursor"].as_u64(), ids.last().copied());
        query = format!("&before={}", data["next_cursor"]);
        // What comes meanwhile moves no page.
        log(9).await;
    }
    assert_eq!(messages, ["line 4", "line 3", "line 2", "line 1", "line 0"]);
    assert!(ids.iter().rev().is_sorted(), "{ids:?}");
}

#[tokio::test]
async fn only_what_is_since_a_moment_is_told() {
    let gateway = Gateway::ready().await;
    gateway.ota.log(LogLevel::Debug, "test", "before").await;
    gateway.world.skipped.store(3600, std::sync::atomic::Ordering::Relaxed);
    gateway.ota.log(LogLevel::Debug, "test", "after").await;
    let since = gateway.ota.now() - jiff::SignedDuration::from_secs(60);
    let (lines, total) = lines(&gateway, &format!("?level=debug&since={since}")).await;
    assert_eq!((lines.len(), total, &lines[0]["message"]), (1, 1, &Value::from("after")));
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused() {
    let gateway = Gateway::ready().await;
    for query in [
        "limit=abc",
        "limit=-1",
        "limit=0",
        "limit=1001",
        "limit=4000000000",
        "level=loud",
        "since=yesterday",
        "since=2025-03-15",
        "before=-1",
        "before=x",
    ] {
        let answer = gateway.read(&format!("/api/v1/ota/logs?{query}")).await;
        let (message, details) = answer.failure(400, "BAD_REQUEST");
        let field = query.split_once('=').unwrap().0;
        assert_eq!(details["field"], field, "{query}");
        assert!(message.starts_with(field), "{message}");
    }
}

#[tokio::test]
async fn logins_are_told_and_secrets_are_not() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    let (all, _) = lines(&gateway, "").await;
    let text = Value::Array(all).to_string();
    assert!(text.contains("operator logged in as operator"), "{text}");
    assert!(!text.contains(&token) && !text.contains(crate::support::PASSWORD));
}

#[tokio::test]
async fn a_line_is_told_although_whoever_wrote_it_has_gone() {
    let gateway = Gateway::ready().await;
    let mut events = gateway.ota.subscribe();
    let written = gateway.ota.log(LogLevel::Info, "test", "written and gone");
    assert!(written.now_or_never().is_none(), "it is being written");
    let told = async {
        loop {
            match events.recv().await.unwrap() {
                Event::Log(entry) if entry.message == "written and gone" => return entry,
                _ => {}
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    let (lines, _) = lines(&gateway, "").await;
    let stored = lines.iter().find(|line| line["message"] == told.message).expect("it is stored");
    assert_eq!(stored["id"].as_u64(), told.id);
}
