//! What a factory reset leaves of the database. Each of the two is one transaction, which says whose reset it was.

use crate::{
    SqliteStore, audit,
    error::failed,
    job_rows::{row_of, write_row},
    row::to_json,
};
use jiff::Timestamp;
use ota_core::{AuditEntry, BySlot, Job, JobId, Running, SlotId, SlotRecord};
use ota_engine::ports::StoreError;
use sqlx::{Sqlite, Transaction};

/// Key of the job whose reset was carried out last.
const CARRIED_OUT: &str = "reset_carried_out";
/// All that belongs to the people who use the gateway.
const PEOPLE: [&str; 6] = [
    "DELETE FROM session",
    "DELETE FROM account",
    "DELETE FROM pin",
    "DELETE FROM settings",
    "DELETE FROM fact WHERE key = 'override'",
    "DELETE FROM setup",
];

impl SqliteStore {
    /// Whether the reset that `job` stands for was carried out on this database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_reset_by(&self, job: &JobId) -> Result<bool, StoreError> {
        let found: Option<String> = sqlx::query_scalar("SELECT value FROM fact WHERE key = ?1")
            .bind(CARRIED_OUT)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading whether the gateway was reset"))?;
        Ok(found.as_deref() == Some(job.as_str()))
    }

    /// Removes users, sessions, PINs and settings; first-run set-up is open again. The job is saved as it is given.
    ///
    /// # Errors
    /// When it cannot be made durable; then nothing has changed.
    pub async fn forget_people(
        &self,
        job: &Job,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let row = row_of(job)?;
        let forgotten = async {
            let mut transaction = self.begin().await?;
            for statement in PEOPLE {
                sqlx::query(statement).execute(&mut *transaction).await?;
            }
            write_row(&mut transaction, &row).await?;
            self.seal(transaction, job, at, entry).await
        };
        forgotten.await.map_err(failed("resetting users and settings"))
    }

    /// Fills a new database with what outlives a complete reset: the job, and what is in the slots and in the recovery slot.
    ///
    /// # Errors
    /// When it cannot be made durable; then nothing has changed.
    pub async fn begin_anew(
        &self,
        job: &Job,
        (slots, recovery): (&BySlot<Option<SlotRecord>>, Option<&SlotRecord>),
        at: Timestamp,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let row = row_of(job)?;
        let two = SlotId::ALL.map(|slot| (slot.as_str(), slots.get(slot).as_ref()));
        let mut records = Vec::new();
        for (slot, record) in two.into_iter().chain([(Running::RECOVERY, recovery)]) {
            if let Some(record) = record {
                records.push((slot, to_json(format_args!("record of slot {slot}"), record)?));
            }
        }
        let begun = async {
            let mut transaction = self.begin().await?;
            write_row(&mut transaction, &row).await?;
            for (slot, body) in records {
                sqlx::query("INSERT INTO slot_record (slot, body) VALUES (?1, ?2)")
                    .bind(slot)
                    .bind(body)
                    .execute(&mut *transaction)
                    .await?;
            }
            // The next reset has a number of its own.
            sqlx::query("INSERT INTO counter (name, value) VALUES (?1, ?2)")
                .bind(job.work.kind().as_str())
                .bind(i64::from(job.id.number().unwrap_or(1)))
                .execute(&mut *transaction)
                .await?;
            self.seal(transaction, job, at, entry).await
        };
        begun.await.map_err(failed("beginning a new database"))
    }

    async fn seal(
        &self,
        mut transaction: Transaction<'static, Sqlite>,
        job: &Job,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> Result<(), sqlx::Error> {
        let statement = "INSERT INTO fact (key, value) VALUES (?1, ?2)
                         ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        sqlx::query(statement).bind(CARRIED_OUT).bind(job.id.as_str()).execute(&mut *transaction).await?;
        let records = audit::append(&mut transaction, at, std::slice::from_ref(entry)).await?;
        transaction.commit().await?;
        audit::tell(&records);
        Ok(())
    }
}
