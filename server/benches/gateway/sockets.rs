//! A thousand clients of the live feed, and a burst of log entries: 100 a second for 30 s, each made by an order. The clients run on
//! the same two cores.

use crate::{
    gateway::{Gateway, ID},
    memory::resident,
    row,
};
use serde_json::json;
use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const CLIENTS: usize = 1000;
const ENTRIES: usize = 3000;
const EVERY: Duration = Duration::from_millis(10);
/// Orders on their way at the same time.
const SENDERS: usize = 4;
/// After the last order.
const PATIENCE: Duration = Duration::from_secs(30);

/// When each entry was ordered.
type Ordered = Arc<Vec<OnceLock<Instant>>>;

pub async fn run(gateway: &Gateway) {
    server::open_files::raise();
    let process = gateway.process_id();
    let idle = resident(process);
    let ordered: Ordered = Arc::new((0..=ENTRIES).map(|_| OnceLock::new()).collect());
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let stream = connect(gateway).await;
        clients.push(tokio::spawn(listen(stream, Arc::clone(&ordered))));
    }
    let listening = resident(process);
    let began = Instant::now();
    let senders = (0..SENDERS).map(|first| send(gateway, first, began, &ordered));
    futures::future::join_all(senders).await;
    let sent = began.elapsed();
    let peak = resident(process);
    let (mut times, mut whole) = (Vec::new(), 0);
    for client in clients {
        let heard = client.await.unwrap();
        whole += usize::from(heard.len() == ENTRIES);
        times.extend(heard);
    }
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len().saturating_sub(1) * percent / 100).copied();
    let ms = |time: Option<Duration>| {
        time.map_or_else(|| "–".to_owned(), |t| format!("{:.1}", t.as_secs_f64() * 1000.0))
    };
    row("WebSocket clients", CLIENTS);
    row("  log entries a second", format!("{:.0}", ENTRIES as f64 / sent.as_secs_f64()));
    row("  clients that got every entry", whole);
    row("  from the order to the client, median (ms)", ms(at(50)));
    row("  p99 (ms)", ms(at(99)));
    row("  memory of 1000 clients at rest (MiB)", listening.saturating_sub(idle) >> 10);
    row("  beyond that at the end of the burst (MiB)", peak.saturating_sub(listening) >> 10);
    row("  beyond idle when all have gone (MiB)", resident(process).saturating_sub(idle) >> 10);
}

/// Every `SENDERS`th entry, each in its time.
async fn send(gateway: &Gateway, first: usize, began: Instant, ordered: &Ordered) {
    for number in (first..ENTRIES).step_by(SENDERS) {
        let due = began + EVERY * u32::try_from(number).unwrap();
        tokio::time::sleep_until(due.into()).await;
        _ = ordered[number + 1].set(Instant::now());
        Gateway::data(gateway.post("settings", json!({"auto_update": {"soak_hours": number + 1}})).await);
    }
}

async fn connect(gateway: &Gateway) -> TcpStream {
    let address = gateway.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/ota/ws HTTP/1.1\r\nHost: {address}\r\nX-Gateway-ID: {ID}\r\nCookie: session_token={}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        gateway.token()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// How long each entry took that came; until all have come, or nothing comes any more.
async fn listen(mut stream: TcpStream, ordered: Ordered) -> Vec<Duration> {
    let (mut buffer, mut filled, mut heard) = (vec![0; 64 << 10], 0, Vec::with_capacity(ENTRIES));
    while heard.len() < ENTRIES {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer[filled..])).await;
        let Ok(Ok(read)) = read else { break };
        if read == 0 {
            break;
        }
        let now = Instant::now();
        filled += read;
        let mut start = 0;
        while let Some((payload, end)) = frame(&buffer[start..filled]) {
            let number = entry(&buffer[start + payload..start + end]);
            if let Some(at) = number.and_then(|number| ordered.get(number)?.get()) {
                heard.push(now - *at);
            }
            start += end;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
    heard
}

/// Where the payload of the first frame begins and ends: a server's frames are not masked (RFC 6455 §5.2).
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (payload, length) = match usize::from(*bytes.get(1)?) {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        length => (2, length),
    };
    (bytes.len() >= payload + length).then_some((payload, payload + length))
}

/// The number that the entry is about, of a message that tells of one of these entries.
fn entry(message: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(message).ok()?;
    let (_, change) = text.split_once("auto_update.soak_hours: ")?;
    let (_, number) = change.split_once("→ ")?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
