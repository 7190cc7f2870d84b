//! What clients have ordered under keys of their own, so that the same request is not carried out twice.

use crate::{SqliteStore, TokenHash, error::failed, row::time_text};
use jiff::{SignedDuration, Timestamp};
use ota_engine::ports::StoreError;
use sqlx::{Sqlite, Transaction};

/// How long a request is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How many requests of a session are kept.
const MOST: u32 = 1000;

/// Names a request and says what it was: 256 bits that do not lead back to it.
pub type Fingerprint = [u8; 32];

/// A request that came before under the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRequest {
    pub fingerprint: Vec<u8>,
    /// None where the gateway stopped before it had one.
    pub answer: Option<KeptAnswer>,
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Of HTTP.
    pub status: u16,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `ETag`.
    pub entity_tag: Option<String>,
    pub body: Vec<u8>,
}

type Row = (Vec<u8>, Option<u16>, Option<String>, Option<String>, Option<Vec<u8>>);

impl SqliteStore {
    /// Keeps a request before it is carried out. `Some`: one came before under this key, and nothing is kept anew.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn keep_request(
        &self,
        session: &TokenHash,
        key: &str,
        fingerprint: &Fingerprint,
        now: Timestamp,
    ) -> Result<Option<KeptRequest>, StoreError> {
        let kept = async {
            let mut transaction = self.begin().await?;
            let statement = "SELECT fingerprint, status, location, entity_tag, body FROM kept_request
                             WHERE session = ?1 AND key = ?2";
            let row: Option<Row> = sqlx::query_as(statement)
                .bind(session.as_slice())
                .bind(key)
                .fetch_optional(&mut *transaction)
                .await?;
            if row.is_none() {
                // After the look: a clock that is wrong after a power cut must not make the gateway forget what it is asked.
                forget_old(&mut transaction, session, now).await?;
                let statement =
                    "INSERT INTO kept_request (session, key, fingerprint, begun_at) VALUES (?1, ?2, ?3, ?4)";
                sqlx::query(statement)
                    .bind(session.as_slice())
                    .bind(key)
                    .bind(fingerprint.as_slice())
                    .bind(time_text(now))
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(row)
        };
        let row = kept.await.map_err(failed("keeping the request"))?;
        Ok(row.map(kept_request))
    }

    /// Keeps what the request was answered.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn keep_answer(
        &self,
        session: &TokenHash,
        key: &str,
        answer: &KeptAnswer,
    ) -> Result<(), StoreError> {
        let statement = "UPDATE kept_request SET status = ?3, location = ?4, entity_tag = ?5, body = ?6
                         WHERE session = ?1 AND key = ?2";
        sqlx::query(statement)
            .bind(session.as_slice())
            .bind(key)
            .bind(answer.status)
            .bind(&answer.location)
            .bind(&answer.entity_tag)
            .bind(&answer.body)
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(failed("keeping the answer"))
    }

    /// Forgets a request that was refused: nothing was done, and it may be tried again.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn forget_request(&self, session: &TokenHash, key: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM kept_request WHERE session = ?1 AND key = ?2")
            .bind(session.as_slice())
            .bind(key)
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(failed("forgetting the request"))
    }
}

/// Forgets what is older than a day, what a clock that was ahead has written, and of what is left the oldest where it is too much.
async fn forget_old(
    transaction: &mut Transaction<'_, Sqlite>,
    session: &TokenHash,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let (from, to) = (now.saturating_sub(KEPT), now.saturating_add(KEPT));
    let statement = "DELETE FROM kept_request WHERE session = ?1 AND (begun_at < ?2 OR begun_at > ?3 OR begun_at <=
                     (SELECT begun_at FROM kept_request WHERE session = ?1 ORDER BY begun_at DESC LIMIT 1 OFFSET ?4))";
    sqlx::query(statement)
        .bind(session.as_slice())
        .bind(time_text(from.unwrap_or(now)))
        .bind(time_text(to.unwrap_or(now)))
        .bind(MOST)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

fn kept_request((fingerprint, status, location, entity_tag, body): Row) -> KeptRequest {
    let answer = status.zip(body);
    let answer = answer.map(|(status, body)| KeptAnswer { status, location, entity_tag, body });
    KeptRequest { fingerprint, answer }
}
