//! Who is asking: login, sessions, and the brake on guessing.
//!
//! One session serves the cookie, `Authorization: Bearer` and the WebSocket's `auth` frame. Passwords and tokens have no
//! `Debug` that shows them and never reach a log.

mod credentials;
mod login;
mod sessions;
mod throttle;
mod token;

pub use credentials::{Presented, presented};
pub use login::{LoggedIn, LoginError};
pub use sessions::{Lifetimes, Live, Sessions};
pub use token::Token;

use ota_engine::ports::StoreError;
use ota_store::SqliteStore;
use std::sync::{Mutex, OnceLock};
use throttle::Throttle;
use tokio::sync::Semaphore;

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

    /// Forgets sessions that have expired. To be called now and then.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        self.sessions.forget_expired();
        self.store.purge_sessions(jiff::Timestamp::now()).await.map(|_| ())
    }
}
