//! Section 4 and section 2's switch: the update settings, and what the gateway does with them by itself.

use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Settings;

/// Names a state of the settings: equal settings have equal names. It is compared, and never stored. The header `ETag` has it in
/// quotation marks.
#[must_use]
pub fn revision(settings: &Settings) -> String {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(settings).unwrap_or_default().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// `POST settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingsSaved {
    pub updated: bool,
    /// The start of the next maintenance window, UTC; null where there are none.
    pub next_maintenance_window: Option<String>,
    /// Addition: the same with the offset of the window's time zone.
    pub next_maintenance_window_local: Option<String>,
    /// Addition: IANA name of that zone.
    pub timezone: String,
    /// Addition: when the repository is asked next, UTC; null where nobody asks by a timer.
    pub next_check: Option<String>,
    /// Addition: names this state of the settings, as the header `ETag` does.
    pub revision: String,
}

/// `POST auto-update`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AutoUpdateRequest {
    pub enabled: bool,
}

/// The answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AutoUpdateSwitched {
    pub auto_update: bool,
    /// A check interval is set.
    pub auto_check_enabled: bool,
}

/// Addition to `GET monitor`: what the gateway is going to do by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Automation {
    pub auto_check_enabled: bool,
    /// IANA name of the zone of the maintenance windows.
    pub timezone: String,
    /// When the next window begins, UTC; null where there are none.
    pub next_maintenance_window: Option<String>,
    pub next_maintenance_window_local: Option<String>,
    /// The first window that is not used yet; it may be open.
    pub window: Option<PlannedWindow>,
    /// The restart into an installed update that waits, and what it waits for.
    pub restart: Option<Eligible>,
    /// What was done by itself last.
    pub last_run: Option<LastRun>,
}

/// A window and what it is for, if the machine stands still then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlannedWindow {
    /// UTC.
    pub opens_at: String,
    pub closes_at: String,
    /// `Tue 02:00–04:00`, as the clocks of the zone show it.
    pub local: String,
    /// Zero while it is open.
    pub opens_in_seconds: u64,
    pub plan: Plan,
}

/// What would be begun.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    pub action: PlannedAction,
    /// The version that is installed or started.
    pub version: Option<String>,
    /// Why nothing would be begun.
    pub reasons: Vec<HeldBack>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    #[default]
    Nothing,
    /// The restart is left to a person.
    Install,
    InstallAndRestart,
    /// Into what is installed already.
    Restart,
}

/// Whether the gateway does something by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Eligible {
    /// It would begin now.
    pub eligible: bool,
    /// All that stands against it.
    pub reasons: Vec<HeldBack>,
    /// The first moment at which it may begin, UTC; null where somebody has to change something first.
    pub next_attempt_at: Option<String>,
}

/// One reason why something is not done by itself. A person may do it all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeldBack {
    /// `window`, `wave`, `soak`, `gate`, `version_floor`, `compatible`, `space`, `policy` or `failed_before`.
    pub code: String,
    /// A sentence.
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastRun {
    /// UTC.
    pub began_at: String,
    /// `install` or `restart`.
    pub action: String,
    /// The id of the release or of the job.
    pub subject: String,
    /// `running`, `succeeded` or `failed`.
    pub outcome: String,
    /// Why it failed.
    pub reason: Option<String>,
}
