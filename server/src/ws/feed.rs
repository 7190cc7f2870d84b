//! What a client is sent while its session lasts.

use super::{
    Goodbye,
    outbox::{self, Pace, say},
};
use crate::{auth::Live, http::AppState};
use app::api::{convert, server_message};
use axum::extract::ws::{Message, WebSocket};
use jiff::Timestamp;
use ota_api::ws::{ServerMessage, Topic};
use ota_engine::Event;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Time between two pings; with each, the session is looked up again.
const BEAT: Duration = Duration::from_secs(20);
/// Silence after which a client counts as gone.
const LONGEST_SILENCE: Duration = Duration::from_secs(50);

/// Sends how things stand, then everything that happens.
pub(super) async fn run(state: &AppState, socket: &mut WebSocket, session: &Live) -> Goodbye {
    match follow(state, socket, session).await {
        Ok(never) => match never {},
        Err(goodbye) => goodbye,
    }
}

async fn follow(
    state: &AppState,
    socket: &mut WebSocket,
    session: &Live,
) -> Result<std::convert::Infallible, Goodbye> {
    // Listening before telling: nothing is missed in between.
    let mut events = state.ota.subscribe();
    let mut pace = Pace::default();
    greet(state, socket, &mut pace).await?;
    let mut heard = Instant::now();
    let mut beat = interval_at(heard + BEAT, BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = session.ended.cancelled() => return Err(Goodbye::Unauthorized),
            () = state.stop.cancelled() => return Err(Goodbye::Restart),
            frame = socket.recv() => match frame {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Goodbye::Silent),
                // A client that has introduced itself has nothing more to say.
                Some(Ok(_)) => heard = Instant::now(),
            },
            _ = beat.tick() => {
                if heard.elapsed() > LONGEST_SILENCE {
                    return Err(Goodbye::Silent);
                }
                still_welcome(state, session).await?;
                outbox::send(socket, Message::Ping(Vec::new().into())).await?;
            }
            view = pace.due() => say(socket, &convert::update_progress(&view, Timestamp::now())).await?,
            event = events.recv() => match event {
                Ok(Event::Progress(view)) => pace.put(view),
                Ok(event) => say(socket, &server_message(&event, &state.ota.snapshot(), Timestamp::now())).await?,
                Err(RecvError::Lagged(_)) => {
                    say(socket, &ServerMessage::Changed { what: Topic::All }).await?;
                    greet(state, socket, &mut pace).await?;
                }
                Err(RecvError::Closed) => return Err(Goodbye::Restart),
            },
        }
    }
}

/// How things stand.
async fn greet(state: &AppState, socket: &mut WebSocket, pace: &mut Pace) -> Result<(), Goodbye> {
    let (snapshot, now) = (state.ota.snapshot(), Timestamp::now());
    say(socket, &convert::system_status(&snapshot, now)).await?;
    if let Some(message) = convert::shown_job(&snapshot, now) {
        say(socket, &message).await?;
        pace.sent();
    }
    Ok(())
}

/// The session may have ended by time, or in another process.
async fn still_welcome(state: &AppState, session: &Live) -> Result<(), Goodbye> {
    match state.auth.sessions().goes_on(&session.hash).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Goodbye::Unauthorized),
        Err(error) => {
            tracing::warn!(%error, "a WebSocket's session cannot be looked up");
            Ok(())
        }
    }
}
