//! Who is asking: login, sessions, and the brake on guessing.
//!
//! One session serves the cookie, `Authorization: Bearer` and the WebSocket's `auth` frame. Passwords and tokens have no
//! `Debug` that shows them and never reach a log.

mod credentials;
mod doorbell;
mod login;
mod sessions;
mod throttle;
mod token;

pub use credentials::{Presented, presented};
pub use doorbell::{Doorbell, ring};
pub use login::{LoggedIn, LoginError};
pub use sessions::{Lifetimes, Live, Sessions};
pub use token::Token;

use ota_engine::ports::StoreError;
use ota_store::SqliteStore;
use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};
use throttle::Throttle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Passwords that are compared at the same time; each takes a core and 19 MiB.
const COMPARISONS: usize = 2;

/// Logs people in and recognizes them afterwards.
pub struct Auth {
    store: SqliteStore,
    sessions: Sessions,
    throttle: Mutex<Throttle>,
    comparisons: Semaphore,
    /// What the password of a user that does not exist is compared with, so that it takes as long.
    nobody: OnceLock<String>,
}

impl Auth {
    #[must_use]
    pub fn new(store: SqliteStore, lifetimes: Lifetimes) -> Self {
        Self {
            sessions: Sessions::new(store.clone(), lifetimes),
            store,
            throttle: Mutex::default(),
            comparisons: Semaphore::new(COMPARISONS),
            nobody: OnceLock::new(),
        }
    }

    #[must_use]
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Ends here, at once, the sessions that a command beside the service has ended; until `stop`.
    pub async fn hear_commands(self: Arc<Self>, data_dir: PathBuf, stop: CancellationToken) {
        if let Some(Err(error)) = stop.run_until_cancelled(self.answer_door(&data_dir)).await {
            tracing::warn!(%error, "commands cannot tell of sessions that they end; it is found out within seconds");
        }
    }

    async fn answer_door(&self, data_dir: &Path) -> io::Result<Infallible> {
        let door = Doorbell::hang(data_dir)?;
        loop {
            door.rung().await?;
            if let Err(error) = self.sessions.look_again().await {
                tracing::warn!(%error, "sessions that have ended are found when they are used");
            }
        }
    }

    /// Forgets sessions that have expired. To be called now and then.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        self.sessions.forget_expired();
        self.store.purge_sessions(jiff::Timestamp::now()).await.map(|_| ())
    }
}
