use crate::support::{GATEWAY, Gateway};
use futures::{SinkExt, StreamExt};
use ota_engine::ports::LogLevel;
use serde_json::{Value, json};
use server::serve::{Limits, serve};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};
use tokio_util::sync::CancellationToken;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn listen(gateway: &Gateway) -> (String, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, gateway.router.clone(), None, Limits::default(), stop.clone()));
    (address, stop)
}

async fn connect(address: &str, headers: &[(&'static str, String)]) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/api/v1/ota/ws").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn with_cookie(gateway: &Gateway, address: &str) -> Socket {
    let token = gateway.token("viewer").await;
    connect(address, &[("cookie", format!("session_token={token}"))]).await.unwrap()
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        let frame =
            tokio::time::timeout(Duration::from_secs(20), socket.next()).await.unwrap().unwrap().unwrap();
        match frame {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Close(frame) => return json!({ "closed": frame.map(|frame| u16::from(frame.code)) }),
            _ => {}
        }
    }
}

async fn next_of(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message = next(socket).await;
        if message["type"] == kind || message.get("closed").is_some() {
            return message;
        }
    }
}

fn status(error: &Error) -> u16 {
    match error {
        Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_client_is_told_how_things_stand_and_then_what_happens() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let mut socket = with_cookie(&gateway, &address).await;
    let first = next(&mut socket).await;
    assert_eq!((&first["type"], &first["status"]), (&json!("system_status"), &json!("idle")));
    assert_eq!(first["resources"], json!({ "cpu_usage": 15.2, "memory_usage": 52.5 }));
    gateway.world.downloads_hang.store(true, Ordering::Relaxed);
    let started = gateway.order("/api/v1/ota/download", &json!({ "update_id": "update-001" })).await;
    let progress = next_of(&mut socket, "update_progress").await;
    assert_eq!(progress["job_id"], started.body()["data"]["job_id"]);
    assert_eq!(progress["job"]["update"]["version"], "v5.0.5");
    gateway.world.crane_moves.store(true, Ordering::Relaxed);
    let mut safety = next_of(&mut socket, "safety_update").await;
    while safety["blocking"] == false {
        safety = next_of(&mut socket, "safety_update").await;
    }
    assert_eq!((&safety["constraint"], &safety["status"]), (&json!("crane_motion"), &json!("moving")));
    let mut late = with_cookie(&gateway, &address).await;
    assert_eq!(next_of(&mut late, "update_progress").await["job_id"], progress["job_id"]);
}

#[tokio::test]
async fn an_auth_frame_introduces_a_client_without_cookie() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let mut socket = connect(&address, &[("x-gateway-id", GATEWAY.into())]).await.unwrap();
    socket.send(Message::text(json!({ "type": "auth", "token": token }).to_string())).await.unwrap();
    assert_eq!(next(&mut socket).await["type"], "system_status");
    for frame in ["{}", "{\"type\":\"auth\",\"token\":\"wrong\"}", "nonsense"] {
        let mut socket = connect(&address, &[]).await.unwrap();
        socket.send(Message::text(frame)).await.unwrap();
        assert_eq!(next(&mut socket).await, json!({ "closed": 4401 }), "{frame}");
    }
    let mut silent = connect(&address, &[]).await.unwrap();
    assert_eq!(next(&mut silent).await, json!({ "closed": 4401 }));
}

#[tokio::test]
async fn the_socket_ends_with_the_session_and_with_the_service() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let mut socket = connect(&address, &[("authorization", format!("Bearer {token}"))]).await.unwrap();
    next(&mut socket).await;
    gateway.post("/api/v1/auth/logout").bearer(&token).send().await.data("Logged out");
    assert_eq!(next_of(&mut socket, "none").await, json!({ "closed": 4401 }));
    let mut other = with_cookie(&gateway, &address).await;
    next(&mut other).await;
    let state = gateway.state.clone();
    let closing = tokio::spawn(async move { state.close().await });
    assert_eq!(next_of(&mut other, "none").await, json!({ "closed": 1012 }));
    drop(other);
    closing.await.unwrap();
}

#[tokio::test]
async fn pages_of_other_sites_and_other_gateways_do_not_get_in() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let cookie = ("cookie", format!("session_token={token}"));
    for (headers, expected) in [
        ([cookie.clone(), ("origin", "http://evil.example".into())], 403),
        ([cookie.clone(), ("origin", "null".into())], 403),
        ([cookie.clone(), ("x-gateway-id", "GW-X".into())], 404),
    ] {
        assert_eq!(status(&connect(&address, &headers).await.unwrap_err()), expected);
    }
    connect(&address, &[cookie, ("origin", format!("http://{address}"))]).await.unwrap();
    let plain = gateway.get("/api/v1/ota/ws").bearer(&token).gateway(GATEWAY).send().await;
    plain.failure(400, "BAD_REQUEST");
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_connection() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let mut socket = with_cookie(&gateway, &address).await;
    next(&mut socket).await;
    socket.send(Message::text("x".repeat(10_000))).await.unwrap();
    let ended = async {
        while let Some(Ok(frame)) = socket.next().await {
            if frame.is_close() {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
}

/// Messages that a listener may be behind, and more than the kernel keeps for a socket that nobody reads.
const MISSED: usize = 300;
const LONG: usize = 1 << 20;
const LONG_ONES: usize = 24;

#[tokio::test]
async fn a_client_that_lags_is_told_to_read_again_and_nobody_else_is() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let (mut slow, mut quick) =
        (with_cookie(&gateway, &address).await, with_cookie(&gateway, &address).await);
    assert_eq!(next(&mut slow).await["type"], "system_status");
    let lines = (0..LONG_ONES + MISSED).map(|line| {
        let filler = if line < LONG_ONES { LONG } else { 0 };
        format!("line {line} {}", "x".repeat(filler))
    });
    for line in lines {
        gateway.ota.log(LogLevel::Info, "test", line.clone()).await;
        let heard = next_but_figures(&mut quick).await;
        assert_eq!(heard["message"], line, "in order, and without a gap: {:.200}", heard.to_string());
    }
    let mut heard = Vec::new();
    loop {
        let message = next(&mut slow).await;
        if message["type"] == "changed" {
            assert_eq!(message["what"], "all");
            break;
        }
        heard.extend((message["type"] == "log_entry").then_some(message));
    }
    assert!(heard.len() < LONG_ONES, "it lagged behind: {}", heard.len());
    assert_eq!(next(&mut slow).await["type"], "system_status", "how things stand now");
    gateway.ota.log(LogLevel::Info, "test", "afterwards").await;
    while next_of(&mut slow, "log_entry").await["message"] != "afterwards" {}
    assert_eq!(next_but_figures(&mut quick).await["message"], "afterwards");
}

/// The next message that is no figure of load or safety.
async fn next_but_figures(socket: &mut Socket) -> Value {
    loop {
        let message = next(socket).await;
        if message["type"] != "system_status" && message["type"] != "safety_update" {
            return message;
        }
    }
}
