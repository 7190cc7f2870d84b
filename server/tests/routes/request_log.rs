//! What is logged while a request is answered names the request.

use crate::{
    audit::lock_the_log,
    support::{GATEWAY, Gateway},
};
use serde_json::json;
use std::{
    io::{self, Write},
    sync::{Arc, Mutex, atomic::Ordering},
};
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn about(&self, request: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(request)).map(str::to_owned).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Of the whole process, since what one thread logs alone is lost where another one was the first to pass that place.
fn started() -> Lines {
    let lines = Lines::default();
    let to_here =
        tracing_subscriber::fmt().with_ansi(false).with_max_level(Level::ERROR).with_writer(lines.clone());
    to_here.try_init().unwrap();
    lines
}

#[tokio::test]
async fn the_cause_of_an_internal_failure_is_in_the_log_under_its_request() {
    let lines = started();
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    let download = async |key: &str| {
        let call = gateway.post("/api/v1/ota/download").bearer(&token).gateway(GATEWAY);
        let call = if key.is_empty() { call } else { call.header("idempotency-key", key) };
        let answer = call.json(&json!({ "update_id": "update-001" })).send().await;
        answer.failure(500, "INTERNAL");
        lines.about(answer.header("x-request-id"))
    };
    gateway.world.space_panics.store(true, Ordering::Relaxed);
    let panicked = download("").await;
    assert!(panicked.iter().any(|line| line.contains("panicked")), "{panicked:?}");
    gateway.world.space_panics.store(false, Ordering::Relaxed);
    lock_the_log(&gateway).await;
    for key in ["", "what-is-kept-under-a-key"] {
        let unrecorded = download(key).await;
        assert!(unrecorded.iter().any(|line| line.contains("no room")), "{unrecorded:?}");
    }
}
