//! What the scheduler does when clocks are set, files are read again, and nothing fits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod support;

use jiff::{SignedDuration, Timestamp, ToSpan};
use ota_core::{
    Decision, Outcome, Reason, Schedule, ScheduleState, Settings, UpdateKind, WaitingRestart, decide,
    next_check,
};
use proptest::prelude::*;
use std::{collections::HashSet, time::Duration};
use support::{HOUR, MINUTE, at, automatic, calendar, facts, job, old};

/// A state whose last check was at `now` and succeeded.
fn checked(now: Timestamp) -> ScheduleState {
    let mut state = ScheduleState::default();
    state.begin_check(now);
    state.check_succeeded();
    state
}

/// What is decided at `now` right after a check, with one release on offer.
fn with_one(settings: &Settings, kind: UpdateKind, now: &str) -> Decision {
    let windows = calendar(settings, "UTC");
    let releases = [old("v5.0.1", kind)];
    decide(at(now), &checked(at(now)), &facts(settings, windows.as_ref(), &releases))
}

const OPEN: &str = "2025-03-16T02:10:00Z";
const CLOSED: &str = "2025-03-16T12:00:00Z";

#[test]
fn the_settings_say_what_is_done_by_itself() {
    use UpdateKind::{Feature, Security};
    type Change = fn(&mut Settings);
    // In the window, and outside of it.
    let table: &[(Change, UpdateKind, &str, &str)] = &[
        (|_| {}, Feature, "install, restart", "download"),
        (|s| s.auto_update.auto_reboot = false, Feature, "install", "download"),
        (|s| s.auto_update.auto_download = false, Feature, "install, restart", "wait"),
        (|s| s.auto_update.enabled = false, Feature, "download", "download"),
        (|s| s.auto_update.auto_security = true, Feature, "wait", "wait"),
        (|s| s.auto_update.auto_security = true, Security, "install, restart", "download"),
        (|s| s.maintenance_window.enabled = false, Security, "download", "download"),
        (
            |s| s.auto_update.security_may_ignore_window = Some(true),
            Security,
            "install, restart",
            "install, restart",
        ),
        (|s| s.auto_update.security_may_ignore_window = Some(true), Feature, "install, restart", "download"),
        (|s| *s = Settings::default(), Security, "wait", "wait"),
    ];
    for (change, kind, in_window, outside) in table {
        let mut settings = automatic();
        change(&mut settings);
        for (now, expected) in [(OPEN, in_window), (CLOSED, outside)] {
            let found = match with_one(&settings, *kind, now) {
                Decision::Install { reboot_after: true, .. } => "install, restart",
                Decision::Install { .. } => "install",
                Decision::Download { .. } => "download",
                Decision::Wait { .. } => "wait",
                other => panic!("{other:?}"),
            };
            assert_eq!(found, *expected, "{settings:?} {kind:?} {now}");
        }
    }
}

#[test]
fn the_newest_that_may_be_installed_is_installed() {
    let settings = automatic();
    let windows = calendar(&settings, "UTC");
    let kind = UpdateKind::Feature;
    let releases = [old("v5.0.9", kind), old("v5.0.10", kind), old("v4.9.0", kind), old("v6.0.0", kind)];
    let mut facts = facts(&settings, windows.as_ref(), &releases);
    facts.offers[3].failed_before = Some("Its trial failed.".to_owned());
    let now = at(OPEN);
    let Decision::Install { release, .. } = decide(now, &checked(now), &facts) else { panic!() };
    assert_eq!(release, "update-v5.0.10");
}

#[test]
fn what_is_installed_is_restarted_into_once_in_a_window() {
    let settings = automatic();
    let windows = calendar(&settings, "UTC");
    let releases = [old("v5.0.1", UpdateKind::Feature)];
    let job = job();
    let mut facts = facts(&settings, windows.as_ref(), &releases);
    facts.offers[0].downloaded = true;
    facts.restart = Some(WaitingRestart { job: &job, kind: Some(UpdateKind::Feature), estimate: 5 * MINUTE });
    let mut state = checked(at("2025-03-16T01:00:00Z"));
    let early = decide(at("2025-03-16T01:59:00Z"), &state, &facts);
    let Decision::Wait { until, reasons } = early else { panic!("{early:?}") };
    assert_eq!(until, Some(at("2025-03-16T02:00:00Z")));
    assert_eq!(reasons.iter().map(Reason::as_str).collect::<Vec<_>>(), ["window"]);
    let decision = decide(at("2025-03-16T02:00:00Z"), &state, &facts);
    assert!(matches!(&decision, Decision::Reboot { window: Some(_), .. }), "{decision:?}");
    state.begin(&decision, at("2025-03-16T02:00:00Z"));
    state.finish(Outcome::Failed("The gateway did not restart.".to_owned()));
    let later = decide(at("2025-03-16T02:05:00Z"), &state, &facts);
    assert!(matches!(later, Decision::Wait { .. }), "{later:?}");
    let next = at("2025-03-17T02:00:00Z");
    state.begin_check(next);
    assert!(matches!(decide(next + 1.second(), &state, &facts), Decision::Reboot { .. }));
}

