//! Who may use the gateway.

use crate::{
    SqliteStore,
    error::failed,
    row::{known_role, parse, time_text},
};
use jiff::Timestamp;
use ota_core::Role;
use ota_engine::ports::StoreError;
use std::fmt;

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// As it is typed at the login; case matters.
    pub name: String,
    pub role: Role,
    /// PHC string. The password itself never comes here.
    pub password_hash: String,
    pub created_at: Timestamp,
}

/// The hash stays out of logs.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// Why a change of an account did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("there is already a user “{0}”")]
    Exists(String),
    #[error("there is no user “{0}”")]
    Unknown(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

type UserRow = (String, String, String, String);

impl SqliteStore {
    /// Adds a user.
    ///
    /// # Errors
    /// [`AccountError::Exists`] when the name is taken; nothing changes then.
    pub async fn add_user(&self, user: &User) -> Result<(), AccountError> {
        let statement = "INSERT INTO account (name, role, password_hash, created_at) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (name) DO NOTHING";
        let done = sqlx::query(statement)
            .bind(&user.name)
            .bind(user.role.as_str())
            .bind(&user.password_hash)
            .bind(time_text(user.created_at))
            .execute(&self.writer)
            .await
            .map_err(failed("adding the user"))?;
        if done.rows_affected() == 0 { Err(AccountError::Exists(user.name.clone())) } else { Ok(()) }
    }

    /// Replaces the password and ends all sessions of the user, both or neither.
    ///
    /// # Errors
    /// [`AccountError::Unknown`] when there is no such user.
    pub async fn replace_password(&self, name: &str, password_hash: &str) -> Result<(), AccountError> {
        let replaced = self.write_password(name, password_hash).await;
        if replaced.map_err(failed("replacing the password"))? {
            Ok(())
        } else {
            Err(AccountError::Unknown(name.to_owned()))
        }
    }

    async fn write_password(&self, name: &str, password_hash: &str) -> Result<bool, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE account SET password_hash = ?2 WHERE name = ?1")
            .bind(name)
            .bind(password_hash)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM session WHERE account = ?1").bind(name).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a user and all of their sessions.
    ///
    /// # Errors
    /// [`AccountError::Unknown`] when there is no such user.
    pub async fn remove_user(&self, name: &str) -> Result<(), AccountError> {
        let done = sqlx::query("DELETE FROM account WHERE name = ?1").bind(name).execute(&self.writer).await;
        let done = done.map_err(failed("removing the user"))?;
        if done.rows_affected() == 0 { Err(AccountError::Unknown(name.to_owned())) } else { Ok(()) }
    }

    /// All users, by name, without those whose role only a newer release has.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> =
            sqlx::query_as("SELECT name, role, password_hash, created_at FROM account ORDER BY name")
                .fetch_all(&self.readers)
                .await
                .map_err(failed("reading the users"))?;
        rows.into_iter().filter_map(|row| user_of(row).transpose()).collect()
    }

    /// The user of this name. One whose role only a newer release has is not there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> =
            sqlx::query_as("SELECT name, role, password_hash, created_at FROM account WHERE name = ?1")
                .bind(name)
                .fetch_optional(&self.readers)
                .await
                .map_err(failed("reading the user"))?;
        Ok(row.map(user_of).transpose()?.flatten())
    }
}

fn user_of((name, role, password_hash, created_at): UserRow) -> Result<Option<User>, StoreError> {
    let row = || format!("user {name}");
    let (role, created_at) = (known_role(row(), &role), parse(row(), &created_at)?);
    Ok(role.map(|role| User { name, role, password_hash, created_at }))
}
