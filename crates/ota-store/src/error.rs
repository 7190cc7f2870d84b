//! What a failed statement means to the person who reads about it.

use ota_engine::ports::StoreError;
use sqlx::migrate::MigrateError;

/// SQLite's code for a disk without room.
const FULL: i32 = 13;

/// Turns an error of the database into a sentence; the detail goes to the log.
///
/// `action` completes “… failed”, for example `saving the job`.
pub(crate) fn failed(action: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| {
        tracing::error!(action, detail = %error, "the database refused");
        let text = format!("{action} failed: {}", cause(&error));
        if is_full(&error) { StoreError::Full(text) } else { StoreError::Failed(text) }
    }
}

/// The same for a migration.
pub(crate) fn migration_failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            failed("preparing the database")(error)
        }
        other => {
            tracing::error!(detail = %other, "the migrations do not fit the database");
            StoreError::Failed(
                "preparing the database failed: its tables were not made by this software".to_owned(),
            )
        }
    }
}

fn cause(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            .map_or("the database reports an error", cause_of_code),
        sqlx::Error::Io(_) => "the storage device reports errors",
        sqlx::Error::PoolTimedOut => "the database is too busy",
        sqlx::Error::PoolClosed => "the database has been closed",
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => "the database is damaged",
        _ => "the database reports an error",
    }
}

fn is_full(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == FULL)
}

/// By the primary result code, which is the low byte of an extended one.
fn cause_of_code(code: i32) -> &'static str {
    match code & 0xff {
        5 | 6 => "another program has held the database for too long",
        7 => "the gateway is out of memory",
        8 => "the database is read-only",
        10 => "the storage device reports errors",
        11 | 26 => "the database is damaged",
        FULL => "the storage of the gateway is full",
        14 => "the database file cannot be opened",
        _ => "the database reports an error",
    }
}
