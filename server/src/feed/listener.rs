//! Who may listen, and for how long.

use crate::{auth::Live, http::AppState};
use jiff::Timestamp;
use std::time::Duration;

/// Time between two signs of life, and between two looks whether a session goes on.
pub(crate) const BEAT: Duration = Duration::from_secs(20);
/// Time that a client has to take a message.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Least time between two looks: the end of a session is known to the second.
const SHORTEST: Duration = Duration::from_secs(1);

/// Why nobody may listen any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The session is over.
    Session,
    /// The service goes away, and comes back.
    Service,
}

/// Waits for the end of the session or of the service. A session that ends in this process, or by a command beside it, is told here at
/// once; one that expires is looked for.
pub(crate) async fn no_longer_welcome(state: &AppState, session: &Live) -> End {
    loop {
        tokio::select! {
            biased;
            () = session.ended.cancelled() => return End::Session,
            () = state.stop.cancelled() => return End::Service,
            () = tokio::time::sleep(next_look(session)) => {}
        }
        match state.auth.sessions().goes_on(&session.hash).await {
            Ok(true) => {}
            Ok(false) => return End::Session,
            Err(error) => tracing::warn!(%error, "a listener's session cannot be looked up"),
        }
    }
}

fn next_look(session: &Live) -> Duration {
    let left = Timestamp::now().duration_until(session.ends_at());
    Duration::try_from(left).unwrap_or_default().clamp(SHORTEST, BEAT)
}
