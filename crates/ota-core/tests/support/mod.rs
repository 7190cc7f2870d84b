//! A gateway whose settings act, for tests.

#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part, and ends where it cannot go on")]

use jiff::{Timestamp, tz::TimeZoneDatabase};
use ota_core::{
    Calendar, Facts, Gates, JobId, JobKind, MaintenanceWindow, Offer, Release, Settings, Severity,
    TargetFile, UpdateKind, Wave,
};
use std::time::Duration;

pub const HOUR: Duration = Duration::from_secs(3600);
pub const MINUTE: Duration = Duration::from_secs(60);

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn release(version: &str, kind: UpdateKind, released: &str, waves: Vec<Wave>) -> Release {
    Release {
        id: format!("update-{version}"),
        version: version.to_owned(),
        kind,
        severity: Severity::High,
        released: released.to_owned(),
        description: String::new(),
        changelog: vec![],
        compatible: vec!["Univa-GW-Pro".to_owned()],
        kernel: None,
        waves,
        target: TargetFile { name: format!("{version}.raucb"), length: 1, sha256: "00".to_owned() },
    }
}

pub fn old(version: &str, kind: UpdateKind) -> Release {
    release(version, kind, "2025-01-01", vec![])
}

pub fn job() -> JobId {
    JobId::numbered(JobKind::Update, 1)
}

/// Everything is automatic, in a daily window of two hours at 02:00.
pub fn automatic() -> Settings {
    let mut settings = Settings::default();
    settings.auto_update.enabled = true;
    settings.auto_update.auto_download = true;
    settings.auto_update.auto_reboot = true;
    settings.maintenance_window = MaintenanceWindow { enabled: true, ..MaintenanceWindow::default() };
    settings
}

pub fn calendar(settings: &Settings, zone: &str) -> Option<Calendar> {
    let zones = TimeZoneDatabase::bundled();
    settings.calendar(&zones.get(zone).unwrap(), &zones).unwrap()
}

/// A gateway on which nothing is in the way.
pub fn facts<'a>(settings: &'a Settings, calendar: Option<&'a Calendar>, offers: &'a [Release]) -> Facts<'a> {
    Facts {
        gateway: "GW-3920A9",
        model: "Univa-GW-Pro",
        running: "v5.0.0",
        floor: None,
        settings,
        calendar,
        site_check_interval: Some(8 * HOUR),
        gates: Gates::default(),
        offers: offers.iter().map(offer).collect(),
        restart: None,
    }
}

pub fn offer(release: &Release) -> Offer<'_> {
    Offer {
        release,
        first_seen: None,
        downloaded: false,
        shortage: None,
        strategy_refused: None,
        failed_before: None,
        estimate: 30 * MINUTE,
    }
}
