use crate::{
    support::{GATEWAY, Gateway},
    web_socket::{BEFORE_A_LOOK, listen},
};
use eventsource_stream::{Event, Eventsource};
use futures::{Stream, StreamExt};
use ota_engine::ports::LogLevel;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::{pin::Pin, time::Duration};

type Events = Pin<Box<dyn Stream<Item = Event>>>;

const LIMIT: Duration = Duration::from_secs(20);

async fn get(address: &str, token: &str, headers: &[(&'static str, &str)]) -> Response {
    get_with(address, token, headers, "").await
}

async fn get_with(address: &str, token: &str, headers: &[(&'static str, &str)], query: &str) -> Response {
    let url = format!("http://{address}/api/v1/ota/events{query}");
    let mut request = Client::new().get(url).bearer_auth(token);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn listening(address: &str, token: &str, headers: &[(&'static str, &str)]) -> Events {
    listening_with(address, token, headers, "").await
}

async fn listening_with(address: &str, token: &str, headers: &[(&'static str, &str)], query: &str) -> Events {
    let response = get_with(address, token, &[&[("x-gateway-id", GATEWAY)], headers].concat(), query).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    Box::pin(response.bytes_stream().eventsource().map(Result::unwrap))
}

/// The next event and what it says; none when the gateway ends the stream.
async fn next(events: &mut Events) -> Option<(Event, Value)> {
    let event = tokio::time::timeout(LIMIT, events.next()).await.unwrap()?;
    let message: Value = serde_json::from_str(&event.data).unwrap();
    assert_eq!(event.event, message["type"], "{message}");
    assert_eq!(event.id, message["seq"].to_string(), "{message}");
    Some((event, message))
}

async fn next_of(events: &mut Events, kind: &str) -> Value {
    loop {
        let (event, message) = next(events).await.expect("it goes on");
        if event.event == kind {
            return message;
        }
    }
}

#[tokio::test]
async fn events_are_the_messages_of_the_web_socket() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let mut events = listening(&address, &token, &[]).await;
    let (_, first) = next(&mut events).await.unwrap();
    assert_eq!((&first["type"], &first["status"]), (&json!("system_status"), &json!("idle")));
    gateway.world.downloads_hang.store(true, std::sync::atomic::Ordering::Relaxed);
    let started = gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001" })).await;
    let progress = next_of(&mut events, "update_progress").await;
    assert_eq!(progress["job_id"], started.body()["data"]["job_id"]);
    gateway.world.crane_moves.store(true, std::sync::atomic::Ordering::Relaxed);
    while next_of(&mut events, "safety_update").await["status"] != "moving" {}
    gateway.ota.log(LogLevel::Warning, "test", "a line\nof two").await;
    while next_of(&mut events, "log_entry").await["message"] != "a line\nof two" {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lines_of_the_log_come_in_the_order_of_their_numbers_whoever_writes_them() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let mut events = listening_with(&address, &token, &[], "?additions=true").await;
    next(&mut events).await.unwrap();
    let writers = (0..8).map(|writer| {
        let ota = std::sync::Arc::clone(&gateway.ota);
        tokio::spawn(async move {
            for line in 0..10 {
                ota.log(LogLevel::Info, "test", format!("{writer}/{line}")).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut numbers = Vec::new();
    while numbers.len() < 80 {
        let line = next_of(&mut events, "log_entry").await;
        numbers.extend((line["source"] == "test").then(|| line["id"].as_u64().unwrap()));
    }
    assert!(numbers.is_sorted(), "{numbers:?}");
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn the_checks_of_every_route_come_first() {
    let gateway = Gateway::ready().await;
    let call = || gateway.get("/api/v1/ota/events");
    let token = gateway.token("viewer").await;
    call().send().await.failure(401, "UNAUTHORIZED");
    call().bearer(&token).send().await.failure(400, "GATEWAY_ID_REQUIRED");
    call().bearer(&token).gateway("GW-X").send().await.failure(404, "GATEWAY_NOT_FOUND");
    gateway
        .post("/api/v1/ota/events")
        .bearer(&gateway.token("operator").await)
        .gateway(GATEWAY)
        .json(&json!({}))
        .send()
        .await
        .failure(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_was_missed() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let mut events = listening(&address, &token, &[]).await;
    let (last, _) = next(&mut events).await.unwrap();
    drop(events);
    gateway.ota.log(LogLevel::Info, "test", "nobody listens").await;
    let mut back = listening(&address, &token, &[("last-event-id", &last.id)]).await;
    while next(&mut back).await.unwrap().1["message"] != "nobody listens" {}
    for (heard, after) in [("7", json!(7)), ("nonsense", json!(null))] {
        let mut back = listening(&address, &token, &[("last-event-id", heard)]).await;
        let (_, resync) = next(&mut back).await.unwrap();
        assert_eq!((&resync["type"], &resync["after"]), (&json!("resync"), &after));
        assert_eq!(next(&mut back).await.unwrap().0.event, "system_status");
    }
}

#[tokio::test]
async fn who_takes_nothing_for_too_long_is_let_go() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let alone = gateway.state.tasks.len();
    let stalled = listening(&address, &token, &[]).await;
    assert_eq!(gateway.state.tasks.len(), alone + 1);
    // More than the kernel keeps for a connection that nobody reads.
    for _ in 0..24 {
        gateway.ota.log(LogLevel::Info, "test", "x".repeat(1 << 20)).await;
    }
    gateway.until("its seat is free", || gateway.state.tasks.len() == alone).await;
    drop(stalled);
}

#[tokio::test]
async fn signs_of_life_come_as_comments() {
    let gateway = Gateway::with(|options| options.beat = Duration::from_millis(50)).await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let mut bytes = get(&address, &token, &[("x-gateway-id", GATEWAY)]).await.bytes_stream();
    let comment = async {
        let mut text = String::new();
        while !text.lines().any(|line| line.starts_with(':')) {
            text.push_str(std::str::from_utf8(&bytes.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(LIMIT, comment).await.unwrap();
}

#[tokio::test]
async fn the_stream_ends_with_the_session_and_with_the_service() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let mut events = listening(&address, &token, &[]).await;
    next(&mut events).await.unwrap();
    gateway.post("/api/v1/auth/logout").bearer(&token).send().await.data("Logged out");
    let ended = async { while next(&mut events).await.is_some() {} };
    tokio::time::timeout(BEFORE_A_LOOK, ended).await.expect("it is told and not found out");
    assert_eq!(get(&address, &token, &[("x-gateway-id", GATEWAY)]).await.status(), StatusCode::UNAUTHORIZED);

    let mut other = listening(&address, &gateway.token("viewer").await, &[]).await;
    next(&mut other).await.unwrap();
    gateway.state.close().await;
    while next(&mut other).await.is_some() {}
}
