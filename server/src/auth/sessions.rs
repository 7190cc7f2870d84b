//! Sessions, with the live ones in memory: recognizing somebody needs no query.

use super::Token;
use jiff::{SignedDuration, Timestamp};
use ota_api::auth::Role;
use ota_engine::ports::StoreError;
use ota_store::{AccountError, NewSession, SqliteStore, TokenHash};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Age, in seconds, at which what memory says about a session is compared with the store: another process may have ended
/// it, changed the user's role or removed the user.
const FRESH: i64 = 20;

/// How long sessions live.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// Without being used.
    pub idle: SignedDuration,
    /// At all.
    pub absolute: SignedDuration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { idle: SignedDuration::from_hours(12), absolute: SignedDuration::from_hours(7 * 24) }
    }
}

/// A session that was alive a moment ago.
#[derive(Debug)]
pub struct Live {
    pub user: String,
    pub role: Role,
    pub hash: TokenHash,
    pub expires_at: Timestamp,
    /// Ends when the session does.
    pub ended: CancellationToken,
    /// Seconds since 1970.
    idle_until: AtomicI64,
    checked: AtomicI64,
}

impl Live {
    /// When it ends unless somebody uses it again.
    pub(crate) fn ends_at(&self) -> Timestamp {
        let idle = Timestamp::from_second(self.idle_until.load(Ordering::Relaxed));
        idle.map_or(self.expires_at, |idle| idle.min(self.expires_at))
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        now < self.expires_at && now.as_second() < self.idle_until.load(Ordering::Relaxed)
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        // A clock that was put back makes it old as well.
        (0..FRESH).contains(&now.as_second().saturating_sub(self.checked.load(Ordering::Relaxed)))
    }
}

/// The sessions of this gateway.
pub struct Sessions {
    store: SqliteStore,
    lifetimes: Lifetimes,
    live: Mutex<HashMap<TokenHash, Arc<Live>>>,
}

impl Sessions {
    pub(super) fn new(store: SqliteStore, lifetimes: Lifetimes) -> Self {
        Self { store, lifetimes, live: Mutex::default() }
    }

    /// Begins a session and returns its token and its end.
    ///
    /// # Errors
    /// When the user is gone or the session cannot be made durable.
    pub(super) async fn begin(&self, user: &str) -> Result<(Token, Timestamp), AccountError> {
        let (token, now) = (Token::random(), Timestamp::now());
        let expires_at = after(now, self.lifetimes.absolute);
        let idle_expires_at = after(now, self.lifetimes.idle);
        let new = NewSession { user, created_at: now, idle_expires_at, expires_at };
        self.store.create_session(&token.hash(), new).await?;
        Ok((token, expires_at))
    }

    /// The session of a token that was just used.
    ///
    /// # Errors
    /// When the store has to be asked and cannot be read.
    pub async fn recognize(&self, token: &Token) -> Result<Option<Arc<Live>>, StoreError> {
        let (hash, now) = (token.hash(), Timestamp::now());
        if let Some(live) = self.remembered(&hash).filter(|live| live.is_alive(now) && live.is_fresh(now)) {
            return Ok(Some(live));
        }
        match self.store.touch_session(&hash, now, after(now, self.lifetimes.idle)).await {
            Ok(false) => {
                self.forget(&hash);
                Ok(None)
            }
            // Whoever is to make room on the disk must not be shut out by it. The session only is not renewed.
            Ok(true) | Err(StoreError::Full(_)) => self.read(&hash, now).await,
            Err(error) => Err(error),
        }
    }

    /// Whether a session goes on, without counting that as a use of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn goes_on(&self, hash: &TokenHash) -> Result<bool, StoreError> {
        Ok(self.read(hash, Timestamp::now()).await?.is_some())
    }

    /// Ends a session, wherever it is used.
    ///
    /// # Errors
    /// When the end cannot be made durable; the session is over in this process all the same.
    pub async fn end(&self, hash: &TokenHash) -> Result<(), StoreError> {
        self.forget(hash);
        let deleted = self.store.delete_session(hash).await.map(|_| ());
        // Somebody may have been recognized in between.
        self.forget(hash);
        deleted
    }

    /// Compares everybody with the store, because another process has ended sessions.
    ///
    /// # Errors
    /// When the store cannot be read; some sessions may not have been compared then.
    pub async fn look_again(&self) -> Result<(), StoreError> {
        let all: Vec<TokenHash> = self.live().keys().copied().collect();
        for hash in all {
            self.goes_on(&hash).await?;
        }
        Ok(())
    }

    pub(super) fn forget_expired(&self) {
        let now = Timestamp::now();
        self.live().retain(|_, live| {
            let alive = live.is_alive(now);
            if !alive {
                live.ended.cancel();
            }
            alive
        });
    }

    /// Takes over what the store says.
    async fn read(&self, hash: &TokenHash, now: Timestamp) -> Result<Option<Arc<Live>>, StoreError> {
        let Some(session) = self.store.find_session(hash, now).await? else {
            self.forget(hash);
            return Ok(None);
        };
        let mut all = self.live();
        let known = all.get(hash).filter(|live| live.role == session.role && live.user == session.user);
        if let Some(live) = known {
            live.idle_until.store(session.idle_expires_at.as_second(), Ordering::Relaxed);
            live.checked.store(now.as_second(), Ordering::Relaxed);
            return Ok(Some(Arc::clone(live)));
        }
        let live = Arc::new(Live {
            user: session.user,
            role: session.role,
            hash: *hash,
            expires_at: session.expires_at,
            ended: CancellationToken::new(),
            idle_until: AtomicI64::new(session.idle_expires_at.as_second()),
            checked: AtomicI64::new(now.as_second()),
        });
        if let Some(former) = all.insert(*hash, Arc::clone(&live)) {
            // With another role: what was opened with the former one is opened anew.
            former.ended.cancel();
        }
        Ok(Some(live))
    }

    fn remembered(&self, hash: &TokenHash) -> Option<Arc<Live>> {
        self.live().get(hash).map(Arc::clone)
    }

    fn forget(&self, hash: &TokenHash) {
        if let Some(live) = self.live().remove(hash) {
            live.ended.cancel();
        }
    }

    fn live(&self) -> MutexGuard<'_, HashMap<TokenHash, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Saturates where the calendar ends.
fn after(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}
