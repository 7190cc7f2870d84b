//! The audit log as the engine uses it: what cannot be recorded is not done.

use ota_core::AuditEntry;

use crate::{
    Ota, OtaError,
    ports::{AuditPage, AuditQuery},
};

impl Ota {
    /// Records something before it is done.
    ///
    /// # Errors
    /// [`OtaError::AuditUnavailable`]: then it must not be done.
    pub async fn audit(&self, entry: &AuditEntry) -> Result<(), OtaError> {
        let appended = self.parts.store.append_audit(self.parts.clock.now(), entry).await;
        appended.map(drop).map_err(OtaError::AuditUnavailable)
    }

    /// Records what came of something. It has happened, so a log that cannot be written changes nothing any more.
    pub async fn audit_result(&self, entry: &AuditEntry) {
        if let Err(error) = self.parts.store.append_audit(self.parts.clock.now(), entry).await {
            tracing::error!(%error, ?entry, "the audit log lacks what came of an operation");
        }
    }

    /// A page of the audit log.
    ///
    /// # Errors
    /// [`OtaError::Store`].
    pub async fn audit_page(&self, query: &AuditQuery) -> Result<AuditPage, OtaError> {
        Ok(self.parts.store.audit(query).await?)
    }
}
