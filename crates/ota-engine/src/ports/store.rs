use async_trait::async_trait;
use jiff::Timestamp;
use ota_core::{
    AuditEntry, AuditHead, AuditRecord, ForeignJob, Job, JobId, JobKind, Release, Settings, SlotId,
    SlotRecord,
};
use std::{fmt, str::FromStr};

use super::{AuditPage, AuditQuery};

/// The durable state cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk has no room for it. Nothing was changed.
    #[error("{0}")]
    Full(String),
    #[error("{0}")]
    Failed(String),
}

/// What the repository offered at the last successful check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    pub releases: Vec<Release>,
    pub checked_at: Timestamp,
}

/// Single values that outlive a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Boot id that the service saw when it last started.
    BootId,
    /// When an update was last committed, RFC 3339.
    LastOta,
    /// Who overrides safety constraints; empty when nobody does.
    Override,
    /// How fast the steps of an installation were, JSON.
    Pace,
    /// What the scheduler has done, JSON.
    Schedule,
    /// When each release that is offered was first seen, JSON.
    FirstSeen,
}

impl Fact {
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::BootId => "boot_id",
            Self::LastOta => "last_ota",
            Self::Override => "override",
            Self::Pace => "pace",
            Self::Schedule => "schedule",
            Self::FirstSeen => "first_seen",
        }
    }
}

/// Severity of an entry of the activity log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Debug,
    Info,
    Warning,
    Error,
}

impl LogLevel {
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warning, Self::Error];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A level that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no log level “{0}”: levels are debug, info, warning and error")]
pub struct UnknownLevel(pub String);

impl FromStr for LogLevel {
    type Err = UnknownLevel;
    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == name)
            .ok_or_else(|| UnknownLevel(name.to_owned()))
    }
}

/// One line of the activity log that technicians read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number in the log; none before it is written, or where it cannot be. It grows with each entry.
    pub id: Option<u64>,
    pub at: Timestamp,
    pub level: LogLevel,
    /// Part of the gateway: `ota`, `safety`, `repository`, `boot`, `auth`.
    pub source: String,
    pub message: String,
}

/// Which entries of the activity log are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQuery {
    pub limit: u32,
    /// Only entries of exactly this level.
    pub level: Option<LogLevel>,
    /// Only entries of this moment and later.
    pub since: Option<Timestamp>,
    /// Only entries with a smaller number.
    pub before: Option<u64>,
}

impl LogQuery {
    /// The newest of all.
    #[must_use]
    pub const fn newest(limit: u32) -> Self {
        Self { limit, level: None, since: None, before: None }
    }
}

/// The newest entries that match a query, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPage {
    pub entries: Vec<LogEntry>,
    /// Older entries match as well.
    pub more: bool,
    /// How many match, whatever `before` is.
    pub total: u64,
}

/// The durable state of the engine. Every write is on the disk when it returns.
#[async_trait]
pub trait Store: Send + Sync {
    /// An id that no job of this gateway has had.
    async fn next_job_id(&self, kind: JobKind) -> Result<JobId, StoreError>;

    /// Inserts or replaces jobs and appends to the audit log what that means, all in one transaction.
    async fn save_jobs(&self, jobs: &[&Job], at: Timestamp, audit: &[AuditEntry]) -> Result<(), StoreError>;

    /// `None` also for a job of a newer release that this one does not understand.
    async fn job(&self, id: &JobId) -> Result<Option<Job>, StoreError>;

    /// Jobs that have not ended, oldest first, without those that [`foreign_jobs`](Self::foreign_jobs) has.
    async fn open_jobs(&self) -> Result<Vec<Job>, StoreError>;

    /// Jobs of a newer release that have not ended and that this one does not understand, oldest first.
    async fn foreign_jobs(&self) -> Result<Vec<ForeignJob>, StoreError>;

    /// The newest jobs, newest first, of those that are understood.
    async fn recent_jobs(&self, limit: u32) -> Result<Vec<Job>, StoreError>;

    async fn slot_record(&self, slot: SlotId) -> Result<Option<SlotRecord>, StoreError>;

    async fn put_slot_record(&self, slot: SlotId, record: &SlotRecord) -> Result<(), StoreError>;

    /// What was last written into the recovery slot.
    async fn recovery_record(&self) -> Result<Option<SlotRecord>, StoreError>;

    async fn put_recovery_record(&self, record: &SlotRecord) -> Result<(), StoreError>;

    async fn catalog(&self) -> Result<Option<Catalog>, StoreError>;

    async fn put_catalog(&self, catalog: &Catalog) -> Result<(), StoreError>;

    /// The default when nothing was ever set.
    async fn settings(&self) -> Result<Settings, StoreError>;

    /// Replaces the settings and appends to the audit log what that means, in one transaction.
    async fn put_settings(
        &self,
        settings: &Settings,
        at: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError>;

    async fn fact(&self, fact: Fact) -> Result<Option<String>, StoreError>;

    async fn put_fact(&self, fact: Fact, value: &str) -> Result<(), StoreError>;

    /// Returns the number that the entry has got.
    async fn append_log(&self, entry: &LogEntry) -> Result<u64, StoreError>;

    async fn logs(&self, query: &LogQuery) -> Result<LogPage, StoreError>;

    /// Seals what happened at `at` into the next record of the audit log. The chain never forks, whoever else appends.
    async fn append_audit(&self, at: Timestamp, entry: &AuditEntry) -> Result<AuditRecord, StoreError>;

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;

    /// At most `limit` records that follow record `after`, oldest first.
    async fn audit_after(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, StoreError>;

    /// Where the audit log ends, from the second place that says so.
    async fn audit_head(&self) -> Result<AuditHead, StoreError>;

    /// Reads and writes once, as a health check.
    async fn ping(&self) -> Result<(), StoreError>;
}
