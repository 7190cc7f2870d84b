//! PINs and the count of tries.

use crate::{SqliteStore, error::failed};
use async_trait::async_trait;
use ota_core::PinKind;
use ota_engine::ports::{PinStore, StoreError, StoredPin};

/// Tries that were counted against the former PIN go with it.
pub(crate) const PUT_PIN: &str = "INSERT INTO pin (kind, hash) VALUES (?1, ?2)
    ON CONFLICT (kind) DO UPDATE SET hash = excluded.hash, tries = 0";

impl SqliteStore {
    /// Sets or replaces a PIN; tries that were counted against the former one are forgotten with it.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn put_pin(&self, kind: PinKind, hash: &str) -> Result<(), StoreError> {
        let done = sqlx::query(PUT_PIN).bind(kind.as_str()).bind(hash).execute(&self.writer).await;
        done.map(drop).map_err(failed("saving the PIN"))
    }
}

#[async_trait]
impl PinStore for SqliteStore {
    async fn pin(&self, kind: PinKind) -> Result<Option<StoredPin>, StoreError> {
        let row: Option<(String, u32)> = sqlx::query_as("SELECT hash, tries FROM pin WHERE kind = ?1")
            .bind(kind.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading the PIN"))?;
        Ok(row.map(|(hash, tries)| StoredPin { hash, tries }))
    }

    async fn count_pin_try(&self, kind: PinKind) -> Result<u32, StoreError> {
        // The count stays a number that fits, however long somebody tries.
        sqlx::query_scalar(
            "UPDATE pin SET tries = MIN(tries + 1, 1000000000) WHERE kind = ?1 RETURNING tries",
        )
        .bind(kind.as_str())
        .fetch_one(&self.writer)
        .await
        .map_err(failed("counting the PIN's try"))
    }

    async fn forget_pin_tries(&self, kind: PinKind) -> Result<(), StoreError> {
        let done =
            sqlx::query("UPDATE pin SET tries = 0 WHERE kind = ?1").bind(kind.as_str()).execute(&self.writer);
        done.await.map(drop).map_err(failed("forgetting the PIN's tries"))
    }
}
