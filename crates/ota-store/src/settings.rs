//! The update settings: one row.

use jiff::Timestamp;
use ota_core::{AuditEntry, Settings};
use ota_engine::ports::StoreError;

use crate::{
    SqliteStore, audit,
    error::failed,
    row::{damaged, is_of_newer_release, to_json},
};

impl SqliteStore {
    pub(crate) async fn read_settings(&self) -> Result<Settings, StoreError> {
        let row: Option<String> = sqlx::query_scalar("SELECT body FROM settings")
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading the settings"))?;
        row.map_or_else(|| Ok(Settings::default()), |body| settings_of(&body))
    }

    /// Settings and record are there together or not at all.
    pub(crate) async fn write_settings(
        &self,
        settings: &Settings,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let body = to_json("settings", settings)?;
        let written = async {
            let mut transaction = self.begin().await?;
            let statement = "INSERT INTO settings (only, body) VALUES (1, ?1)
                             ON CONFLICT (only) DO UPDATE SET body = excluded.body";
            sqlx::query(statement).bind(body).execute(&mut *transaction).await?;
            let records = audit::append(&mut transaction, at, std::slice::from_ref(entry)).await?;
            transaction.commit().await?;
            Ok(records)
        };
        let records = written.await.map_err(failed("saving the settings"))?;
        audit::tell(&records);
        Ok(())
    }
}

/// Settings that a newer release saved and that say what this one does not know are as good as none: nothing happens by itself.
/// They stay until somebody sets others.
fn settings_of(body: &str) -> Result<Settings, StoreError> {
    serde_json::from_str(body).or_else(|error| match is_of_newer_release(&error) {
        true => {
            tracing::warn!(detail = %error, "the settings are of a newer release; the defaults hold");
            Ok(Settings::default())
        }
        false => Err(damaged("settings", error)),
    })
}
