//! The engine's storage port.

use crate::{
    SqliteStore,
    error::failed,
    job_rows::{JobRow, Saved, read_row},
    row::{damaged, from_json, is_of_newer_release, parse, time_text, to_json},
};
use async_trait::async_trait;
use futures::TryStreamExt;
use jiff::Timestamp;
use ota_core::{
    AuditEntry, AuditHead, AuditRecord, ForeignJob, Job, JobId, JobKind, Release, Running, Settings, SlotId,
    SlotRecord,
};
use ota_engine::ports::{
    AuditPage, AuditQuery, Catalog, Fact, LogEntry, LogLevel, LogPage, LogQuery, Store, StoreError,
};
use serde_json::Value;
use sqlx::{Sqlite, Transaction};

/// The row with what the repository offers, as it is called where it is damaged.
const LIST: &str = "list of updates";
/// Entries that the activity log keeps.
const LOG_CAPACITY: i64 = 10_000;

type LogRow = (i64, String, String, String, String);

impl SqliteStore {
    /// Takes the write lock at once: a transaction that starts to write only later could find it taken.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// The jobs that have not ended, oldest first.
    async fn read_open(&self) -> Result<Vec<Saved>, StoreError> {
        let rows: Vec<JobRow> =
            sqlx::query_as("SELECT id, state, body FROM any_job WHERE ended = 0 ORDER BY ordinal")
                .fetch_all(&self.readers)
                .await
                .map_err(failed("reading the open jobs"))?;
        rows.iter().map(read_row).collect()
    }

