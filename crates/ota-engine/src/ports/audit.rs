use ota_core::{AuditAction, AuditRecord};

/// Which records of the audit log are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    pub limit: u32,
    /// Only records with a smaller number.
    pub before: Option<u64>,
    pub action: Option<AuditAction>,
    /// Exactly this name.
    pub actor: Option<String>,
    /// One of [`ota_core::AuditOutcome::NAMES`].
    pub outcome: Option<String>,
}

/// The newest records that match a query, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    pub records: Vec<AuditRecord>,
    /// Older records match as well.
    pub more: bool,
    /// Records in the whole log.
    pub total: u64,
    /// Bytes of their texts.
    pub size: u64,
}