#[test]
fn a_download_that_fails_is_not_tried_without_a_pause() {
    let settings = automatic();
    let windows = calendar(&settings, "UTC");
    let releases = [old("v5.0.1", UpdateKind::Feature)];
    let facts = facts(&settings, windows.as_ref(), &releases);
    let mut now = at(CLOSED);
    let mut state = checked(now);
    let mut pauses = vec![];
    while pauses.len() < 8 {
        let decision = decide(now, &state, &facts);
        state.begin(&decision, now);
        match decision {
            Decision::Wait { until, .. } => {
                pauses.push(until.unwrap().duration_since(now).as_mins());
                now = until.unwrap();
            }
            Decision::Download { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn checks_come_at_their_interval_and_a_little_more() {
    let settings = Settings::default();
    let last = at("2025-03-16T00:00:00Z");
    let due = |gateway: &'static str, now: Timestamp| {
        let mut facts = facts(&settings, None, &[]);
        facts.gateway = gateway;
        next_check(now, &checked(last), &facts).unwrap()
    };
    for gateway in ["GW-3920A9", "GW-1", "GW-2"] {
        let next = due(gateway, last + 1.hour());
        assert!((8 * 3600..8 * 3600 + 2880).contains(&next.duration_since(last).as_secs()), "{next}");
        assert_eq!(due(gateway, last + 2.hours()), next, "it does not move");
        assert_eq!(due(gateway, next), next);
        assert_eq!(due(gateway, next + 3.hours()), next + 3.hours(), "overdue");
    }
    assert_ne!(due("GW-1", last), due("GW-2", last));
    let mut facts = facts(&settings, None, &[]);
    assert_eq!(next_check(last, &ScheduleState::default(), &facts), Some(last), "never yet");
    facts.site_check_interval = None;
    assert_eq!(next_check(last, &ScheduleState::default(), &facts), None);
    assert_eq!(
        decide(last, &ScheduleState::default(), &facts),
        Decision::Wait { until: None, reasons: vec![] }
    );
}

#[test]
fn failed_checks_are_tried_again_soon_and_then_less_often() {
    let settings = Settings::default();
    let facts = facts(&settings, None, &[]);
    let mut state = ScheduleState::default();
    let mut now = at("2025-03-16T00:00:00Z");
    let mut pauses = vec![];
    for _ in 0..12 {
        state.begin_check(now);
        let next = next_check(now, &state, &facts).unwrap();
        pauses.push(next.duration_since(now).as_mins());
        now = next;
    }
    assert_eq!(pauses[..4], [1, 2, 4, 8]);
    assert_eq!(pauses[10], pauses[11], "no less often than ordinary checks");
    state.begin_check(now);
    state.check_succeeded();
    assert!(next_check(now, &state, &facts).unwrap() >= now + 8.hours());
}

#[test]
fn a_check_that_was_missed_is_due() {
    let settings = Settings::default();
    let facts = facts(&settings, None, &[]);
    let state = checked(at("2025-03-01T00:00:00Z"));
    let now = at("2025-03-16T00:00:00Z");
    assert_eq!(next_check(now, &state, &facts), Some(now));
}

#[test]
fn a_clock_that_is_set_puts_no_check_off_for_long() {
    let settings = Settings::default();
    let facts = facts(&settings, None, &[]);
    let state = checked(at("2040-01-01T00:00:00Z"));
    let now = at("2025-03-16T00:00:00Z");
    assert_eq!(next_check(now, &state, &facts), Some(now), "the last check is said to be still to come");
    let state = checked(now + 1.hour());
    let due = next_check(now, &state, &facts).unwrap();
    assert!(due > now + 9.hours() && due < now + 10.hours(), "{due}");
}

#[test]
fn a_window_that_was_used_too_early_is_used() {
    let settings = automatic();
    let windows = calendar(&settings, "UTC");
    let releases = [old("v5.0.1", UpdateKind::Feature)];
    let mut facts = facts(&settings, windows.as_ref(), &releases);
    facts.offers[0].downloaded = true;
    let (ahead, true_time) = (at("2025-06-01T02:30:00Z"), at("2025-03-16T02:30:00Z"));
    let mut state = checked(ahead);
    let decision = decide(ahead, &state, &facts);
    assert!(matches!(decision, Decision::Install { .. }));
    state.begin(&decision, ahead);
    // The clock is put right: today's window is another one.
    state.begin_check(true_time);
    let decision = decide(true_time + 1.second(), &state, &facts);
    assert!(matches!(decision, Decision::Install { .. }), "{decision:?}");
    state.begin(&decision, true_time);
    // Back by ten minutes within the window.
    let back = true_time - 10.minutes();
    state.begin_check(back);
    assert!(matches!(decide(back, &state, &facts), Decision::Wait { .. }));
    // When the time comes that the clock had shown, the window has had its run.
    state.begin_check(ahead);
    assert!(matches!(decide(ahead, &state, &facts), Decision::Wait { .. }));
}

/// Any life: how far the clock goes, on its own or set; whether the gate is open; how long the installation would take.
fn any_steps() -> impl Strategy<Value = Vec<(i64, bool, u64)>> {
    let minute = prop_oneof![
        6 => 1..180_i64,
        2 => -180..0_i64,
        1 => -60 * 24 * 90..60 * 24 * 90_i64,
        // On the same moment again.
        1 => Just(0),
    ];
    prop::collection::vec((minute, any::<bool>(), 1..240_u64), 1..600)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn no_clock_runs_a_window_twice_or_begins_what_does_not_end_in_it(
        steps in any_steps(),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"]),
        schedule in prop::sample::select(vec![Schedule::Daily, Schedule::Weekly, Schedule::Monthly]),
        minutes in 30..=1440_u32,
        restarts in any::<bool>(),
    ) {
        let mut settings = automatic();
        settings.auto_update.auto_download = false;
        settings.maintenance_window.schedule = schedule;
        settings.maintenance_window.duration_minutes = Some(minutes);
        let windows = calendar(&settings, zone).unwrap();
        let releases = [old("v5.0.1", UpdateKind::Feature)];
        let job = job();
        let mut facts = facts(&settings, Some(&windows), &releases);
        let mut state = ScheduleState::default();
        let mut used = HashSet::new();
        let mut now = at("2025-03-16T00:00:00Z");
        for (forward, open, estimate) in steps {
            now += SignedDuration::from_mins(forward);
            let estimate = Duration::from_secs(60 * estimate);
            facts.offers[0].estimate = estimate;
            facts.restart = restarts.then_some(WaitingRestart { job: &job, kind: None, estimate });
            let closed = if open { vec![] } else { vec!["The crane is moving.".to_owned()] };
            facts.gates.install.clone_from(&closed);
            facts.gates.reboot = closed;
            let mut decision = decide(now, &state, &facts);
            if decision == Decision::Check {
                state.begin(&decision, now);
                state.check_succeeded();
                decision = decide(now, &state, &facts);
            }
            match &decision {
                Decision::Install { window, .. } | Decision::Reboot { window, .. } => {
                    let window = window.unwrap();
                    prop_assert!(open && window.contains(now) && now + estimate <= window.end);
                    prop_assert!(used.insert(window.start), "{} is used twice", window.start);
                }
                Decision::Wait { until, .. } => {
                    prop_assert!(until.unwrap() > now);
                    let limit = now + 2 * 9 * HOUR;
                    prop_assert!(next_check(now, &state, &facts).unwrap() <= limit);
                }
                other => prop_assert!(false, "{other:?}"),
            }
            state.begin(&decision, now);
            // The service starts again.
            let kept = serde_json::to_string(&state).unwrap();
            state = serde_json::from_str(&kept).unwrap();
        }
    }

    #[test]
    fn nothing_can_be_done_before_the_moment_that_is_waited_for(
        start in 0..60 * 24 * 40_i64,
        part in 0.0..1.0_f64,
        soak in 0..100_u32,
        estimate in 1..150_u64,
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Santiago"]),
    ) {
        let mut settings = automatic();
        settings.auto_update.soak_hours = Some(soak);
        let windows = calendar(&settings, zone).unwrap();
        let releases = [support::release("v5.0.1", UpdateKind::Feature, "2025-03-20", vec![])];
        let mut facts = facts(&settings, Some(&windows), &releases);
        facts.offers[0].downloaded = true;
        facts.offers[0].estimate = Duration::from_secs(60 * estimate);
        let now = at("2025-03-01T00:00:00Z") + SignedDuration::from_mins(start);
        let state = checked(now);
        if let Decision::Wait { until, .. } = decide(now, &state, &facts) {
            let until = until.unwrap();
            let between = now + until.duration_since(now).mul_f64(part);
            let asleep = matches!(decide(between, &state, &facts), Decision::Wait { .. });
            prop_assert!(asleep || between >= until, "at {between}, before {until}");
        }
    }
}

#[test]
fn what_is_remembered_has_an_end_and_forgets_no_window() {
    let settings = automatic();
    let windows = calendar(&settings, "UTC").unwrap();
    let mut state = ScheduleState::default();
    let used: Vec<_> = windows.from(at("2025-01-01T12:00:00Z")).take(200).collect();
    for window in &used {
        let release = "update-1".to_owned();
        let decision = Decision::Install { release, reboot_after: true, window: Some(*window) };
        state.begin(&decision, window.start);
        state.begin(&Decision::Reboot { job: job(), window: None }, window.start);
    }
    assert!(used.iter().all(|window| state.is_used(window.start)));
    assert!(!state.is_used(used.last().unwrap().end + 22.hours()));
    assert!(serde_json::to_string(&state).unwrap().len() < 20_000);
    assert_eq!(serde_json::from_str::<ScheduleState>("{\"later\":1}").unwrap(), ScheduleState::default());
}
