//! What a site has chosen about updates.
//!
//! The saved form is the interface's form. Members that a later release added are left out where nobody has set them, and
//! members that are not known are read past: a gateway that was rolled back opens what the newer release saved.

mod invalid;
mod patch;

pub use invalid::InvalidSettings;
pub use patch::{AutoUpdatePatch, MaintenanceWindowPatch, SettingsPatch};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::{Calendar, Strategy};

/// Minutes that a window lasts unless something else is set.
const WINDOW_MINUTES: u32 = 120;

/// What may happen without a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AutoUpdate {
    /// Updates are installed, and what is installed is restarted into, without a person. Checks and downloads do not ask.
    pub enabled: bool,
    /// Releases that may be installed by themselves are downloaded at any time.
    pub auto_download: bool,
    /// Of all releases only security releases are downloaded and installed by themselves.
    pub auto_security: bool,
    /// The restart into an installed update does not wait for a person.
    pub auto_reboot: bool,
    /// Hours between two checks for updates. None: the site's configuration says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_interval: Option<u32>,
    /// Hours that a release must have been out, and known here, before it is taken by itself. None: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak_hours: Option<u32>,
    /// A security release does not wait for the maintenance window. None: it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_may_ignore_window: Option<bool>,
}

impl AutoUpdate {
    /// How long a release must have been out.
    #[must_use]
    pub fn soak(&self) -> Duration {
        hours(self.soak_hours.unwrap_or_default())
    }
}

/// How often a maintenance window comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    #[default]
    Daily,
    Weekly,
    Monthly,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// When the gateway may act by itself, in its own time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MaintenanceWindow {
    pub enabled: bool,
    pub schedule: Schedule,
    /// `HH:MM`, 24 hours.
    pub time: String,
    /// IANA name, for example `Europe/Berlin`. None: the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Minutes. None: 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// Of a weekly window. None: Sunday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekday: Option<Weekday>,
    /// Of a monthly window, 1 to 31; a month without that day has its window on the last one. None: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<u32>,
}

impl MaintenanceWindow {
    /// How long a window lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs(u64::from(self.duration_minutes.unwrap_or(WINDOW_MINUTES)).saturating_mul(60))
    }
}

impl Default for MaintenanceWindow {
    fn default() -> Self {
        Self {
            enabled: false,
            schedule: Schedule::Daily,
            time: "02:00".to_owned(),
            timezone: None,
            duration_minutes: None,
            weekday: None,
            day: None,
        }
    }
}

/// The update settings. The default is the careful one: nothing happens by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Settings {
    pub auto_update: AutoUpdate,
    pub maintenance_window: MaintenanceWindow,
    pub update_strategy: Strategy,
}

impl Settings {
    /// Time between two checks for updates, where `site` is what the configuration says. None: nobody checks by a timer.
    #[must_use]
    pub fn check_interval(&self, site: Option<Duration>) -> Option<Duration> {
        self.auto_update.check_interval.map(hours).or(site)
    }

    /// The maintenance windows in the window's own time zone or `site`'s. None where the window is switched off.
    ///
    /// # Errors
    /// [`InvalidSettings`] where something is stored that [`Self::patched`] would not accept.
    pub fn calendar(
        &self,
        site: &TimeZone,
        zones: &TimeZoneDatabase,
    ) -> Result<Option<Calendar>, InvalidSettings> {
        let window = &self.maintenance_window;
        if window.enabled { Calendar::new(window, site, zones).map(Some) } else { Ok(None) }
    }
}

fn hours(count: u32) -> Duration {
    Duration::from_secs(u64::from(count).saturating_mul(3600))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_documented_form_is_all_that_is_stored() {
        let settings = Settings::default();
        let documented = json!({
            "auto_update": {
                "enabled": false, "auto_download": false, "auto_security": false, "auto_reboot": false
            },
            "maintenance_window": { "enabled": false, "schedule": "daily", "time": "02:00" },
            "update_strategy": "seamless"
        });
        assert_eq!(serde_json::to_value(&settings).unwrap(), documented);
        assert_eq!(serde_json::from_value::<Settings>(documented).unwrap(), settings);
    }

    #[test]
    fn what_a_newer_release_saved_is_read() {
        let mut saved = serde_json::to_value(Settings::default()).unwrap();
        saved["auto_update"]["quantum"] = json!({ "on": true });
        saved["maintenance_window"]["day"] = json!(31);
        saved["later"] = json!(1);
        let read: Settings = serde_json::from_value(saved).unwrap();
        assert_eq!(read.maintenance_window.day, Some(31));
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let mut settings = Settings::default();
        assert_eq!(settings.maintenance_window.duration(), Duration::from_secs(7200));
        assert_eq!(settings.auto_update.soak(), Duration::ZERO);
        let site = Some(Duration::from_secs(8 * 3600));
        assert_eq!(settings.check_interval(site), site);
        assert_eq!(settings.check_interval(None), None);
        settings.auto_update.check_interval = Some(24);
        assert_eq!(settings.check_interval(site), Some(Duration::from_secs(86_400)));
    }
}
