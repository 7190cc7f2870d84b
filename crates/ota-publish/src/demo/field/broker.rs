//! mosquitto, and what the crane and its anti-collision system publish there.

use super::child::{ChildError, Running, find, free_port, listens};
use crate::atomic;
use crate::plant::Knobs;
use rumqttc::{AsyncClient, Broker as Address, EventLoop, MqttOptions, PublishOptions};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// A document: `{"motion": "idle"}`.
pub(in super::super) const CRANE_TOPIC: &str = "plant/crane";
/// A word: `clear`.
pub(in super::super) const ACS_TOPIC: &str = "plant/acs";

/// A state is published when it changes, and this often: silence means that it is not known any more.
const REPEAT: Duration = Duration::from_secs(1);
const RECONNECT: Duration = Duration::from_millis(200);
/// Another program may have taken the port that was free a moment ago.
const ATTEMPTS: u32 = 3;

/// A running broker.
#[derive(Debug)]
pub(super) struct Broker {
    port: u16,
    _running: Running,
}

impl Broker {
    /// `None` where it is not installed.
    pub(super) async fn start(directory: &Path, programs: &[PathBuf]) -> Result<Option<Self>, ChildError> {
        let Some(program) = find(programs, "mosquitto") else { return Ok(None) };
        let mut attempt = 1;
        loop {
            match Self::attempt(directory, programs, &program).await {
                Err(ChildError::Ended { .. }) if attempt < ATTEMPTS => attempt += 1,
                done => return done.map(Some),
            }
        }
    }

    async fn attempt(directory: &Path, programs: &[PathBuf], program: &Path) -> Result<Self, ChildError> {
        let port = free_port()?;
        let config = directory.join("mosquitto.conf");
        // On loopback like the rest of the demo, and open like its plant. Started by root, it would become a user who may not read
        // this directory.
        let text = format!(
            "# Written by `ota-publish demo` at every start.\nuser root\npersistence false\nallow_anonymous true\n\
             pid_file {}\nlistener {port} 127.0.0.1\n",
            directory.join("mosquitto.pid").display()
        );
        atomic::replace(&config, text.as_bytes(), 0o644)?;
        let log = directory.join("mosquitto.log");
        let mut running =
            Running::start(program, programs, log, |command| _ = command.arg("-c").arg(config))?;
        running.wait_until(|| listens(port)).await?;
        Ok(Self { port, _running: running })
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Publishes the plant's state, until this is dropped.
    pub(super) async fn follow(self, knobs: watch::Receiver<Knobs>) {
        let options = MqttOptions::new("plant", Address::tcp("127.0.0.1", self.port));
        let (client, events) = AsyncClient::builder(options).capacity(16).build();
        tokio::join!(publish(client, knobs), keep_connected(events));
    }
}

async fn keep_connected(mut events: EventLoop) {
    loop {
        if events.poll().await.is_err() {
            sleep(RECONNECT).await;
        }
    }
}

async fn publish(client: AsyncClient, mut knobs: watch::Receiver<Knobs>) {
    loop {
        let now = *knobs.borrow_and_update();
        if now.connected {
            let signals = now.signals();
            let motion = json!({ "motion": signals.get("crane_motion") }).to_string();
            let acs =
                signals.get("acs_collision").and_then(|word| word.as_str()).unwrap_or_default().to_owned();
            for (topic, message) in [(CRANE_TOPIC, motion), (ACS_TOPIC, acs)] {
                // What cannot be sent now is of no use later.
                let _ = client.try_publish(
                    topic,
                    message.into_bytes(),
                    PublishOptions::at_most_once().retain(true),
                );
            }
        }
        tokio::select! {
            news = knobs.changed() => if news.is_err() { return },
            () = sleep(REPEAT) => {}
        }
    }
}
