//! The WebSocket: what happens on the gateway, as it happens.

mod feed;
mod outbox;

use crate::{
    auth::{Live, Token},
    http::{AppState, origin_is_ours, recognize, respond},
};
use axum::{
    extract::{
        Request, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use ota_api::{ApiError, ErrorCode, ws::ClientMessage};
use std::{sync::Arc, time::Duration};

/// Time that a client has to say who it is.
const INTRODUCTION: Duration = Duration::from_secs(5);
/// Bytes of a message from a client; it has nothing to send but its token.
const LONGEST_MESSAGE: usize = 4096;
/// Sockets at the same time.
const SOCKETS: usize = 128;

/// Why a socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goodbye {
    /// The server goes away and comes back.
    Restart,
    /// No session, or one that has ended.
    Unauthorized,
    /// The client is gone, or does not take what it is sent.
    Silent,
}

/// `GET /api/v1/ota/ws`.
pub async fn upgrade(
    State(state): State<AppState>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let refuse = |code, message: &str| respond(ApiError::new(code, message));
    let Ok(upgrade) = upgrade else {
        return refuse(ErrorCode::BadRequest, "This address speaks WebSocket only.");
    };
    if !origin_is_ours(request.headers()) {
        return refuse(ErrorCode::Forbidden, "Connections from pages of other sites are not accepted.");
    }
    if state.tasks.len() >= SOCKETS || state.stop.is_cancelled() {
        return refuse(ErrorCode::TooManyRequests, "The gateway has no room for another connection.");
    }
    let session = match recognize(&state, request.headers()).await {
        Ok(session) => session,
        Err(refused) => return refused,
    };
    let upgrade = upgrade.max_message_size(LONGEST_MESSAGE).max_frame_size(LONGEST_MESSAGE);
    let tasks = state.tasks.clone();
    upgrade.on_upgrade(move |socket| tasks.track_future(serve(state, socket, session)))
}

async fn serve(state: AppState, mut socket: WebSocket, session: Option<Arc<Live>>) {
    let session = match session {
        Some(session) => Ok(session),
        None => introduced(&state, &mut socket).await,
    };
    let goodbye = match session {
        Ok(session) => feed::run(&state, &mut socket, &session).await,
        Err(goodbye) => goodbye,
    };
    let (code, reason) = match goodbye {
        Goodbye::Restart => (1012, "the gateway restarts its service"),
        Goodbye::Unauthorized => (4401, "log in"),
        Goodbye::Silent => return,
    };
    let farewell = CloseFrame { code, reason: reason.into() };
    let sent = outbox::send(&mut socket, Message::Close(Some(farewell))).await;
    if sent.is_ok() {
        // The client answers the close frame; nothing depends on it.
        _ = tokio::time::timeout(Duration::from_secs(1), async {
            while let Some(Ok(_)) = socket.recv().await {}
        })
        .await;
    }
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
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
            Some(Ok(Message::Binary(_))) => return Err(Goodbye::Unauthorized),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Goodbye::Silent),
        }
    }
}
