//! The WebSocket: the live feed for pages and programs.

use crate::{
    auth::{Live, Token},
    feed::{End, Heard, Letter, PATIENCE, Seat, Subscription, no_longer_welcome},
    http::{AppState, origin_is_ours, recognize, respond},
};
use axum::{
    extract::{
        Query, Request, State, WebSocketUpgrade,
        rejection::QueryRejection,
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use futures::{
    SinkExt,
    future::{self, Either},
};
use ota_api::{ApiError, ErrorCode, ws::ClientMessage};
use serde::Deserialize;
use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite;
use tracing::Instrument;

/// Time that a client has to say who it is.
const INTRODUCTION: Duration = Duration::from_secs(5);
/// Bytes of a message from a client; it has nothing to send but its token.
const LONGEST_MESSAGE: usize = 4 * 1024;
/// Bytes that are read of a longer one, so that its sender can still be told.
const LONGEST_READ: usize = 16 * LONGEST_MESSAGE;
/// Messages that are sent in one write.
const TOGETHER: usize = 16;
/// Time for saying goodbye.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes that are kept ready for what a client says.
const READ_BUFFER: usize = 4 * 1024;
/// Frames of a client between two pings.
const MOST_FRAMES: u32 = 64;
/// Pings without an answer after which a client counts as gone; half of one more is for the way.
const UNANSWERED: f64 = 2.5;

/// Why a socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goodbye {
    /// The server goes away and comes back.
    Restart,
    /// No session, or one that has ended.
    Unauthorized,
    /// It says more than there is to say.
    Talkative,
    /// It sent a message that is too long.
    TooLong,
    /// The client is gone, or does not take what it is sent.
    Silent,
}

impl From<End> for Goodbye {
    fn from(end: End) -> Self {
        match end {
            End::Session => Self::Unauthorized,
            End::Service => Self::Restart,
        }
    }
}

impl Goodbye {
    /// Close code and reason; none where nobody would hear them.
    const fn words(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Restart => Some((1012, "the gateway restarts its service")),
            Self::Unauthorized => Some((4401, "log in")),
            Self::Talkative => Some((1008, "a client has nothing to say here but its token")),
            Self::TooLong => Some((1009, "a message has at most 4 KiB")),
            Self::Silent => None,
        }
    }
}

/// What a client may add to the address.
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Wishes {
    /// `seq` of the last message that it got, where it comes back.
    after: Option<u64>,
    /// Messages have more than the published members.
    #[serde(default)]
    additions: bool,
}

/// `GET /api/v1/ota/ws`.
pub(crate) async fn upgrade(
    State(state): State<AppState>,
    wishes: Result<Query<Wishes>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let refuse = |code, message: &str| respond(ApiError::new(code, message));
    let Ok(upgrade) = upgrade else {
        return refuse(ErrorCode::BadRequest, "This address speaks WebSocket only.");
    };
    let Ok(Query(wishes)) = wishes else {
        let message = "after must be the seq of a message, and additions true or false.";
        return respond(ApiError::new(ErrorCode::BadRequest, message));
    };
    if !origin_is_ours(request.headers()) {
        return refuse(ErrorCode::Forbidden, "Connections from pages of other sites are not accepted.");
    }
    let seat = state.feed.seat().filter(|_| !state.stop.is_cancelled());
    let Some(seat) = seat else {
        return refuse(ErrorCode::TooManyRequests, "The gateway has no room for another connection.");
    };
    let session = match recognize(&state, request.headers()).await {
        Ok(session) => session,
        Err(refused) => return refused,
    };
    let upgrade = upgrade.max_message_size(LONGEST_READ).max_frame_size(LONGEST_READ);
    let upgrade = upgrade.read_buffer_size(READ_BUFFER);
    let tasks = state.tasks.clone();
    let span = tracing::Span::current();
    upgrade.on_upgrade(move |socket| {
        tasks.track_future(serve(state, socket, session, seat, wishes).instrument(span))
    })
}

