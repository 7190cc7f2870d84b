//! Section 2: what the repository offers, and starting a download.

use ota_core::{Severity, SlotId, Strategy, UpdateKind};
use serde::{Deserialize, Serialize};

use crate::settings::HeldBack;

/// `GET updates`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Updates {
    pub updates: Vec<Update>,
    pub total_available: usize,
    /// Addition: the repository, and how the last look at it went.
    pub check: CheckSummary,
}

/// How the knowledge about updates came about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckSummary {
    pub server: String,
    pub running: bool,
    /// The last successful check, UTC.
    pub last_check: Option<String>,
    pub next_check: Option<String>,
    /// Why the latest attempt failed; null when it succeeded.
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Update {
    pub id: String,
    pub version: String,
    #[serde(rename = "type")]
    pub kind: UpdateKind,
    pub severity: Severity,
    /// `452 MB`.
    pub size: String,
    pub size_bytes: u64,
    /// `YYYY-MM-DD`.
    pub released: String,
    pub description: String,
    pub changelog: Vec<String>,
    /// `verified`: length and hash come from signed metadata; the bundle's own signature is checked after the download.
    pub signature: String,
    pub compatible: bool,
    /// Addition: why `compatible` is false.
    pub incompatible_reason: Option<String>,
    pub sha256: String,
    pub kernel: Option<String>,
    /// Addition: what happened when this version was last tried here and did not stay.
    pub last_failure: Option<String>,
    /// Addition: the gateway would begin to install it by itself now. A person may at any time.
    pub eligible: bool,
    /// Addition: all that stands against that.
    pub reasons: Vec<HeldBack>,
    /// Addition: the first moment at which it may begin by itself, UTC; null where somebody has to change something first.
    pub next_attempt_at: Option<String>,
}

/// `POST check-updates`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// Ask the repository even if it was asked a moment ago.
    #[serde(default)]
    pub force: bool,
    /// Answer at once; otherwise a repository that cannot be used is reported in the answer.
    #[serde(default)]
    pub background: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckStarted {
    /// `check-20250315-001`.
    pub check_id: String,
    /// `checking`.
    pub status: String,
    pub server: String,
    /// `hh:mm:ss`, from how long the last check took.
    pub estimated_duration: String,
    /// Addition: true when the outcome is in already.
    pub finished: bool,
}

/// `POST download`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DownloadRequest {
    pub update_id: String,
    /// Must be the version of the update where given.
    #[serde(default)]
    pub version: Option<String>,
    /// Must be the inactive slot where given.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[AB]$"))]
    pub target_partition: Option<String>,
    #[serde(default)]
    pub background: bool,
    /// Only true is accepted: what is not signed is not installed.
    #[serde(default = "yes")]
    pub verify_signature: bool,
    /// Addition: go on with the installation when the download is verified.
    #[serde(default)]
    pub install_after: bool,
    /// Addition, with `install_after`: restart into the new system as soon as the machine is still.
    #[serde(default)]
    pub reboot_after: bool,
    /// Addition, with `install_after`: take a snapshot of the running system before the slot is touched.
    #[serde(default)]
    pub create_snapshot: bool,
    /// Addition, with `install_after`: how the images reach the system; that of the settings where none is given.
    #[serde(default)]
    pub strategy: Option<Strategy>,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DownloadStarted {
    pub job_id: String,
    /// `downloading`, or `downloaded` when this very file is verified in staging already.
    pub status: String,
    pub update: DownloadedUpdate,
    pub target_partition: SlotId,
    pub progress_url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DownloadedUpdate {
    pub id: String,
    pub version: String,
    pub size: String,
    pub size_bytes: u64,
}
