//! Requests a second of page and status, beside a bare axum route. The client runs on the same machine.

use crate::{
    gateway::{Gateway, ID},
    row,
};
use axum::{Json, Router, routing::get};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const CONNECTIONS: usize = 64;
const LASTS: Duration = Duration::from_secs(3);

pub async fn run(gateway: &Gateway) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bare = listener.local_addr().unwrap().to_string();
    // What the gateway says, without a gateway.
    let status = Gateway::data(gateway.get("status").await);
    let server = tokio::spawn(async move {
        let route = get(async move || Json(status.clone()));
        axum::serve(listener, Router::new().route("/", route)).await.unwrap();
    });
    measure("Bare axum route with the same JSON", &bare, "/", "").await;
    server.abort();
    let session = format!("Authorization: Bearer {}\r\nX-Gateway-ID: {ID}\r\n", gateway.token());
    measure("GET /api/v1/ota/status", gateway.address(), "/api/v1/ota/status", &session).await;
    let cookie = format!("Cookie: session_token={}\r\n", gateway.token());
    measure("GET /ota-system-updates", gateway.address(), "/ota-system-updates", &cookie).await;
}

async fn measure(what: &str, address: &str, path: &str, headers: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    let clients: Vec<_> =
        (0..CONNECTIONS).map(|_| tokio::spawn(client(address.to_owned(), request.clone()))).collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await.unwrap());
    }
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    row(&format!("{what}: requests/s"), format!("{:.0}", times.len() as f64 / LASTS.as_secs_f64()));
    row(&format!("{what}: p99 (ms)"), format!("{:.2}", p99.as_secs_f64() * 1000.0));
}

/// One connection that asks again as soon as it was answered.
async fn client(address: String, request: String) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut buffer = vec![0; 256 << 10];
    let (end, mut times) = (Instant::now() + LASTS, Vec::new());
    while Instant::now() < end {
        let asked = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream, &mut buffer).await;
        times.push(asked.elapsed());
    }
    times
}

/// Reads one answer of known length.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the connection was closed");
        filled += read;
        let Some(head) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if filled >= head + 4 + length.parse::<usize>().unwrap() {
            return;
        }
    }
}
