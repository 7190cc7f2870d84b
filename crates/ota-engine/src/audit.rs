//! The audit log as the engine uses it: what cannot be recorded is not done.

use ota_core::{AuditEntry, AuditOutcome, AuditRecord, Repeats};
use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    Ota, OtaError,
    ports::{AuditPage, AuditQuery, StoreError},
};

/// Time between two looks for refusals that are only counted.
const ROUND: Duration = Duration::from_secs(60);

impl Ota {
    /// Records something before it is done.
    ///
    /// # Errors
    /// [`OtaError::AuditUnavailable`], or [`OtaError::NoRoom`] on a full disk: then it must not be done.
    pub async fn audit(&self, entry: &AuditEntry) -> Result<(), OtaError> {
        let appended = self.parts.store.append_audit(self.parts.clock.now(), entry).await;
        appended.map(drop).map_err(|error| match error {
            StoreError::Full(_) => error.into(),
            error => OtaError::AuditUnavailable(error),
        })
    }

    /// Records what came of something. It has happened, so a log that cannot be written changes nothing any more.
    pub async fn audit_result(&self, entry: &AuditEntry) {
        if let Err(error) = self.parts.store.append_audit(self.parts.clock.now(), entry).await {
            tracing::error!(%error, ?entry, "the audit log lacks what came of an operation");
        }
    }

    /// Records that something was refused. Of a flood of equal refusals the first ones have records of their own, and the
    /// others are recorded as a number.
    pub async fn audit_refusal(&self, entry: &AuditEntry) {
        let each = self.repeats().admit(entry, self.parts.clock.boot());
        if each {
            self.audit_result(entry).await;
        }
    }

    /// Records that what `entry` speaks of did not come about.
    pub(crate) async fn audit_error(&self, entry: AuditEntry, error: &OtaError) {
        let code = error.code();
        let entry = entry.saying(error.to_string());
        match error {
            // That it was begun is recorded already.
            OtaError::Step(_) | OtaError::Store(_) | OtaError::Internal(_) => {
                self.audit_result(&entry.with_outcome(AuditOutcome::failed(code))).await;
            }
            OtaError::AuditUnavailable(cause) => tracing::error!(%cause, ?entry, "refused"),
            _ => self.audit_refusal(&entry.with_outcome(AuditOutcome::refused(code))).await,
        }
    }

    /// A page of the audit log.
    ///
    /// # Errors
    /// [`OtaError::Store`].
    pub async fn audit_page(&self, query: &AuditQuery) -> Result<AuditPage, OtaError> {
        Ok(self.parts.store.audit(query).await?)
    }

    /// At most `limit` records of the audit log that follow record `after`, oldest first.
    ///
    /// # Errors
    /// [`OtaError::Store`].
    pub async fn audit_after(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, OtaError> {
        Ok(self.parts.store.audit_after(after, limit).await?)
    }

    /// Records from time to time, and at the end, how many refusals were only counted.
    pub(crate) async fn count_refusals(self: Arc<Self>) {
        while self.stop.run_until_cancelled(tokio::time::sleep(ROUND)).await.is_some() {
            let due = self.repeats().due(self.parts.clock.boot());
            for entry in due {
                self.audit_result(&entry).await;
            }
        }
        let rest = self.repeats().rest();
        for entry in rest {
            self.audit_result(&entry).await;
        }
    }

    fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
