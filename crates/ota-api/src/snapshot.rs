//! Section 1: snapshots.

use ota_core::SlotId;
use serde::{Deserialize, Serialize};

/// `POST snapshot`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SnapshotRequest {
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub name: String,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 500))]
    pub description: String,
    /// Addition: the slot to take it of; the running one where not given.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[AB]$"))]
    pub partition: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SnapshotStarted {
    /// `snap-006`.
    pub snapshot_id: String,
    /// `creating`.
    pub status: String,
    /// `hh:mm:ss`, from how long the last one took for so many bytes.
    pub estimated_duration: String,
    pub progress_url: String,
}

/// A snapshot, and what it would restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    pub id: String,
    pub name: String,
    pub description: String,
    /// UTC.
    pub created_at: String,
    /// The slot that it was taken of.
    pub partition: SlotId,
    pub version: String,
    pub kernel: String,
    /// Bytes that it takes of the disk; what it shares with others counts once, for the oldest.
    pub size: String,
    pub size_bytes: u64,
    /// Bytes that it would write into a slot.
    pub restores: String,
    pub restores_bytes: u64,
    /// Why it cannot be restored; null when nothing is known against it.
    pub damaged: Option<String>,
}

/// `POST snapshot/delete` (an addition).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteSnapshotRequest {
    pub snapshot_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SnapshotDeleted {
    pub snapshot_id: String,
    /// `deleted`.
    pub status: String,
}
