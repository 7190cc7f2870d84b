//! What a job is there for.

use super::FailureCode;
use crate::Release;
use serde::{Deserialize, Serialize};

/// What a job is there for, with what only that kind of job needs to know. In the saved form the variant is a member of the
/// job: an update has its `release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A release of the repository goes into the other slot.
    Release(Release),
    /// An image that a person brought goes into the other slot.
    Upload(UploadedImage),
    /// A version that was here before goes into the other slot.
    Restore(RestoredVersion),
    /// The other slot, as it is, becomes next.
    Rollback(FormerSystem),
    /// A slot is kept as it is.
    Snapshot(SnapshotOrder),
    /// The gateway goes back to the state in which it left the factory.
    Reset(FactoryReset),
}

/// An uploaded image that was verified when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedImage {
    /// The name that the uploader gave. A label: no path is made of it.
    pub name: String,
    /// The version that the uploader gave, where one was given. A label as well.
    pub label: Option<String>,
    /// The signed version.
    pub version: String,
    /// Bytes.
    pub length: u64,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
}

/// A version that is brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredVersion {
    pub version: String,
    pub from: RestoreSource,
    /// Bytes that are verified before the slot is touched.
    pub length: u64,
}

/// Where the bytes of a version come from that is brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreSource {
    Snapshot {
        id: String,
    },
    /// A bundle that was kept when it had been installed, by the SHA-256 of its file.
    Bundle {
        sha256: String,
    },
}

/// The system in the other slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerSystem {
    pub version: String,
    pub kernel: String,
}

/// What a snapshot is to be called, and how much it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotOrder {
    pub name: String,
    pub description: String,
    /// The version in the slot.
    pub version: String,
    /// Bytes of the slot that are kept.
    pub length: u64,
}

/// How far a gateway goes back, and what runs afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactoryReset {
    /// Everything goes: jobs, logs, snapshots, bundles and uploads too. Otherwise settings, users, sessions and PINs.
    pub wipe_data: bool,
    /// As the person who ordered it gave it.
    pub reason: String,
    /// The version that runs afterwards.
    pub version: String,
    /// What is installed; none: the running system stays.
    pub image: Option<RecoveryImage>,
    /// The data are reset. What is left is the new system.
    #[serde(default)]
    pub carried_out: bool,
    /// Why somebody cancelled it. Durable before the order is taken back: whatever comes in between, it ends as cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
}

/// A recovery image that was verified when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryImage {
    /// Bytes.
    pub length: u64,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
}

/// The kinds of jobs, each with ids of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    Update,
    Deploy,
    Restore,
    Rollback,
    Snapshot,
    Reset,
}

impl JobKind {
    pub const ALL: [Self; 6] =
        [Self::Update, Self::Deploy, Self::Restore, Self::Rollback, Self::Snapshot, Self::Reset];

    /// The word of the interface.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Deploy => "deploy",
            Self::Restore => "restore",
            Self::Rollback => "rollback",
            Self::Snapshot => "snapshot",
            Self::Reset => "factory_reset",
        }
    }
}

impl Work {
    #[must_use]
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::Release(_) => JobKind::Update,
            Self::Upload(_) => JobKind::Deploy,
            Self::Restore(_) => JobKind::Restore,
            Self::Rollback(_) => JobKind::Rollback,
            Self::Snapshot(_) => JobKind::Snapshot,
            Self::Reset(_) => JobKind::Reset,
        }
    }

    /// The version that the job is about.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Release(release) => &release.version,
            Self::Upload(image) => &image.version,
            Self::Restore(restored) => &restored.version,
            Self::Rollback(former) => &former.version,
            Self::Snapshot(order) => &order.version,
            Self::Reset(reset) => &reset.version,
        }
    }

    /// The id under which the repository lists it; empty for what does not come from there.
    #[must_use]
    pub fn release_id(&self) -> &str {
        match self {
            Self::Release(release) => &release.id,
            _ => "",
        }
    }

    /// Bytes of what is fetched or verified first.
    #[must_use]
    pub const fn length(&self) -> u64 {
        match self {
            Self::Release(release) => release.target.length,
            Self::Upload(image) => image.length,
            Self::Restore(restored) => restored.length,
            Self::Rollback(_) => 0,
            Self::Snapshot(order) => order.length,
            Self::Reset(reset) => match &reset.image {
                Some(image) => image.length,
                None => 0,
            },
        }
    }

    /// The kernel, where something other than the signed manifest names it.
    #[must_use]
    pub fn kernel(&self) -> Option<&str> {
        match self {
            Self::Release(release) => release.kernel.as_deref(),
            Self::Rollback(former) => Some(&former.kernel),
            _ => None,
        }
    }

    /// The documented code for a step that failed with `code`: a way back has codes of its own for what is not the image's fault.
    #[must_use]
    pub const fn failure_code(&self, code: FailureCode) -> FailureCode {
        match (self, code) {
            (Self::Rollback(_), _) => FailureCode::RollbackFailed,
            (Self::Restore(_) | Self::Snapshot(_) | Self::Reset(_), FailureCode::InstallFailed) => {
                FailureCode::RecoveryFailed
            }
            // Its snapshot failed, and with it the installation.
            (Self::Release(_) | Self::Upload(_), FailureCode::RecoveryFailed) => FailureCode::InstallFailed,
            _ => code,
        }
    }

    /// Whether only data change: no slot is written, and none is armed.
    #[must_use]
    pub const fn resets_only(&self) -> bool {
        matches!(self, Self::Reset(FactoryReset { image: None, .. }))
    }

    /// Whether images are written into the target.
    #[must_use]
    pub const fn writes_slot(&self) -> bool {
        match self {
            Self::Release(_) | Self::Upload(_) | Self::Restore(_) => true,
            Self::Rollback(_) | Self::Snapshot(_) => false,
            Self::Reset(reset) => reset.image.is_some(),
        }
    }
}
