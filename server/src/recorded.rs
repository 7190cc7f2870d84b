//! What is done without the service is in the audit log, too.

use ota_core::{AuditEntry, AuditOutcome};
use ota_engine::ports::{Store, StoreError};
use ota_store::SqliteStore;
use std::fmt::Display;

/// Records the attempt, makes it, and records what came of it.
///
/// # Errors
/// Those of the work; and where the attempt cannot be recorded, nothing is done.
pub(crate) async fn recorded<T, E: Display + From<StoreError>>(
    store: &SqliteStore,
    attempt: AuditEntry,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    if let Err(error) = store.append_audit(jiff::Timestamp::now(), &attempt).await {
        return Err(StoreError::Failed(format!("nothing was done: {error}")).into());
    }
    let done = work.await;
    let result = match &done {
        Ok(_) => attempt.with_outcome(AuditOutcome::Succeeded),
        Err(error) => attempt.with_outcome(AuditOutcome::failed("not_done")).saying(error.to_string()),
    };
    if let Err(error) = store.append_audit(jiff::Timestamp::now(), &result).await {
        tracing::error!(%error, "the audit log lacks what came of this");
    }
    done
}
