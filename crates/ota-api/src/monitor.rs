//! Section 7: progress, installation, logs, monitor, cancel.

use ota_core::{CheckKind, CheckState, SlotId, Strategy, TurnState};
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, settings::Automation};

/// `GET progress`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// The word of the job's state.
    pub status: String,
    pub job_id: String,
    /// Addition: `update`, `deploy`, `restore`, `rollback`, `snapshot` or `factory_reset`.
    pub kind: String,
    pub progress: ProgressFigures,
    pub update: UpdateName,
    /// `hh:mm:ss`.
    pub elapsed_time: String,
    pub elapsed_seconds: u64,
    pub target_partition: SlotId,
    pub from_version: String,
    /// Addition: the restart follows by itself; null until somebody ordered the installation.
    pub reboot_after: Option<bool>,
    /// Addition: how the images reach the system; null until somebody ordered the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Addition: the new system is next in the boot environment, or written into the running slot in the next start.
    pub armed: bool,
    pub can_cancel: bool,
    /// Why `can_cancel` is false.
    pub cancel_refused: Option<String>,
    /// Constraints that the job waits for.
    pub waiting_for: Vec<String>,
    /// What it waits with: `download`, `write`, `arm`, `reboot` or `go_back`; of a component `write_component`, `activate_component` or
    /// `put_back_component`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_before: Option<String>,
    /// The trial's time limit, while it runs.
    pub trial_seconds_left: Option<u64>,
    /// Addition, of a job that was rolled back: the version that runs again; null where the other slot had to take over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<String>,
    /// Addition: the health checks of the trial, as they stand or as they ended.
    #[serde(default)]
    pub checks: Vec<HealthCheck>,
    /// Addition: of a rolling installation, the components in the order of their turns.
    #[serde(default)]
    pub components: Vec<ComponentProgress>,
    /// Addition: the snapshot that was taken before the slot was touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<String>,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
    pub started_at: String,
    pub ended_at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProgressFigures {
    /// Of the operation that the last request started.
    pub percentage: f64,
    /// Addition: of the whole way to the committed boot; never goes backwards.
    pub overall_percentage: f64,
    pub current_operation: String,
    /// `8.2 MB/s`.
    pub speed: String,
    pub speed_bytes_per_second: u64,
    pub downloaded: String,
    pub downloaded_bytes: u64,
    pub total: String,
    pub total_bytes: u64,
    /// `mm:ss`; null when unknown.
    pub eta: Option<String>,
    pub eta_seconds: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateName {
    pub id: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// The documented code of a failure.
    pub code: Option<ErrorCode>,
    pub message: String,
}

/// A component in a rolling installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComponentProgress {
    pub name: String,
    /// What was current before; null where nothing was.
    pub from_version: Option<String>,
    pub state: TurnState,
}

/// One health check of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthCheck {
    pub name: String,
    pub kind: CheckKind,
    /// A required check that fails takes the new system back.
    pub required: bool,
    pub state: CheckState,
    /// What the last attempt complained of.
    pub reason: Option<String>,
    /// How long it may still be asked, while it is waited for.
    pub seconds_left: Option<u64>,
}

/// `POST install`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InstallRequest {
    pub job_id: String,
    /// That of the settings where none is given.
    #[serde(default)]
    pub strategy: Option<Strategy>,
    #[serde(default)]
    pub reboot_after: bool,
    #[serde(default)]
    pub create_snapshot: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstallStarted {
    pub job_id: String,
    /// `installing`.
    pub status: String,
    pub strategy: Strategy,
    pub target_partition: SlotId,
    pub reboot_after: bool,
    /// The slot that a finished installation starts next.
    pub next_boot_partition: SlotId,
}

/// `GET logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Logs {
    pub logs: Vec<LogLine>,
    /// Entries that match, on all pages.
    pub total: u64,
    /// Addition: `before` of the next page; null on the last one.
    #[serde(default)]
    pub next_cursor: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    pub timestamp: String,
    /// `debug`, `info`, `warning` or `error`.
    pub level: String,
    pub source: String,
    pub message: String,
    /// Addition: its number in the log, where it could be written; grows with each entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

/// `GET monitor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Monitor {
    /// `idle`, or the word of the running job's state.
    pub system_status: String,
    pub current_operation: String,
    pub last_update_check: Option<String>,
    pub next_check: Option<String>,
    pub resources: Resources,
    /// Addition: the job that `progress` can be asked about.
    pub job_id: Option<String>,
    /// Addition: what the gateway is going to do by itself.
    pub automation: Automation,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Resources {
    /// Percent.
    pub cpu_usage: f64,
    /// `52.5%`.
    pub memory_usage: String,
}

/// `POST cancel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    pub job_id: String,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 500))]
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cancelled {
    pub job_id: String,
    /// `cancelled`.
    pub status: String,
    pub progress_at_cancel: f64,
}
