//! Changing some settings and leaving the others.

use jiff::tz::TimeZoneDatabase;
use serde::{Deserialize, Deserializer, Serialize};

use super::{AutoUpdate, InvalidSettings, MaintenanceWindow, Schedule, Settings, Weekday};
use crate::{Strategy, calendar};

/// What somebody wants to change. What is not named keeps its value. The members that may be unset are unset by `null`; the
/// others refuse it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SettingsPatch {
    pub auto_update: AutoUpdatePatch,
    pub maintenance_window: MaintenanceWindowPatch,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub update_strategy: Option<Strategy>,
}

/// Changes of [`AutoUpdate`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AutoUpdatePatch {
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub enabled: Option<bool>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub auto_download: Option<bool>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub auto_security: Option<bool>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub auto_reboot: Option<bool>,
    /// Hours, 1 to 744.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, minimum = 1, maximum = 744))]
    pub check_interval: Option<Option<u32>>,
    /// Hours, 0 to 8784.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, minimum = 0, maximum = 8784))]
    pub soak_hours: Option<Option<u32>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>))]
    pub security_may_ignore_window: Option<Option<bool>>,
}

/// Changes of [`MaintenanceWindow`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct MaintenanceWindowPatch {
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub enabled: Option<bool>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub schedule: Option<Schedule>,
    /// `HH:MM`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub time: Option<String>,
    /// IANA name.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub timezone: Option<Option<String>>,
    /// 1 to 1440.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, minimum = 1, maximum = 1440))]
    pub duration_minutes: Option<Option<u32>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Weekday>))]
    pub weekday: Option<Option<Weekday>>,
    /// 1 to 31.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, minimum = 1, maximum = 31))]
    pub day: Option<Option<u32>>,
}

/// A member that is there is a value, `null` included; only one that is missing is none.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(member: D) -> Result<Option<T>, D::Error> {
    T::deserialize(member).map(Some)
}

impl Settings {
    /// These settings with `patch` in them: all of it, or none. `zones` are the time zones that this gateway knows. What the
    /// patch does not name is not asked about, so that automation can be switched off whatever is stored beside it.
    ///
    /// # Errors
    /// [`InvalidSettings`] names the first field that is refused.
    pub fn patched(&self, patch: &SettingsPatch, zones: &TimeZoneDatabase) -> Result<Self, InvalidSettings> {
        Ok(Self {
            auto_update: patch.auto_update.applied_to(self.auto_update)?,
            maintenance_window: patch.maintenance_window.applied_to(&self.maintenance_window, zones)?,
            update_strategy: patch.update_strategy.unwrap_or(self.update_strategy),
        })
    }
}

impl AutoUpdatePatch {
    fn applied_to(&self, old: AutoUpdate) -> Result<AutoUpdate, InvalidSettings> {
        let mut new = old;
        set(&mut new.enabled, self.enabled);
        set(&mut new.auto_download, self.auto_download);
        set(&mut new.auto_security, self.auto_security);
        set(&mut new.auto_reboot, self.auto_reboot);
        if let Some(hours) = self.check_interval {
            new.check_interval = InvalidSettings::within("auto_update.check_interval", hours, 1..=744)?;
        }
        if let Some(hours) = self.soak_hours {
            new.soak_hours = InvalidSettings::within("auto_update.soak_hours", hours, 0..=8784)?;
        }
        set(&mut new.security_may_ignore_window, self.security_may_ignore_window);
        Ok(new)
    }
}

impl MaintenanceWindowPatch {
    fn applied_to(
        &self,
        old: &MaintenanceWindow,
        zones: &TimeZoneDatabase,
    ) -> Result<MaintenanceWindow, InvalidSettings> {
        let mut new = old.clone();
        set(&mut new.enabled, self.enabled);
        set(&mut new.schedule, self.schedule);
        if let Some(time) = &self.time {
            calendar::time_of_day(time)?;
            new.time.clone_from(time);
        }
        if let Some(zone) = &self.timezone {
            zone.as_deref().map(|name| calendar::zone(name, zones)).transpose()?;
            new.timezone.clone_from(zone);
        }
        if let Some(minutes) = self.duration_minutes {
            let field = "maintenance_window.duration_minutes";
            new.duration_minutes = InvalidSettings::within(field, minutes, 1..=1440)?;
        }
        set(&mut new.weekday, self.weekday);
        if let Some(day) = self.day {
            new.day = InvalidSettings::within("maintenance_window.day", day, 1..=31)?;
        }
        Ok(new)
    }
}

