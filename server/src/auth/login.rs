//! Name and password into a session.

use super::{Auth, Token};
use crate::password;
use jiff::Timestamp;
use ota_api::auth::Role;
use ota_store::AccountError;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest time that a login waits for others to be compared.
const QUEUE: Duration = Duration::from_secs(10);
/// Bytes that are compared at all; nobody has a longer name or password.
const LONGEST: usize = 1024;

/// Somebody who has logged in.
#[derive(Debug)]
pub struct LoggedIn {
    pub token: Token,
    pub user: String,
    pub role: Role,
    pub expires_at: Timestamp,
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Which of the two is wrong is not said.
    #[error("User name or password is wrong.")]
    Wrong {
        /// The name, when there is a user of that name: what else is typed there may be a password.
        user: Option<String>,
    },
    #[error("Too many attempts. Try again in {} s.", wait.as_secs())]
    TooMany { wait: Duration },
    #[error("The gateway could not log anybody in.")]
    Internal(String),
}

impl Auth {
    /// Logs somebody in.
    ///
    /// # Errors
    /// [`LoginError`]; an unknown name takes as long as a wrong password.
    pub async fn login(&self, name: &str, password: &str) -> Result<LoggedIn, LoginError> {
        if name.len() > LONGEST || password.len() > LONGEST {
            return Err(LoginError::Wrong { user: None });
        }
        self.throttle().begin(name, Instant::now()).map_err(too_many)?;
        let user = self.store.user(name).await.map_err(|error| LoginError::Internal(error.to_string()))?;
        let known = user.as_ref().map(|user| user.name.clone());
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let right = self.compare(password.to_owned(), hash).await?;
        let Some(user) = user.filter(|_| right) else {
            return Err(LoginError::Wrong { user: known });
        };
        self.throttle().succeeded(name);
        match self.sessions.begin(&user.name).await {
            Ok((token, expires_at)) => Ok(LoggedIn { token, user: user.name, role: user.role, expires_at }),
            Err(AccountError::Store(error)) => Err(LoginError::Internal(error.to_string())),
            // Removed a moment ago.
            Err(_) => Err(LoginError::Wrong { user: None }),
        }
    }

    /// False without a hash, after the same time.
    async fn compare(&self, password: String, hash: Option<String>) -> Result<bool, LoginError> {
        let busy = || too_many(Duration::from_secs(1));
        let turn = tokio::time::timeout(QUEUE, self.comparisons.acquire()).await.map_err(|_| busy())?;
        let _turn = turn.map_err(|_| busy())?;
        let (exists, hash) = match hash {
            Some(hash) => (true, hash),
            None => (false, self.nobody().await?),
        };
        let compared = tokio::task::spawn_blocking(move || password::verify(&password, &hash)).await;
        compared.map(|same| same && exists).map_err(|error| LoginError::Internal(error.to_string()))
    }

    async fn nobody(&self) -> Result<String, LoginError> {
        if let Some(hash) = self.nobody.get() {
            return Ok(hash.clone());
        }
        let made = tokio::task::spawn_blocking(|| password::hash(Token::random().reveal())).await;
        let made = made.map_err(|error| LoginError::Internal(error.to_string()))?;
        let hash = made.map_err(|error| LoginError::Internal(error.to_string()))?;
        Ok(self.nobody.get_or_init(|| hash).clone())
    }

    fn throttle(&self) -> MutexGuard<'_, super::Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole seconds, at least one.
fn too_many(wait: Duration) -> LoginError {
    let up = u64::from(wait.subsec_nanos() > 0);
    LoginError::TooMany { wait: Duration::from_secs(wait.as_secs().saturating_add(up).max(1)) }
}
