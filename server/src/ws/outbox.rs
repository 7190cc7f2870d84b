//! Sending, to clients that may be slow or gone.

use super::Goodbye;
use axum::extract::ws::{Message, WebSocket};
use ota_api::ws::ServerMessage;
use ota_engine::JobView;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Time that a client has to take a message.
const PATIENCE: Duration = Duration::from_secs(10);
/// Least time between two progress messages: four a second.
const PROGRESS_PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Goodbye> {
    match tokio::time::timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Goodbye::Silent),
    }
}

pub(super) async fn say(socket: &mut WebSocket, message: &ServerMessage) -> Result<(), Goodbye> {
    match serde_json::to_string(message) {
        Ok(text) => send(socket, Message::text(text)).await,
        Err(error) => {
            tracing::error!(%error, "a message has no JSON form");
            Ok(())
        }
    }
}

/// Progress that waits for its turn: only the newest counts.
#[derive(Default)]
pub(super) struct Pace {
    waiting: Option<Arc<JobView>>,
    last: Option<Instant>,
}

impl Pace {
    pub(super) fn put(&mut self, view: Arc<JobView>) {
        self.waiting = Some(view);
    }

    /// Forgets what waits: something newer has been sent.
    pub(super) fn sent(&mut self) {
        self.waiting = None;
        self.last = Some(Instant::now());
    }

    /// The progress to send, once its time has come; never when nothing waits.
    pub(super) async fn due(&mut self) -> Arc<JobView> {
        if self.waiting.is_none() {
            std::future::pending::<()>().await;
        }
        if let Some(last) = self.last {
            tokio::time::sleep_until(last + PROGRESS_PAUSE).await;
        }
        match self.waiting.take() {
            Some(view) => {
                self.last = Some(Instant::now());
                view
            }
            None => std::future::pending().await,
        }
    }
}
