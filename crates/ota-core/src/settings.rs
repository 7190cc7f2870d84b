//! What a site has chosen about updates.

use serde::{Deserialize, Serialize};

use crate::Strategy;

/// What may happen without a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoUpdate {
    pub enabled: bool,
    pub auto_download: bool,
    pub auto_security: bool,
    pub auto_reboot: bool,
}

/// How often a maintenance window comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    #[default]
    Daily,
    Weekly,
    Monthly,
}

/// When the gateway may act by itself, in its own time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    pub enabled: bool,
    pub schedule: Schedule,
    /// `HH:MM`, 24 hours.
    pub time: String,
}

/// The update settings. The default is the careful one: nothing happens by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub auto_update: AutoUpdate,
    pub maintenance_window: MaintenanceWindow,
    pub update_strategy: Strategy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auto_update: AutoUpdate::default(),
            maintenance_window: MaintenanceWindow {
                enabled: false,
                schedule: Schedule::Daily,
                time: "02:00".to_owned(),
            },
            update_strategy: Strategy::Seamless,
        }
    }
}