    /// Whether the job has ended, also where nothing else of it is understood; `None` where it is not there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_ended(&self, id: &JobId) -> Result<Option<bool>, StoreError> {
        sqlx::query_scalar("SELECT ended FROM any_job WHERE id = ?1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading the job"))
    }

    async fn read_record(&self, slot: &str) -> Result<Option<SlotRecord>, StoreError> {
        let row: Option<String> = sqlx::query_scalar("SELECT body FROM slot_record WHERE slot = ?1")
            .bind(slot)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading the slot record"))?;
        row.map(|body| from_json(format_args!("record of slot {slot}"), &body)).transpose()
    }

    async fn write_record(&self, slot: &str, record: &SlotRecord) -> Result<(), StoreError> {
        let statement = "INSERT INTO slot_record (slot, body) VALUES (?1, ?2)
                         ON CONFLICT (slot) DO UPDATE SET body = excluded.body";
        let body = to_json(format_args!("record of slot {slot}"), record)?;
        let done = sqlx::query(statement).bind(slot).bind(body).execute(&self.writer).await;
        done.map(drop).map_err(failed("saving the slot record"))
    }

    async fn count_up(&self, counter: &str) -> Result<i64, sqlx::Error> {
        let statement = "INSERT INTO counter (name, value) VALUES (?1, 1)
                         ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value";
        let mut transaction = self.begin().await?;
        let number = sqlx::query_scalar(statement).bind(counter).fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(number)
    }

    /// Returns the entry's id.
    async fn write_log(&self, entry: &LogEntry) -> Result<i64, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let inserted =
            sqlx::query("INSERT INTO activity (at, level, source, message) VALUES (?1, ?2, ?3, ?4)")
                .bind(time_text(entry.at))
                .bind(entry.level.as_str())
                .bind(&entry.source)
                .bind(&entry.message)
                .execute(&mut *transaction)
                .await?;
        let id = inserted.last_insert_rowid();
        // Ids have no gaps, so this is one row at the end of the key, found without counting.
        sqlx::query("DELETE FROM activity WHERE id <= ?1")
            .bind(id.saturating_sub(LOG_CAPACITY))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Page and count are of the same moment. One row more than asked for tells that there are more.
    async fn read_logs(&self, query: &LogQuery) -> Result<(i64, Vec<LogRow>), sqlx::Error> {
        let (level, since) = (query.level.map(LogLevel::as_str), query.since.map(time_text));
        // A number that no entry can have is larger than all.
        let before = query.before.map(|id| i64::try_from(id).unwrap_or(i64::MAX));
        let mut moment = self.readers.begin().await?;
        let count =
            "SELECT COUNT(*) FROM activity WHERE (?1 IS NULL OR level = ?1) AND (?2 IS NULL OR at >= ?2)";
        let total = sqlx::query_scalar(count).bind(level).bind(&since).fetch_one(&mut *moment).await?;
        let page = "SELECT id, at, level, source, message FROM activity
                    WHERE (?1 IS NULL OR level = ?1) AND (?2 IS NULL OR at >= ?2) AND (?3 IS NULL OR id < ?3)
                    ORDER BY id DESC LIMIT ?4";
        let rows = sqlx::query_as(page)
            .bind(level)
            .bind(since)
            .bind(before)
            .bind(i64::from(query.limit) + 1)
            .fetch_all(&mut *moment)
            .await?;
        Ok((total, rows))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn next_job_id(&self, kind: JobKind) -> Result<JobId, StoreError> {
        let counter = match kind {
            // The first kind that there was.
            JobKind::Update => "job",
            kind => kind.as_str(),
        };
        let number = self.count_up(counter).await.map_err(failed("counting jobs"))?;
        let number = u64::try_from(number)
            .map_err(|_| StoreError::Failed("the job counter in the database is damaged".to_owned()))?;
        Ok(JobId::numbered(kind, number))
    }

    async fn save_jobs(&self, jobs: &[&Job], at: Timestamp, audit: &[AuditEntry]) -> Result<(), StoreError> {
        if jobs.is_empty() && audit.is_empty() {
            return Ok(());
        }
        self.write_jobs(jobs, at, audit).await
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        let row: Option<JobRow> = sqlx::query_as("SELECT id, state, body FROM any_job WHERE id = ?1")
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading the job"))?;
        Ok(row.map(|row| read_row(&row)).transpose()?.and_then(Saved::known))
    }

    async fn open_jobs(&self) -> Result<Vec<Job>, StoreError> {
        Ok(self.read_open().await?.into_iter().filter_map(Saved::known).collect())
    }

    async fn foreign_jobs(&self) -> Result<Vec<ForeignJob>, StoreError> {
        let foreign = |saved| match saved {
            Saved::Foreign(job) => Some(job),
            Saved::Known(_) => None,
        };
        Ok(self.read_open().await?.into_iter().filter_map(foreign).collect())
    }

    async fn recent_jobs(&self, limit: u32) -> Result<Vec<Job>, StoreError> {
        let mut rows =
            sqlx::query_as("SELECT id, state, body FROM any_job ORDER BY ordinal DESC").fetch(&self.readers);
        let mut recent = Vec::new();
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        // Those that are passed over do not count.
        while recent.len() < wanted {
            let row: Option<JobRow> = rows.try_next().await.map_err(failed("reading the recent jobs"))?;
            let Some(row) = row else { break };
            recent.extend(read_row(&row)?.known());
        }
        Ok(recent)
    }

    async fn slot_record(&self, slot: SlotId) -> Result<Option<SlotRecord>, StoreError> {
        self.read_record(slot.as_str()).await
    }

    async fn put_slot_record(&self, slot: SlotId, record: &SlotRecord) -> Result<(), StoreError> {
        self.write_record(slot.as_str(), record).await
    }

    async fn recovery_record(&self) -> Result<Option<SlotRecord>, StoreError> {
        self.read_record(Running::RECOVERY).await
    }

    async fn put_recovery_record(&self, record: &SlotRecord) -> Result<(), StoreError> {
        self.write_record(Running::RECOVERY, record).await
    }

    async fn catalog(&self) -> Result<Option<Catalog>, StoreError> {
        let row: Option<(String, String)> = sqlx::query_as("SELECT releases, checked_at FROM catalog")
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading the list of updates"))?;
        let Some((releases, checked_at)) = row else { return Ok(None) };
        let releases = known_releases(&releases)?;
        Ok(Some(Catalog { releases, checked_at: parse(LIST, &checked_at)? }))
    }

    async fn put_catalog(&self, catalog: &Catalog) -> Result<(), StoreError> {
        let statement = "INSERT INTO catalog (only, releases, checked_at) VALUES (1, ?1, ?2)
                         ON CONFLICT (only) DO UPDATE SET releases = excluded.releases,
                                                          checked_at = excluded.checked_at";
        let releases = to_json(LIST, &catalog.releases)?;
        let checked_at = time_text(catalog.checked_at);
        let done = sqlx::query(statement).bind(releases).bind(checked_at).execute(&self.writer).await;
        done.map(drop).map_err(failed("saving the list of updates"))
    }

    async fn settings(&self) -> Result<Settings, StoreError> {
        self.read_settings().await
    }

    async fn put_settings(
        &self,
        settings: &Settings,
        at: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        self.write_settings(settings, at, audit).await
    }

    async fn fact(&self, fact: Fact) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT value FROM fact WHERE key = ?1")
            .bind(fact.key())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed("reading a recorded fact"))
    }

    async fn put_fact(&self, fact: Fact, value: &str) -> Result<(), StoreError> {
        let statement = "INSERT INTO fact (key, value) VALUES (?1, ?2)
                         ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        let done = sqlx::query(statement).bind(fact.key()).bind(value).execute(&self.writer).await;
        done.map(drop).map_err(failed("recording a fact"))
    }

    async fn append_log(&self, entry: &LogEntry) -> Result<u64, StoreError> {
        let id = self.write_log(entry).await.map_err(failed("writing the activity log"))?;
        Ok(u64::try_from(id).unwrap_or_default())
    }

    async fn logs(&self, query: &LogQuery) -> Result<LogPage, StoreError> {
        let (total, mut rows) = self.read_logs(query).await.map_err(failed("reading the activity log"))?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let entries = rows.into_iter().map(log_entry).collect::<Result<_, _>>()?;
        Ok(LogPage { entries, more, total: u64::try_from(total).unwrap_or_default() })
    }

    async fn append_audit(&self, at: Timestamp, entry: &AuditEntry) -> Result<AuditRecord, StoreError> {
        let written = self.write_audit(at, entry).await.map_err(failed("writing the audit log"))?;
        written
            .into_iter()
            .next()
            .ok_or_else(|| StoreError::Failed("writing the audit log failed".to_owned()))
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.read_audit(query).await
    }

    async fn audit_after(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        self.read_audit_after(after, limit).await
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        self.read_audit_head().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let statement = "INSERT INTO counter (name, value) VALUES ('ping', 1)
                         ON CONFLICT (name) DO UPDATE SET value = value + 1";
        sqlx::query(statement).execute(&self.writer).await.map_err(failed("writing to the database"))?;
        sqlx::query_scalar::<_, i64>("SELECT value FROM counter WHERE name = 'ping'")
            .fetch_one(&self.readers)
            .await
            .map(drop)
            .map_err(failed("reading from the database"))
    }
}