fn set<T: Copy>(member: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *member = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn patch(json: Value) -> SettingsPatch {
        serde_json::from_value(json).unwrap()
    }

    fn apply(json: Value) -> Result<Settings, InvalidSettings> {
        Settings::default().patched(&patch(json), &TimeZoneDatabase::bundled())
    }

    #[test]
    fn the_documented_request_keeps_what_it_does_not_name() {
        let mut old = Settings::default();
        old.auto_update.enabled = true;
        old.maintenance_window.day = Some(5);
        let new = patch(json!({
            "auto_update": { "auto_download": true, "auto_security": true, "auto_reboot": false },
            "maintenance_window": { "enabled": true, "schedule": "weekly", "time": "04:30" },
            "update_strategy": "rolling"
        }));
        let new = old.patched(&new, &TimeZoneDatabase::bundled()).unwrap();
        assert!(new.auto_update.enabled && new.auto_update.auto_download && new.auto_update.auto_security);
        assert_eq!(new.maintenance_window.schedule, Schedule::Weekly);
        assert_eq!(new.maintenance_window.time, "04:30");
        assert_eq!(new.maintenance_window.day, Some(5));
        assert_eq!(new.update_strategy, Strategy::Rolling);
        assert_eq!(old.patched(&patch(json!({})), &TimeZoneDatabase::bundled()).unwrap(), old);
    }

    #[test]
    fn null_unsets_what_was_added_and_nothing_else() {
        let zones = TimeZoneDatabase::bundled();
        let set = patch(json!({
            "auto_update": { "check_interval": 4, "soak_hours": 48, "security_may_ignore_window": true },
            "maintenance_window": {
                "timezone": "Asia/Kathmandu", "duration_minutes": 90, "weekday": "friday", "day": 31
            }
        }));
        let set = Settings::default().patched(&set, &zones).unwrap();
        assert_eq!(set.maintenance_window.timezone.as_deref(), Some("Asia/Kathmandu"));
        assert_eq!(set.maintenance_window.weekday, Some(Weekday::Friday));
        let unset = patch(json!({
            "auto_update": {
                "check_interval": null, "soak_hours": null, "security_may_ignore_window": null
            },
            "maintenance_window": {
                "timezone": null, "duration_minutes": null, "weekday": null, "day": null
            }
        }));
        assert_eq!(set.patched(&unset, &zones).unwrap(), Settings::default());
        for json in [
            json!({ "update_strategy": null }),
            json!({ "auto_update": { "enabled": null } }),
            json!({ "auto_update": null }),
            json!({ "maintenance_window": { "time": null } }),
            json!({ "maintenance_window": { "tiem": "02:00" } }),
            json!({ "later": 1 }),
        ] {
            assert!(serde_json::from_value::<SettingsPatch>(json.clone()).is_err(), "{json}");
        }
    }

    #[test]
    fn a_refusal_names_the_field() {
        let window = |name: &str, value: Value| json!({ "maintenance_window": { name: value } });
        let auto = |name: &str, value: Value| json!({ "auto_update": { name: value } });
        for (json, field) in [
            (window("time", json!("24:00")), "maintenance_window.time"),
            (window("time", json!("2:00")), "maintenance_window.time"),
            (window("time", json!("02:60")), "maintenance_window.time"),
            (window("time", json!("02:00:00")), "maintenance_window.time"),
            (window("time", json!("+2:00")), "maintenance_window.time"),
            (window("time", json!("")), "maintenance_window.time"),
            (window("timezone", json!("Mars/Base")), "maintenance_window.timezone"),
            (window("timezone", json!("")), "maintenance_window.timezone"),
            (window("timezone", json!("../../etc/passwd")), "maintenance_window.timezone"),
            (window("duration_minutes", json!(0)), "maintenance_window.duration_minutes"),
            (window("duration_minutes", json!(1441)), "maintenance_window.duration_minutes"),
            (window("day", json!(0)), "maintenance_window.day"),
            (window("day", json!(32)), "maintenance_window.day"),
            (auto("check_interval", json!(0)), "auto_update.check_interval"),
            (auto("check_interval", json!(745)), "auto_update.check_interval"),
            (auto("soak_hours", json!(8785)), "auto_update.soak_hours"),
        ] {
            let refused = apply(json.clone()).unwrap_err();
            assert_eq!(refused.field(), field, "{json}");
            assert!(refused.to_string().starts_with(&format!("{field}: ")), "{refused}");
        }
        for json in [
            window("time", json!("23:59")),
            window("duration_minutes", json!(1440)),
            window("day", json!(31)),
            auto("soak_hours", json!(0)),
            auto("check_interval", json!(744)),
        ] {
            assert!(apply(json.clone()).is_ok(), "{json}");
        }
    }

    #[test]
    fn automation_can_be_switched_off_whatever_is_stored() {
        let mut old = Settings::default();
        old.auto_update.enabled = true;
        old.maintenance_window.timezone = Some("Atlantis/Harbour".to_owned());
        old.maintenance_window.time = "sunset".to_owned();
        let off = patch(json!({ "auto_update": { "enabled": false } }));
        assert!(!old.patched(&off, &TimeZoneDatabase::bundled()).unwrap().auto_update.enabled);
    }

    #[test]
    fn a_patch_says_only_what_it_changes() {
        let json =
            json!({ "auto_update": { "soak_hours": null }, "maintenance_window": { "time": "03:00" } });
        assert_eq!(serde_json::to_value(patch(json.clone())).unwrap(), json);
    }
}
