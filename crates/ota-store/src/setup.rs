//! First-run set-up: the first administrator and both PINs, once.

use crate::{SqliteStore, User, audit, error::failed, pins::PUT_PIN, row::time_text};
use jiff::Timestamp;
use ota_core::{AuditEntry, PinKind};
use ota_engine::ports::StoreError;

/// What set-up brings. The hashes have no `Debug`.
pub struct Setup<'a> {
    pub admin: &'a User,
    pub override_pin_hash: &'a str,
    pub factory_pin_hash: &'a str,
}

impl SqliteStore {
    /// Whether nobody has ever been able to log in since the gateway left the factory, or since it was reset.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn setup_is_open(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM setup)")
            .fetch_one(&self.readers)
            .await
            .map_err(failed("reading whether the gateway is set up"))
    }

    /// Adds the administrator, sets both PINs, closes set-up and puts it on record: all of it or nothing.
    ///
    /// # Errors
    /// When it cannot be made durable. `false` and no change when set-up is closed.
    pub async fn set_up(
        &self,
        setup: &Setup<'_>,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        self.write_setup(setup, at, entry).await.map_err(failed("saving the set-up"))
    }

    async fn write_setup(
        &self,
        setup: &Setup<'_>,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let closed = sqlx::query("INSERT INTO setup (only, closed_at) VALUES (1, ?1) ON CONFLICT DO NOTHING")
            .bind(time_text(at))
            .execute(&mut *transaction)
            .await?;
        if closed.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("INSERT INTO account (name, role, password_hash, created_at) VALUES (?1, ?2, ?3, ?4)")
            .bind(&setup.admin.name)
            .bind(setup.admin.role.as_str())
            .bind(&setup.admin.password_hash)
            .bind(time_text(setup.admin.created_at))
            .execute(&mut *transaction)
            .await?;
        let pins = [(PinKind::Override, setup.override_pin_hash), (PinKind::Factory, setup.factory_pin_hash)];
        for (kind, hash) in pins {
            sqlx::query(PUT_PIN).bind(kind.as_str()).bind(hash).execute(&mut *transaction).await?;
        }
        let records = audit::append(&mut transaction, at, std::slice::from_ref(entry)).await?;
        transaction.commit().await?;
        audit::tell(&records);
        Ok(true)
    }
}