/// A level that only a newer release has is shown as one that nobody misses.
fn log_entry((id, at, level, source, message): LogRow) -> Result<LogEntry, StoreError> {
    let at = parse(format_args!("entry {id} of the activity log"), &at)?;
    let level = level.parse().unwrap_or(LogLevel::Warning);
    Ok(LogEntry { id: u64::try_from(id).ok(), at, level, source, message })
}

/// The releases of the list, without those that only a newer release of this software understands.
fn known_releases(list: &str) -> Result<Vec<Release>, StoreError> {
    let saved: Vec<Value> = from_json(LIST, list)?;
    let known = saved.into_iter().map(|release| match serde_json::from_value(release) {
        Ok(release) => Ok(Some(release)),
        Err(error) if is_of_newer_release(&error) => {
            tracing::warn!(detail = %error, "a release in the list of updates is passed over");
            Ok(None)
        }
        Err(error) => Err(damaged(LIST, error)),
    });
    known.filter_map(Result::transpose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_log_keeps_its_newest_entries() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path().join("gateway.db")).await.unwrap();
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
                    INSERT INTO activity (at, level, source, message)
                    SELECT '2026-01-01T00:00:00.000000000Z', 'info', 'ota', 'entry ' || i FROM n";
        sqlx::query(fill).execute(&store.writer).await.unwrap();
        for i in 10_001..=10_003 {
            let message = format!("entry {i}");
            let entry = LogEntry {
                id: None,
                at: jiff::Timestamp::UNIX_EPOCH,
                level: LogLevel::Error,
                source: "ota".to_owned(),
                message,
            };
            store.append_log(&entry).await.unwrap();
        }
        let page = store.logs(&LogQuery::newest(20_000)).await.unwrap();
        assert_eq!((page.total, page.entries.len()), (10_000, 10_000));
        assert_eq!(
            page.entries.first().unwrap().message,
            "entry 10003",
            "newest by order, whatever the clock says"
        );
        assert_eq!(page.entries.last().unwrap().message, "entry 4");
        let errors = LogQuery { level: Some(LogLevel::Error), ..LogQuery::newest(2) };
        assert_eq!(store.logs(&errors).await.unwrap().total, 3);
    }

    #[tokio::test]
    async fn open_jobs_and_pruning_use_their_keys() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path().join("gateway.db")).await.unwrap();
        for (statement, key) in [
            ("EXPLAIN QUERY PLAN SELECT id, body FROM any_job WHERE ended = 0 ORDER BY ordinal", "job_open"),
            ("EXPLAIN QUERY PLAN DELETE FROM activity WHERE id <= 7", "PRIMARY KEY"),
        ] {
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(statement).fetch_all(&store.readers).await.unwrap();
            assert!(plan.iter().any(|(.., step)| step.contains(key)), "{plan:?}");
        }
    }
}
