//! The audit log: a chain of records that only grows.

use crate::{SqliteStore, error::failed};
use jiff::Timestamp;
use ota_core::{AuditEntry, AuditHead, AuditRecord};
use ota_engine::ports::{AuditPage, AuditQuery, StoreError};
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};

/// A record on its way out of the table.
struct Sealed(AuditRecord);

impl FromRow<'_, SqliteRow> for Sealed {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self(AuditRecord {
            // No record has a number below 1; one that was given it is not the one that follows any other.
            seq: row.try_get::<i64, _>("seq")?.try_into().unwrap_or_default(),
            at: row.try_get("at")?,
            actor: row.try_get("actor")?,
            origin: row.try_get("origin")?,
            address: row.try_get("address")?,
            action: row.try_get("action")?,
            subject: row.try_get("subject")?,
            reason: row.try_get("reason")?,
            outcome: row.try_get("outcome")?,
            code: row.try_get("code")?,
            detail: row.try_get("detail")?,
            previous: row.try_get("previous")?,
            hash: row.try_get("hash")?,
        }))
    }
}

/// Seals `entries` within a transaction that holds the write lock, so no other process can continue the same head.
///
/// The chain goes on from its recorded end and not from the last row: what was cut off before leaves a gap for ever.
pub(crate) async fn append(
    connection: &mut SqliteConnection,
    at: Timestamp,
    entries: &[AuditEntry],
) -> Result<Vec<AuditRecord>, sqlx::Error> {
    let mut sealed = Vec::new();
    for entry in entries {
        let record = AuditRecord::seal(&head(connection).await?, at, entry);
        insert(connection, &record).await?;
        sealed.push(record);
    }
    Ok(sealed)
}

async fn head(connection: &mut SqliteConnection) -> Result<AuditHead, sqlx::Error> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT seq, hash FROM audit_head").fetch_optional(connection).await?;
    Ok(row.map_or_else(AuditHead::genesis, |(seq, hash)| AuditHead {
        seq: seq.try_into().unwrap_or_default(),
        hash,
    }))
}

async fn insert(connection: &mut SqliteConnection, record: &AuditRecord) -> Result<(), sqlx::Error> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let statement =
        "INSERT INTO audit (seq, at, actor, origin, address, action, subject, reason, outcome, code,
                                        detail, previous, hash)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    sqlx::query(statement)
        .bind(number(record.seq))
        .bind(&record.at)
        .bind(&record.actor)
        .bind(&record.origin)
        .bind(&record.address)
        .bind(&record.action)
        .bind(&record.subject)
        .bind(&record.reason)
        .bind(&record.outcome)
        .bind(&record.code)
        .bind(&record.detail)
        .bind(&record.previous)
        .bind(&record.hash)
        .execute(&mut *connection)
        .await?;
    let statement = "INSERT INTO audit_head (only, seq, hash, size) VALUES (1, ?1, ?2, ?3)
                     ON CONFLICT (only) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,
                                                      size = size + excluded.size";
    sqlx::query(statement)
        .bind(number(record.seq))
        .bind(&record.hash)
        .bind(number(record.size()))
        .execute(connection)
        .await?;
    Ok(())
}

/// The journal is one more place that knows the chain.
pub(crate) fn tell(records: &[AuditRecord]) {
    for record in records {
        let AuditRecord { seq, actor, address, action, subject, outcome, code, hash, .. } = record;
        tracing::info!(target: "audit", seq, actor, address, action, subject, outcome, code, hash, "recorded");
    }
}

impl SqliteStore {
    pub(crate) async fn write_audit(
        &self,
        at: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Vec<AuditRecord>, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let records = append(&mut transaction, at, std::slice::from_ref(entry)).await?;
        transaction.commit().await?;
        tell(&records);
        Ok(records)
    }

    /// Page and totals are of the same moment.
    pub(crate) async fn read_audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.page(query).await.map_err(failed("reading the audit log"))
    }

    async fn page(&self, query: &AuditQuery) -> Result<AuditPage, sqlx::Error> {
        let mut moment = self.readers.begin().await?;
        let totals: Option<(i64, i64)> =
            sqlx::query_as("SELECT seq, size FROM audit_head").fetch_optional(&mut *moment).await?;
        let statement = "SELECT * FROM audit
                         WHERE (?1 IS NULL OR seq < ?1) AND (?2 IS NULL OR action = ?2)
                               AND (?3 IS NULL OR actor = ?3) AND (?4 IS NULL OR outcome = ?4)
                         ORDER BY seq DESC LIMIT ?5";
        // One more than wanted tells whether there are more.
        let mut rows: Vec<Sealed> = sqlx::query_as(statement)
            .bind(query.before.map(|before| i64::try_from(before).unwrap_or(i64::MAX)))
            .bind(query.action.map(ota_core::AuditAction::as_str))
            .bind(query.actor.as_deref())
            .bind(query.outcome.as_deref())
            .bind(i64::from(query.limit).saturating_add(1))
            .fetch_all(&mut *moment)
            .await?;
        let wanted = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        let (total, size) = totals.unwrap_or_default();
        Ok(AuditPage {
            records: rows.into_iter().map(|Sealed(record)| record).collect(),
            more,
            total: total.try_into().unwrap_or_default(),
            size: size.try_into().unwrap_or_default(),
        })
    }

    pub(crate) async fn read_audit_after(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let rows: Vec<Sealed> = sqlx::query_as("SELECT * FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2")
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(failed("reading the audit log"))?;
        Ok(rows.into_iter().map(|Sealed(record)| record).collect())
    }

    pub(crate) async fn read_audit_head(&self) -> Result<AuditHead, StoreError> {
        let read = async { head(&mut *self.readers.acquire().await?).await };
        read.await.map_err(failed("reading the audit log"))
    }
}