async fn serve(
    state: AppState,
    mut socket: WebSocket,
    session: Option<Arc<Live>>,
    seat: Seat,
    wishes: Wishes,
) {
    let session = match session {
        Some(session) => Ok(session),
        None => introduced(&state, &mut socket).await,
    };
    let goodbye = match session {
        Ok(session) => {
            let heard = wishes.after.map_or(Heard::Nothing, |seq| Heard::UpTo(Some(seq)));
            let subscription = state.feed.subscribe(seat, heard, wishes.additions);
            talk(&state, &mut socket, &session, subscription).await
        }
        Err(goodbye) => goodbye,
    };
    let Some((code, reason)) = goodbye.words() else { return };
    let frame = CloseFrame { code, reason: reason.into() };
    // A client that does not read does not hear it, and must not hold up whoever waits for the end.
    _ = tokio::time::timeout(FAREWELL, async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // The client answers the close frame; nothing depends on it.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    })
    .await;
}

/// Waits for the `auth` frame.
async fn introduced(state: &AppState, socket: &mut WebSocket) -> Result<Arc<Live>, Goodbye> {
    let frame = tokio::time::timeout(INTRODUCTION, first_text(socket));
    let text = match state.stop.run_until_cancelled(frame).await {
        None => return Err(Goodbye::Restart),
        Some(Err(_)) => return Err(Goodbye::Unauthorized),
        Some(Ok(text)) => text?,
    };
    let token =
        serde_json::from_str(&text).ok().and_then(|ClientMessage::Auth { token }| Token::parse(&token));
    let Some(token) = token else { return Err(Goodbye::Unauthorized) };
    match state.auth.sessions().recognize(&token).await {
        Ok(session) => session.ok_or(Goodbye::Unauthorized),
        Err(error) => {
            tracing::error!(%error, "a WebSocket's session cannot be looked up");
            Err(Goodbye::Restart)
        }
    }
}

async fn first_text(socket: &mut WebSocket) -> Result<String, Goodbye> {
    loop {
        match receive(socket).await? {
            Message::Text(text) => return Ok(text.as_str().to_owned()),
            Message::Binary(_) => return Err(Goodbye::Unauthorized),
            _ => {}
        }
    }
}

/// Carries the feed to the client until one of them has to go.
async fn talk(
    state: &AppState,
    socket: &mut WebSocket,
    session: &Live,
    mut subscription: Subscription,
) -> Goodbye {
    let talk = carry(socket, &mut subscription, state.options.beat);
    let end = no_longer_welcome(state, session);
    match future::select(pin!(end), pin!(talk)).await {
        Either::Left((end, _)) => end.into(),
        Either::Right((Ok(never), _)) => match never {},
        Either::Right((Err(goodbye), _)) => goodbye,
    }
}

async fn carry(
    socket: &mut WebSocket,
    subscription: &mut Subscription,
    beat: Duration,
) -> Result<Infallible, Goodbye> {
    let (mut heard_at, mut frames) = (Instant::now(), 0);
    let mut beats = interval_at(heard_at + beat, beat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            frame = receive(socket) => {
                frame?;
                (heard_at, frames) = (Instant::now(), frames + 1);
                if frames > MOST_FRAMES {
                    return Err(Goodbye::Talkative);
                }
            }
            _ = beats.tick() => {
                if heard_at.elapsed() > beat.mul_f64(UNANSWERED) {
                    return Err(Goodbye::Silent);
                }
                frames = 0;
                send(socket, Message::Ping(Vec::new().into())).await?;
            }
            letter = subscription.next() => {
                send_some(socket, letter, subscription).await?;
            }
        }
    }
}

/// The next frame of the client that does not end the connection.
async fn receive(socket: &mut WebSocket) -> Result<Message, Goodbye> {
    match socket.recv().await {
        Some(Ok(Message::Close(_))) | None => Err(Goodbye::Silent),
        Some(Ok(Message::Text(text))) if text.len() > LONGEST_MESSAGE => Err(Goodbye::TooLong),
        Some(Ok(Message::Binary(bytes))) if bytes.len() > LONGEST_MESSAGE => Err(Goodbye::TooLong),
        Some(Ok(message)) => Ok(message),
        Some(Err(error)) => match error.into_inner().downcast_ref() {
            Some(tungstenite::Error::Capacity(_)) => Err(Goodbye::TooLong),
            _ => Err(Goodbye::Silent),
        },
    }
}

/// Some of what waits goes out together, so that a burst is few writes. The rest has a time limit of its own.
async fn send_some(
    socket: &mut WebSocket,
    first: Arc<Letter>,
    subscription: &mut Subscription,
) -> Result<(), Goodbye> {
    let some = async {
        socket.feed(Message::text(subscription.text(&first))).await?;
        for _ in 1..TOGETHER {
            let Some(letter) = subscription.waiting() else { break };
            socket.feed(Message::text(subscription.text(&letter))).await?;
        }
        socket.flush().await
    };
    in_time(some).await
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Goodbye> {
    in_time(socket.send(message)).await
}

async fn in_time<E>(sent: impl Future<Output = Result<(), E>>) -> Result<(), Goodbye> {
    match tokio::time::timeout(PATIENCE, sent).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Goodbye::Silent),
    }
}
