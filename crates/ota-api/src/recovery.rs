//! Section 5: every way back.

use ota_core::SlotId;
use serde::{Deserialize, Serialize};
use std::fmt;

use crate::snapshot::Snapshot;

/// `GET recovery` (an addition): what can be gone back to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recovery {
    /// Newest first.
    pub snapshots: Vec<Snapshot>,
    /// Bundles that the gateway has kept, newest first.
    pub bundles: Vec<KeptBundle>,
    /// What a factory reset installs; null where there is none, and the running system stays.
    pub recovery_image: Option<RecoveryImage>,
    /// The slot that starts when neither of the others does; null where the gateway has none.
    pub recovery_slot: Option<RecoverySlot>,
    /// Why a rollback is not possible; null when it is.
    pub rollback_refused: Option<String>,
}

/// A slot of a system that is there for repairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecoverySlot {
    /// It holds a proven system.
    pub ready: bool,
    /// Boots that the boot loader will try.
    pub tries_left: u8,
}

/// The image that a factory reset installs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecoveryImage {
    /// The version in its signed manifest.
    pub version: String,
    pub size: String,
    pub size_bytes: u64,
    /// `sha256:` and 64 lower-case hexadecimal digits.
    pub checksum: String,
    pub uploaded_at: String,
}

/// A bundle that was installed here and can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeptBundle {
    pub version: String,
    pub size: String,
    pub size_bytes: u64,
    /// `sha256:` and 64 lower-case hexadecimal digits.
    pub checksum: String,
    pub kept_since: String,
    /// Bytes that it would write into a slot.
    pub restores: String,
    pub restores_bytes: u64,
}

/// `POST recovery/rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// `rollback_to_a` or `rollback_to_b`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^rollback_to_[ab]$"))]
    pub action: String,
    /// Recorded in the audit log.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollbackStarted {
    pub action: String,
    /// `completed`: the other slot starts next. `checking`: its content is still being compared; see `progress_url`.
    pub status: String,
    /// What runs; `R` where that is the recovery system.
    pub from_partition: String,
    pub to_partition: SlotId,
    pub from_version: String,
    pub to_version: String,
    pub reboot_required: bool,
    /// Addition.
    pub job_id: String,
    /// Addition.
    pub progress_url: String,
}

/// `POST recovery/restore`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// Found among snapshots and kept bundles; the newest snapshot of it wins.
    pub version: String,
    /// Must be the inactive slot where given.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[AB]$"))]
    pub target_partition: Option<String>,
    /// Addition: this snapshot and no other; it must be of `version`.
    #[serde(default)]
    pub snapshot_id: Option<String>,
    /// Addition: restart into it as soon as the machine is still.
    #[serde(default)]
    pub reboot_after: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RestoreStarted {
    /// `RESTORE-001`.
    pub job_id: String,
    /// `restoring`.
    pub status: String,
    pub version: String,
    pub target_partition: SlotId,
    /// Addition: the snapshot, or `bundle`.
    pub source: String,
    /// Addition.
    pub progress_url: String,
}

/// `POST recovery/factory`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FactoryRequest {
    /// The factory-reset PIN.
    pub pin: String,
    /// Must be true.
    pub confirm: bool,
    /// False: settings, users, sessions and PINs. True: all data.
    pub wipe_data: bool,
    /// At least ten characters, recorded in the audit log.
    #[cfg_attr(feature = "openapi", schema(min_length = 10, max_length = 500))]
    pub reason: String,
}

/// The PIN stays out of logs.
impl fmt::Debug for FactoryRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactoryRequest").field("wipe_data", &self.wipe_data).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FactoryStarted {
    /// `started`.
    pub status: String,
    /// `factory_reset`.
    pub operation: String,
    /// `hh:mm:ss`, without the time for which the machine holds it up.
    pub estimated_duration: String,
    /// Addition: `RESET-001`.
    pub job_id: String,
    /// Addition.
    pub progress_url: String,
}

/// `POST recovery/finish` (an addition): keeps an upload of which everything has come. Answers as `recovery/upload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RecoveryFinishRequest {
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{32}$"))]
    pub upload_id: String,
}

/// `POST recovery/upload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecoveryUploaded {
    /// Always true; what is refused is an error.
    pub uploaded: bool,
    /// A label: the name that the uploader gave, made safe to show.
    pub filename: String,
    /// `2.5 GB`.
    pub size: String,
    /// Addition.
    pub size_bytes: u64,
    /// Addition: `sha256:` and 64 lower-case hexadecimal digits.
    pub checksum: String,
    /// Addition: the version in the signed manifest.
    pub version: String,
}
