//! A signal that does not come to rest.

use crate::gateway::Gateway;
use futures::{Stream, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

const FLOOD: Duration = Duration::from_secs(60);
/// Ten messages a second.
const BEAT: Duration = Duration::from_millis(100);

/// A second publisher beside the plant, which flaps until it is stopped.
struct Flapping {
    publisher: Child,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u32>>,
}

impl Flapping {
    fn start(port: &str) -> Self {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", port, "-t", "plant/crane", "-l"]).stdin(Stdio::piped());
        let mut publisher = command.spawn().unwrap_or_else(|error| {
            panic!(
                "mosquitto_pub: {error}; install the Debian package mosquitto-clients, or run `make setup`"
            )
        });
        let mut lines = publisher.stdin.take().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        // A thread of its own, which no task of the test delays.
        let thread = std::thread::spawn(move || {
            let mut sent = 0;
            while !asked.load(Ordering::Relaxed) {
                let word = if sent % 2 == 0 { "moving" } else { "idle" };
                writeln!(lines, r#"{{"motion":"{word}"}}"#).unwrap();
                sent += 1;
                std::thread::sleep(BEAT);
            }
            sent
        });
        Self { publisher, stop, thread: Some(thread) }
    }

    /// Ends it, and returns the number of its messages.
    fn end(mut self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Flapping {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        _ = self.publisher.kill();
        _ = self.publisher.wait();
    }
}

async fn listen(gateway: &Gateway) -> impl Stream<Item = Value> + Unpin {
    let mut request = format!("ws://{}/api/v1/ota/ws", gateway.address()).into_client_request().unwrap();
    let authorization = format!("Bearer {}", gateway.token());
    request.headers_mut().insert("authorization", authorization.parse().unwrap());
    let (socket, _) = connect_async(request).await.unwrap();
    socket.filter_map(|frame| {
        let Ok(Message::Text(text)) = frame else { return std::future::ready(None) };
        std::future::ready(serde_json::from_str(&text).ok())
    })
}

async fn crane(gateway: &Gateway) -> Value {
    Gateway::data(gateway.get("safety").await)["constraints"]["crane_motion"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flapping_crane_starts_nothing_and_floods_nobody() {
    let gateway = Gateway::start().await;
    let config = std::fs::read_to_string(gateway.site.path("config.toml")).unwrap();
    let port = config.lines().find_map(|line| line.strip_prefix("broker = \"127.0.0.1:"));
    let port =
        port.expect("the demo found no mosquitto: install it, or run `make setup`").trim_end_matches('"');
    assert_eq!(crane(&gateway).await["source"], "MQTT plant-broker, topic plant/crane");

    let mut messages = listen(&gateway).await;
    let flapping = Flapping::start(port);
    gateway.wait_for("the crane to move", async || crane(&gateway).await["blocking"] == true).await;
    let began = Instant::now();
    let mut told: BTreeMap<String, u32> = BTreeMap::new();
    let mut attempts = 0;
    while began.elapsed() < FLOOD {
        if let Ok(Some(message)) = timeout(Duration::from_millis(300), messages.next()).await
            && message["type"] == "safety_update"
        {
            *told.entry(message["constraint"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let (status, body) = gateway.post("download", json!({"update_id": "update-001"})).await;
        assert_eq!(status, StatusCode::LOCKED, "attempt {attempts}: {body}");
        assert_eq!(body["error"]["code"], "OTA_UPDATE_BLOCKED", "{body}");
        attempts += 1;
    }
    let seconds = u32::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let sent = flapping.end();
    assert!(sent > 300, "only {sent} messages were sent in {FLOOD:?}");
    assert!(attempts > 30, "only {attempts} attempts were made");
    assert!(told.get("crane_motion").is_some_and(|count| *count > 0), "nobody was told: {told:?}");
    assert!(told.values().all(|count| *count <= seconds), "in {seconds} s: {told:?}");

    // The plant itself says every second that the crane stands still.
    gateway.wait_for("calm", async || crane(&gateway).await["blocking"] == false).await;
    let job = gateway.start_update("update-001", false).await;
    gateway.job_until(&job, "the download", |job| job["status"] == "downloaded").await;
}
