//! Server-sent events: the live feed for programs that only read.

use crate::{
    auth::Live,
    feed::{Heard, Letter, PATIENCE, Subscription, no_longer_welcome},
    http::{AppState, respond},
};
use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ota_api::{ApiError, ErrorCode};
use serde::Deserialize;
use std::{convert::Infallible, pin::pin, sync::Arc};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tracing::Instrument;

/// The last event that a client heard before it lost the connection.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What a client may add to the address.
#[derive(Deserialize)]
pub(crate) struct Wishes {
    /// Messages have more than the published members.
    #[serde(default)]
    additions: bool,
}

/// `GET /api/v1/ota/events`.
pub(crate) async fn events(
    State(state): State<AppState>,
    Extension(session): Extension<Arc<Live>>,
    wishes: Result<Query<Wishes>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(Wishes { additions })) = wishes else {
        return respond(ApiError::new(ErrorCode::BadRequest, "additions must be true or false."));
    };
    let Some(seat) = state.feed.seat() else {
        let message = "The gateway has no room for another listener.";
        return respond(ApiError::new(ErrorCode::TooManyRequests, message));
    };
    let subscription = state.feed.subscribe(seat, heard(&headers), additions);
    let (sender, receiver) = mpsc::channel(1);
    let keep_alive = KeepAlive::new().interval(state.options.beat).text("still here");
    let tasks = state.tasks.clone();
    tasks.spawn(async move { hand_on(&state, &session, subscription, sender).await }.in_current_span());
    let mut response = Sse::new(stream(receiver)).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would collect events before it hands them on.
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    response
}

fn heard(headers: &HeaderMap) -> Heard {
    let last = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty());
    last.map_or(Heard::Nothing, |value| Heard::UpTo(value.to_str().ok().and_then(|text| text.parse().ok())))
}

/// A task of its own, since a response that nobody reads is not asked for more: it ends with the session all the same.
async fn hand_on(state: &AppState, session: &Live, mut subscription: Subscription, sender: Sender<Event>) {
    let forward = async {
        while let Ok(Ok(room)) = tokio::time::timeout(PATIENCE, sender.reserve()).await {
            tokio::select! {
                () = sender.closed() => return,
                letter = subscription.next() => room.send(event(&letter, subscription.text(&letter))),
            }
        }
    };
    let (end, forward) = (pin!(no_longer_welcome(state, session)), pin!(forward));
    futures::future::select(end, forward).await;
}

fn event(letter: &Letter, text: &str) -> Event {
    Event::default().id(letter.seq.to_string()).event(letter.kind).data(text)
}

fn stream(mut events: Receiver<Event>) -> impl futures::Stream<Item = Result<Event, Infallible>> {
    futures::stream::poll_fn(move |context| events.poll_recv(context).map(|event| event.map(Ok)))
}
