use jiff::{Timestamp, tz::TimeZone};
use ota_api::{
    Settings,
    settings::{
        AutoUpdateSwitched, Automation, Eligible, HeldBack, LastRun, Plan, PlannedAction, PlannedWindow,
        SettingsSaved, revision,
    },
};
use ota_core::{Act, Decision, Eligibility, Foresight, Outcome, Reason, Run};
use ota_engine::Snapshot;

use super::instant;

/// Whether `if_match`, the header of RFC 9110 §13.1.1, lets a change of these settings through. A request without it does not ask.
#[must_use]
pub fn matches(if_match: Option<&str>, settings: &Settings) -> bool {
    let tag = entity_tag(settings);
    if_match.is_none_or(|list| list.split(',').map(str::trim).any(|given| given == "*" || given == tag))
}

/// The header `ETag` of the settings.
#[must_use]
pub fn entity_tag(settings: &Settings) -> String {
    format!("\"{}\"", revision(settings))
}

/// The answer of `POST settings`.
#[must_use]
pub fn settings_saved(settings: &Settings, snapshot: &Snapshot) -> SettingsSaved {
    let outlook = &snapshot.outlook;
    SettingsSaved {
        updated: true,
        next_maintenance_window: outlook.next.map(|window| instant(window.start)),
        next_maintenance_window_local: outlook.next.map(|window| local(window.start, &outlook.zone)),
        timezone: zone_name(&outlook.zone),
        next_check: snapshot.check.next.map(instant),
        revision: revision(settings),
    }
}

/// The answer of `POST auto-update`.
#[must_use]
pub fn auto_update_switched(settings: &Settings, snapshot: &Snapshot) -> AutoUpdateSwitched {
    AutoUpdateSwitched {
        auto_update: settings.auto_update.enabled,
        auto_check_enabled: settings.check_interval(snapshot.site.check_interval).is_some(),
    }
}

/// What the gateway is going to do by itself, seen at `now`.
#[must_use]
pub fn automation(snapshot: &Snapshot, now: Timestamp) -> Automation {
    let (outlook, settings) = (&snapshot.outlook, &snapshot.settings);
    let next = outlook.next.map(|window| window.start);
    Automation {
        auto_check_enabled: settings.check_interval(snapshot.site.check_interval).is_some(),
        timezone: zone_name(&outlook.zone),
        next_maintenance_window: next.map(instant),
        next_maintenance_window_local: next.map(|at| local(at, &outlook.zone)),
        window: outlook.coming.as_ref().map(|coming| planned(coming, snapshot, now)),
        restart: outlook.restart.as_ref().map(eligible),
        last_run: outlook.last_run.as_ref().map(last_run),
    }
}

/// Whether the gateway takes a release by itself. None before it was thought about.
#[must_use]
pub fn eligible_update(snapshot: &Snapshot, id: &str) -> Eligible {
    snapshot.outlook.updates.get(id).map(eligible).unwrap_or_default()
}

fn eligible(of: &Eligibility) -> Eligible {
    Eligible {
        eligible: of.eligible,
        reasons: held_back(&of.reasons),
        next_attempt_at: of.next_attempt_at.map(instant),
    }
}

fn held_back(reasons: &[Reason]) -> Vec<HeldBack> {
    let one = |reason: &Reason| HeldBack { code: reason.as_str().to_owned(), message: reason.to_string() };
    reasons.iter().map(one).collect()
}

fn planned(coming: &Foresight, snapshot: &Snapshot, now: Timestamp) -> PlannedWindow {
    let (window, zone) = (coming.window, &snapshot.outlook.zone);
    let clock = |at: Timestamp, form: &str| at.to_zoned(zone.clone()).strftime(form).to_string();
    let seconds = window.start.duration_since(now).as_secs();
    PlannedWindow {
        opens_at: instant(window.start),
        closes_at: instant(window.end),
        local: format!("{}–{}", clock(window.start, "%a %H:%M"), clock(window.end, "%H:%M")),
        opens_in_seconds: u64::try_from(seconds).unwrap_or_default(),
        plan: plan(&coming.decision, snapshot),
    }
}

fn plan(decision: &Decision, snapshot: &Snapshot) -> Plan {
    match decision {
        Decision::Install { release, reboot_after, .. } => {
            let releases = snapshot.catalog.iter().flat_map(|catalog| &catalog.releases);
            let version = releases.into_iter().find(|known| known.id == *release);
            let action =
                if *reboot_after { PlannedAction::InstallAndRestart } else { PlannedAction::Install };
            let version = version.map(|release| release.version.clone());
            Plan { action, version, reasons: Vec::new() }
        }
        Decision::Reboot { job, .. } => {
            let waiting = snapshot.job.as_ref().filter(|view| view.job.id == *job);
            let version = waiting.map(|view| view.job.work.version().to_owned());
            Plan { action: PlannedAction::Restart, version, reasons: Vec::new() }
        }
        Decision::Wait { reasons, .. } => Plan { reasons: held_back(reasons), ..Plan::default() },
        // Neither belongs to a window.
        Decision::Check | Decision::Download { .. } => Plan::default(),
    }
}

fn last_run(run: &Run) -> LastRun {
    let (action, subject) = match &run.act {
        Act::Install { release } => ("install", release.clone()),
        Act::Reboot { job } => ("restart", job.to_string()),
    };
    let (outcome, reason) = match &run.outcome {
        None => ("running", None),
        Some(Outcome::Succeeded) => ("succeeded", None),
        Some(Outcome::Failed(reason)) => ("failed", Some(reason.clone())),
    };
    LastRun {
        began_at: instant(run.began_at),
        action: action.to_owned(),
        subject,
        outcome: outcome.to_owned(),
        reason,
    }
}

/// With the offset that the zone has at that moment.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_let_through_by_its_tag_alone() {
        let settings = Settings::default();
        let mut other = settings.clone();
        other.auto_update.enabled = true;
        let tag = entity_tag(&settings);
        assert_ne!(tag, entity_tag(&other));
        for (given, expected) in [
            (None, true),
            (Some("*".to_owned()), true),
            (Some(tag.clone()), true),
            (Some(format!("\"x\", {tag}")), true),
            (Some(format!("W/{tag}")), false),
            (Some(tag.trim_matches('"').to_owned()), false),
            (Some(entity_tag(&other)), false),
            (Some(String::new()), false),
        ] {
            assert_eq!(matches(given.as_deref(), &settings), expected, "{given:?}");
        }
    }
}
