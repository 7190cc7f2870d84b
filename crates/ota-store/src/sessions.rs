//! Sessions of people and programs that have logged in.

use crate::{
    AccountError, SqliteStore,
    error::failed,
    row::{known_role, parse, time_text},
};
use jiff::Timestamp;
use ota_core::Role;
use ota_engine::ports::StoreError;

/// SHA-256 of a session token. The token itself never comes here.
pub type TokenHash = [u8; 32];

/// A session that begins. How long it may idle or last is the caller's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSession<'a> {
    pub user: &'a str,
    pub created_at: Timestamp,
    /// Until when it lives if nobody uses it.
    pub idle_expires_at: Timestamp,
    /// Until when it lives at all.
    pub expires_at: Timestamp,
}

/// A live session, with what its user may do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub user: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub last_seen: Timestamp,
    pub idle_expires_at: Timestamp,
    pub expires_at: Timestamp,
}

type SessionRow = (String, String, String, String, String, String);

impl SqliteStore {
    /// Begins a session.
    ///
    /// # Errors
    /// [`AccountError::Unknown`] when there is no such user (any more).
    pub async fn create_session(&self, token: &TokenHash, new: NewSession<'_>) -> Result<(), AccountError> {
        let statement =
            "INSERT INTO session (token_hash, account, created_at, last_seen, idle_expires_at, expires_at)
                         VALUES (?1, ?2, ?3, ?3, ?4, ?5)";
        let done = sqlx::query(statement)
            .bind(token.as_slice())
            .bind(new.user)
            .bind(time_text(new.created_at))
            .bind(time_text(new.idle_expires_at))
            .bind(time_text(new.expires_at))
            .execute(&self.writer)
            .await;
        match done {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(AccountError::Unknown(new.user.to_owned()))
            }
            Err(error) => Err(failed("creating the session")(error).into()),
        }
    }

    /// The session of this token, `None` when there is none, it has expired at `now`, or its user has a role that only a newer
    /// release has. One read by key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_session(
        &self,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let statement =
            "SELECT account.name, account.role, session.created_at, last_seen, idle_expires_at, expires_at
                         FROM session JOIN account ON account.name = session.account
                         WHERE token_hash = ?1 AND idle_expires_at > ?2 AND expires_at > ?2";
        let row: Option<SessionRow> = sqlx::query_as(statement)
            .bind(token.as_slice())
            .bind(time_text(now))
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading the session"))?;
        Ok(row.map(session_of).transpose()?.flatten())
    }

    /// Records that a live session was used at `now` and may idle until `idle_expires_at`. False when it has ended or
    /// expired: an expired session does not come back.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn touch_session(
        &self,
        token: &TokenHash,
        now: Timestamp,
        idle_expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let statement = "UPDATE session SET last_seen = ?2, idle_expires_at = ?3
                         WHERE token_hash = ?1 AND idle_expires_at > ?2 AND expires_at > ?2";
        sqlx::query(statement)
            .bind(token.as_slice())
            .bind(time_text(now))
            .bind(time_text(idle_expires_at))
            .execute(&self.writer)
            .await
            .map(|done| done.rows_affected() > 0)
            .map_err(failed("renewing the session"))
    }

    /// Ends a session. False when there was none.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn delete_session(&self, token: &TokenHash) -> Result<bool, StoreError> {
        sqlx::query("DELETE FROM session WHERE token_hash = ?1")
            .bind(token.as_slice())
            .execute(&self.writer)
            .await
            .map(|done| done.rows_affected() > 0)
            .map_err(failed("ending the session"))
    }

    /// Ends all sessions of a user and says how many there were.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn delete_sessions_of(&self, user: &str) -> Result<u64, StoreError> {
        sqlx::query("DELETE FROM session WHERE account = ?1")
            .bind(user)
            .execute(&self.writer)
            .await
            .map(|done| done.rows_affected())
            .map_err(failed("ending the sessions"))
    }

    /// Forgets the sessions that have expired at `now` and says how many there were.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn purge_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        sqlx::query("DELETE FROM session WHERE idle_expires_at <= ?1 OR expires_at <= ?1")
            .bind(time_text(now))
            .execute(&self.writer)
            .await
            .map(|done| done.rows_affected())
            .map_err(failed("purging sessions"))
    }
}

fn session_of(row: SessionRow) -> Result<Option<Session>, StoreError> {
    let (user, role, created_at, last_seen, idle_expires_at, expires_at) = row;
    let row = || format!("session of user {user}");
    let (role, created_at) = (known_role(row(), &role), parse(row(), &created_at)?);
    let (last_seen, expires_at) = (parse(row(), &last_seen)?, parse(row(), &expires_at)?);
    let idle_expires_at = parse(row(), &idle_expires_at)?;
    Ok(role.map(|role| Session { user, role, created_at, last_seen, idle_expires_at, expires_at }))
}
