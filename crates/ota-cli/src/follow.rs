//! The live feed of a gateway.

use crate::{
    client::{Client, unreachable},
    failure::{FAILED, Failure, UNREACHABLE},
};
use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures::{Stream, StreamExt};
use ota_api::{
    routes,
    ws::{FeedMessage, ServerMessage},
};
use std::pin::Pin;

/// What comes from a gateway, until the connection ends.
pub(crate) struct Feed {
    events: Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<reqwest::Error>>> + Send>>,
}

impl Feed {
    pub(crate) async fn open(client: &Client) -> Result<Self, Failure> {
        let response = client.open(routes::EVENTS, &[("additions", "true")]).await?;
        Ok(Self { events: Box::pin(response.bytes_stream().eventsource()) })
    }

    /// The next message that this release knows.
    pub(crate) async fn next(&mut self) -> Result<ServerMessage, Failure> {
        loop {
            match self.events.next().await {
                Some(Ok(event)) => {
                    if let Ok(FeedMessage { message, .. }) = serde_json::from_str(&event.data) {
                        return Ok(message);
                    }
                }
                Some(Err(EventStreamError::Transport(error))) => return Err(unreachable(&error)),
                Some(Err(error)) => {
                    return Err(Failure::new(FAILED, format!("what comes is no feed: {error}")));
                }
                None => return Err(Failure::new(UNREACHABLE, "the gateway has ended the connection")),
            }
        }
    }
}
