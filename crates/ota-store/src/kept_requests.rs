//! What clients have ordered under keys of their own, so that the same request is not carried out twice.

use crate::{SqliteStore, TokenHash, error::failed, row::time_text};
use jiff::{SignedDuration, Timestamp};
use ota_engine::ports::StoreError;

/// How long a request is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Names a request and says what it was: 256 bits that do not lead back to it.
pub type Fingerprint = [u8; 32];

/// A request that came before under the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRequest {
    pub fingerprint: Vec<u8>,
    /// Status and body; none where the gateway stopped before it had one.
    pub answer: Option<(u16, Vec<u8>)>,
}

type Row = (Vec<u8>, Option<u16>, Option<Vec<u8>>);

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
            // A clock that was set back makes nothing immortal.
            let (from, to) = (now.saturating_sub(KEPT), now.saturating_add(KEPT));
            sqlx::query("DELETE FROM kept_request WHERE begun_at < ?1 OR begun_at > ?2")
                .bind(time_text(from.unwrap_or(now)))
                .bind(time_text(to.unwrap_or(now)))
                .execute(&mut *transaction)
                .await?;
            let statement =
                "SELECT fingerprint, status, body FROM kept_request WHERE session = ?1 AND key = ?2";
            let row: Option<Row> = sqlx::query_as(statement)
                .bind(session.as_slice())
                .bind(key)
                .fetch_optional(&mut *transaction)
                .await?;
            if row.is_none() {
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
        Ok(row.map(|(fingerprint, status, body)| KeptRequest { fingerprint, answer: status.zip(body) }))
    }

    /// Keeps what the request was answered.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn keep_answer(
        &self,
        session: &TokenHash,
        key: &str,
        (status, body): (u16, &[u8]),
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE kept_request SET status = ?3, body = ?4 WHERE session = ?1 AND key = ?2")
            .bind(session.as_slice())
            .bind(key)
            .bind(status)
            .bind(body)
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
