//! Opening the database: durability, migrations, and who may use it.

use crate::{
    error::{failed, migration_failed},
    lock::{ServiceLock, create_private, schema_lock},
};
use ota_engine::ports::StoreError;
use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::{path::Path, sync::Arc, time::Duration};

/// How long a statement waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a task waits for its turn: many times what a flush of worn flash takes.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
const READERS: u32 = 3;

/// The durable state of the gateway in one SQLite file. Clones share the connections and the lock.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    /// One connection, so that writers queue here and not in SQLite.
    pub(crate) writer: SqlitePool,
    /// Connections that cannot write.
    pub(crate) readers: SqlitePool,
    _service: Option<Arc<ServiceLock>>,
}

impl SqliteStore {
    /// Opens or creates the database at `path`, whether or not the service runs.
    ///
    /// The directory must exist. A newer release may have added to the tables: after a rollback this one still works.
    ///
    /// # Errors
    /// When the file cannot be created or opened, is damaged, or its tables are not the product's.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path.as_ref(), None).await
    }

    /// Opens the database as [`open`](Self::open) does, as the one process that serves from it.
    ///
    /// The right is given back when the last clone is dropped or the process ends.
    ///
    /// # Errors
    /// Also when another process serves from this database.
    pub async fn open_for_service(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let lock = ServiceLock::take(path)?;
        Self::open_with(path, Some(Arc::new(lock))).await
    }

    /// Finishes what is under way and closes all connections. Later calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn open_with(path: &Path, service: Option<Arc<ServiceLock>>) -> Result<Self, StoreError> {
        let lock = {
            let path = path.to_owned();
            tokio::task::spawn_blocking(move || schema_lock(&path)).await.map_err(|error| {
                StoreError::Failed(format!("opening the database was interrupted: {error}"))
            })??
        };
        create_private(path)?;
        let options = durable(path);
        let writer = pool(1).connect_with(options.clone()).await.map_err(failed("opening the database"))?;
        let mut migrator = sqlx::migrate!();
        // A rollback leaves the tables of the newer release; they only ever add to ours.
        migrator.set_ignore_missing(true);
        migrator.run(&writer).await.map_err(migration_failed)?;
        drop(lock);
        let readers = pool(READERS)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(failed("opening the database"))?;
        Ok(Self { writer, readers, _service: service })
    }
}

fn durable(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
}

/// Connections to a local file are kept: there is nothing to gain from opening them again.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                // SQLite ends the transaction that a full disk stops by itself; the connection does not notice, and would never
                // begin another one.
                Ok(!connection.is_in_transaction())
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ota_engine::ports::{Fact, LogEntry, LogLevel, Store};
    use sqlx::Row;

    async fn pragma(pool: &SqlitePool, statement: &'static str) -> String {
        let row = sqlx::query(statement).fetch_one(pool).await.unwrap();
        row.try_get::<String, _>(0).or_else(|_| row.try_get::<i64, _>(0).map(|n| n.to_string())).unwrap()
    }

    async fn fresh() -> (tempfile::TempDir, SqliteStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path().join("gateway.db")).await.unwrap();
        (dir, store)
    }

    #[tokio::test]
    async fn connections_are_durable() {
        let (_dir, store) = fresh().await;
        for pool in [&store.writer, &store.readers] {
            assert_eq!(pragma(pool, "PRAGMA journal_mode").await, "wal");
            assert_eq!(pragma(pool, "PRAGMA synchronous").await, "2", "2 is FULL");
            assert_eq!(pragma(pool, "PRAGMA foreign_keys").await, "1");
            assert_eq!(pragma(pool, "PRAGMA busy_timeout").await, "5000");
        }
        assert_eq!(store.writer.options().get_max_connections(), 1);
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let (_dir, store) = fresh().await;
        let error = sqlx::query("DELETE FROM fact").execute(&store.readers).await.unwrap_err();
        assert_eq!(failed("trying")(error).to_string(), "trying failed: the database is read-only");
    }

    #[tokio::test]
    async fn a_full_storage_is_called_full_and_recovers() {
        let (_dir, store) = fresh().await;
        let pages: i64 = pragma(&store.writer, "PRAGMA page_count").await.parse().unwrap();
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(limit).execute(&store.writer).await.unwrap();
        let error = store.put_fact(Fact::BootId, &"x".repeat(100_000)).await.unwrap_err();
        assert!(matches!(error, StoreError::Full(_)), "{error:?}");
        assert!(error.to_string().ends_with("failed: the storage of the gateway is full"), "{error}");
        assert_eq!(store.fact(Fact::BootId).await, Ok(None));
        sqlx::query("PRAGMA max_page_count = 100000").execute(&store.writer).await.unwrap();
        store.put_fact(Fact::BootId, &"x".repeat(100_000)).await.unwrap();
    }

    #[tokio::test]
    async fn a_transaction_that_finds_no_room_does_not_stop_later_ones() {
        let (_dir, store) = fresh().await;
        let pages: i64 = pragma(&store.writer, "PRAGMA page_count").await.parse().unwrap();
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(limit).execute(&store.writer).await.unwrap();
        let entry = |message: String| LogEntry {
            id: None,
            at: jiff::Timestamp::UNIX_EPOCH,
            level: LogLevel::Info,
            source: "test".to_owned(),
            message,
        };
        let error = store.append_log(&entry("x".repeat(100_000))).await.unwrap_err();
        assert!(matches!(error, StoreError::Full(_)), "{error:?}");
        store.append_log(&entry("short".to_owned())).await.unwrap();
        sqlx::query("PRAGMA max_page_count = 100000").execute(&store.writer).await.unwrap();
        store.append_log(&entry("x".repeat(100_000))).await.unwrap();
    }

    #[tokio::test]
    async fn the_tables_of_a_newer_release_do_not_hinder_an_older_one() {
        let (dir, store) = fresh().await;
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     VALUES (9999, 'newer', TRUE, x'00', 0)";
        sqlx::query(newer).execute(&store.writer).await.unwrap();
        sqlx::query("ALTER TABLE account ADD COLUMN newer TEXT").execute(&store.writer).await.unwrap();
        store.close().await;
        let store = SqliteStore::open(dir.path().join("gateway.db")).await.unwrap();
        store.ping().await.unwrap();
    }
}
