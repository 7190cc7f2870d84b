use crate::support::{GATEWAY, Gateway, short_sessions};
use futures::{SinkExt, StreamExt};
use ota_engine::ports::LogLevel;
use serde_json::{Value, json};
use server::serve::{Limits, serve};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};
use tokio_util::sync::CancellationToken;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Less than the time between two looks whether a session goes on.
pub const BEFORE_A_LOOK: Duration = Duration::from_secs(10);

pub async fn listen(gateway: &Gateway) -> (String, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, gateway.router.clone(), None, Limits::default(), stop.clone()));
    (address, stop)
}

async fn connect(address: &str, headers: &[(&'static str, String)]) -> Result<Socket, Error> {
    connect_to(&format!("ws://{address}/api/v1/ota/ws"), headers).await
}

async fn connect_to(url: &str, headers: &[(&'static str, String)]) -> Result<Socket, Error> {
    let mut request = url.into_client_request().unwrap();
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
    let members = |message: &Value| {
        let members = message.as_object().unwrap().keys();
        members
            .filter(|name| !["type", "seq"].contains(&name.as_str()))
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(members(&first), "current_operation progress resources status timestamp");
    assert_eq!(members(&progress), "current_operation eta job_id progress speed status timestamp");
    gateway.world.crane_moves.store(true, Ordering::Relaxed);
    let mut safety = next_of(&mut socket, "safety_update").await;
    while safety["blocking"] == false {
        safety = next_of(&mut socket, "safety_update").await;
    }
    assert_eq!((&safety["constraint"], &safety["status"]), (&json!("crane_motion"), &json!("moving")));
    assert_eq!(members(&safety), "blocking constraint estimated_clear status");
    gateway.ota.log(LogLevel::Info, "test", "a line").await;
    assert_eq!(members(&next_of(&mut socket, "log_entry").await), "level message source timestamp");
    let mut late = with_cookie(&gateway, &address).await;
    assert_eq!(next_of(&mut late, "update_progress").await["job_id"], progress["job_id"]);
    // Who asks for it gets more.
    let session = [("cookie", format!("session_token={}", gateway.token("viewer").await))];
    let mut whole =
        connect_to(&format!("ws://{address}/api/v1/ota/ws?additions=true"), &session).await.unwrap();
    let progress = next_of(&mut whole, "update_progress").await;
    assert_eq!(progress["job"]["update"]["version"], "v5.0.5");
    assert_eq!(next_of(&mut whole, "safety_update").await["current"]["enabled"], true);
    gateway.ota.log(LogLevel::Info, "test", "a line").await;
    assert!(next_of(&mut whole, "log_entry").await["id"].is_u64());
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
    let closed = tokio::time::timeout(BEFORE_A_LOOK, next_of(&mut socket, "none")).await;
    assert_eq!(closed.expect("it is told and not found out"), json!({ "closed": 4401 }));
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
    for bytes in [5_000, 65_000, 70_000] {
        let mut socket = with_cookie(&gateway, &address).await;
        next(&mut socket).await;
        socket.send(Message::text("x".repeat(bytes))).await.unwrap();
        assert_eq!(next_of(&mut socket, "none").await, json!({ "closed": 1009 }), "{bytes}");
        // Also before anybody knows who it is.
        let mut stranger = connect(&address, &[]).await.unwrap();
        stranger.send(Message::binary(vec![7; bytes])).await.unwrap();
        assert_eq!(next(&mut stranger).await, json!({ "closed": 1009 }), "{bytes}");
    }
}

#[tokio::test]
async fn a_client_may_say_little_and_not_much() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let mut socket = with_cookie(&gateway, &address).await;
    let token = gateway.token("viewer").await;
    let auth = json!({ "type": "auth", "token": token }).to_string();
    socket.send(Message::text(auth.as_str())).await.unwrap();
    socket.send(Message::Ping("here".into())).await.unwrap();
    gateway.ota.log(LogLevel::Info, "test", "still told").await;
    while next_of(&mut socket, "log_entry").await["message"] != "still told" {}
    for _ in 0..100 {
        if socket.send(Message::text(auth.as_str())).await.is_err() {
            break;
        }
    }
    assert_eq!(next_of(&mut socket, "none").await, json!({ "closed": 1008 }));
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_let_go_and_one_that_does_is_not() {
    // Long enough to be answered on a machine that is busy.
    let gateway = Gateway::with(|options| options.beat = Duration::from_secs(1)).await;
    let (address, _stop) = listen(&gateway).await;
    let mut awake = with_cookie(&gateway, &address).await;
    // Read below the WebSocket, so that nobody answers.
    let mut asleep = with_cookie(&gateway, &address).await;
    assert_eq!(next(&mut asleep).await["type"], "system_status");
    let MaybeTlsStream::Plain(line) = asleep.get_mut() else { panic!("no TLS here") };
    let ended = async {
        let mut dropped = [0; 4096];
        while line.read(&mut dropped).await.is_ok_and(|bytes| bytes > 0) {}
    };
    let stays = async {
        loop {
            assert!(next(&mut awake).await.get("closed").is_none());
        }
    };
    tokio::select! {
        () = stays => {}
        ended = tokio::time::timeout(Duration::from_secs(20), ended) => ended.unwrap(),
    }
    gateway.ota.log(LogLevel::Info, "test", "still told").await;
    while next_of(&mut awake, "log_entry").await["message"] != "still told" {}
}

#[tokio::test]
async fn messages_are_numbered_and_whoever_comes_back_is_told_what_was_missed() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    let came_back = async |place: String| {
        let url = format!("ws://{address}/api/v1/ota/ws?after={place}");
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        connect_async(request).await.map(|(socket, _)| socket)
    };
    let mut socket = with_cookie(&gateway, &address).await;
    let mut last = 0;
    for number in 0..20 {
        gateway.ota.log(LogLevel::Info, "test", number.to_string()).await;
        let message = next_of(&mut socket, "log_entry").await;
        let seq = message["seq"].as_u64().unwrap();
        assert!(seq > last, "{message}");
        last = seq;
    }
    drop(socket);
    gateway.ota.log(LogLevel::Info, "test", "nobody listens").await;
    let mut back = came_back(last.to_string()).await.unwrap();
    let missed = next_of(&mut back, "log_entry").await;
    assert_eq!(missed["message"], "nobody listens");
    assert!(missed["seq"].as_u64().unwrap() > last);
    next_of(&mut back, "system_status").await;

    // Longer ago than anybody remembers, or a number of another run.
    for long_ago in [1, last + 1_000_000] {
        let mut back = came_back(long_ago.to_string()).await.unwrap();
        let resync = next(&mut back).await;
        assert_eq!((&resync["type"], &resync["after"]), (&json!("resync"), &json!(long_ago)));
        assert!(resync["seq"].as_u64().unwrap() > last);
        next_of(&mut back, "system_status").await;
    }
    assert_eq!(status(&came_back("yesterday".to_owned()).await.unwrap_err()), 400);
}

#[tokio::test]
async fn a_page_hears_what_happened_since_it_was_rendered() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let token = gateway.token("viewer").await;
    gateway.ota.log(LogLevel::Info, "test", "said-before").await;
    let page = gateway.get("/ota-system-updates").cookie(&token).send().await.text;
    let heard = page.split("&quot;heard&quot;:").nth(1).expect("the page says what it knows");
    let heard: String = heard.chars().take_while(char::is_ascii_digit).collect();
    for text in ["said-after", "said-last"] {
        gateway.ota.log(LogLevel::Info, "test", text).await;
    }

    let url = format!("ws://{address}/api/v1/ota/ws?additions=true&after={heard}");
    let mut socket = connect_to(&url, &[("cookie", format!("session_token={token}"))]).await.unwrap();
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "said-last") {
        let message = next(&mut socket).await;
        assert_ne!(message["type"], "resync");
        told.extend(message["message"].as_str().map(str::to_owned));
    }
    let shown =
        |text: &str| usize::from(page.contains(text)) + told.iter().filter(|one| *one == text).count();
    assert_eq!((shown("said-before"), shown("said-after")), (1, 1), "{told:?}");
}

#[tokio::test]
async fn a_session_that_nobody_uses_takes_its_connections_along_when_it_expires() {
    let gateway = Gateway::with(|options| options.lifetimes = short_sessions(2)).await;
    let (address, _stop) = listen(&gateway).await;
    let mut socket = with_cookie(&gateway, &address).await;
    assert_eq!(next(&mut socket).await["type"], "system_status");
    while next(&mut socket).await.get("closed") != Some(&json!(4401)) {}
}

#[tokio::test]
async fn there_is_room_for_so_many_and_whoever_leaves_makes_some() {
    // Both ends are in this process.
    assert!(server::open_files::raise() > 2500, "this test needs 2 500 open files: see ulimit -Hn");
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let session = [("authorization", format!("Bearer {}", gateway.token("viewer").await))];
    let mut sockets = Vec::new();
    for _ in 0..1024 {
        sockets.push(connect(&address, &session).await.unwrap());
    }
    assert_eq!(status(&connect(&address, &session).await.unwrap_err()), 429);
    gateway.read("/api/v1/ota/events").await.failure(429, "TOO_MANY_REQUESTS");
    sockets.clear();
    let limit = tokio::time::Instant::now() + Duration::from_secs(20);
    while connect(&address, &session).await.is_err() {
        assert!(tokio::time::Instant::now() < limit, "no seat was given back");
    }
}

/// Messages that a listener may be behind, and more than the kernel keeps for a socket that nobody reads.
const MISSED: usize = 300;
const LONG: usize = 1 << 20;
const LONG_ONES: usize = 24;
/// Lines that are made before somebody reads: a client that takes nothing at all for too long is dropped.
const AT_A_TIME: usize = 6;

#[tokio::test]
async fn a_client_that_lags_is_told_from_where_to_read_again_and_nobody_else_is() {
    let gateway = Gateway::ready().await;
    let (address, _stop) = listen(&gateway).await;
    let (mut slow, mut quick) =
        (with_cookie(&gateway, &address).await, with_cookie(&gateway, &address).await);
    assert_eq!(next(&mut slow).await["type"], "system_status");
    let line = |number: usize| {
        let filler = if number < LONG_ONES { LONG } else { 0 };
        format!("line {number} {}", "x".repeat(filler))
    };
    let numbers: Vec<_> = (0..LONG_ONES + MISSED).collect();
    for some in numbers.chunks(AT_A_TIME) {
        for number in some {
            gateway.ota.log(LogLevel::Info, "test", line(*number)).await;
        }
        for number in some {
            let heard = next_but_figures(&mut quick).await;
            let message = heard["message"].as_str().unwrap_or_default();
            assert!(
                message == line(*number),
                "in order, and without a gap: {number} {:.200}",
                heard.to_string()
            );
        }
    }
    let (mut heard, mut last) = (0, 0);
    let resync = loop {
        let message = next(&mut slow).await;
        if message["type"] == "resync" {
            break message;
        }
        last = message["seq"].as_u64().unwrap();
        heard += usize::from(message["type"] == "log_entry");
    };
    assert!(heard < LONG_ONES, "it lagged behind: {heard}");
    assert_eq!(resync["after"], last, "what came before that was not lost");
    assert!(resync["seq"].as_u64().unwrap() > last);
    let now = next(&mut slow).await;
    assert_eq!(
        (&now["type"], &now["seq"]),
        (&json!("system_status"), &resync["seq"]),
        "how things stand now"
    );
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
