//! The audit log (an addition to the published interface).

use serde::{Deserialize, Serialize};

pub use ota_core::{AuditAction, AuditRecord};

/// `GET audit`: the newest records that match, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    pub records: Vec<AuditRecord>,
    /// For the query's `before`: where older records that match are; null where there are none.
    pub next_before: Option<u64>,
    /// Records in the whole log.
    pub total: u64,
    /// Bytes of the whole log's texts. It only grows.
    pub size_bytes: u64,
}
