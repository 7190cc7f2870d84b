//! Every update says whether the gateway takes it by itself, and if not, why and from when.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod support;

use ota_core::{
    Act, Decision, Eligibility, Facts, Reason, Release, ScheduleState, Settings, UpdateKind, WaitingRestart,
    Wave, Window, WindowHold, download_eligibility, eligibility, restart_eligibility,
};
use support::{HOUR, MINUTE, at, automatic, calendar, facts, job, old, release};

const CLOSED: &str = "2025-03-15T12:00:00Z";
const OPEN: &str = "2025-03-16T02:10:00Z";
const NEXT: &str = "2025-03-16T02:00:00Z";
const AFTER_NEXT: &str = "2025-03-17T02:00:00Z";

fn words(eligibility: &Eligibility) -> Vec<&'static str> {
    eligibility.reasons.iter().map(Reason::as_str).collect()
}

/// The answer for one release at `now`.
fn ask(now: &str, release: &Release, change: impl FnOnce(&mut Settings, &mut Facts<'_>)) -> Eligibility {
    let mut chosen = automatic();
    let settings = automatic();
    let windows = calendar(&settings, "UTC");
    let releases = [release.clone()];
    let mut facts = facts(&settings, windows.as_ref(), &releases);
    change(&mut chosen, &mut facts);
    let windows = calendar(&chosen, "UTC");
    facts.settings = &chosen;
    facts.calendar = windows.as_ref();
    eligibility(at(now), &ScheduleState::default(), &facts, &facts.offers[0])
}

#[test]
fn each_reason_has_its_word_and_says_from_when() {
    let feature = old("v5.1.0", UpdateKind::Feature);
    let waves = |percent| vec![Wave { name: None, percent, starts_at: at("2025-03-20T00:00:00Z") }];
    let rollout = release("v5.1.0", UpdateKind::Feature, "2025-01-01", waves(100));
    let elsewhere = release("v5.1.0", UpdateKind::Feature, "2025-01-01", waves(1));
    let fresh = release("v5.1.0", UpdateKind::Feature, "2025-03-15", vec![]);

    let found = ask(OPEN, &feature, |_, _| {});
    assert_eq!((found.eligible, found.next_attempt_at), (true, Some(at(OPEN))));
    assert!(found.reasons.is_empty());

    type Change = fn(&mut Settings, &mut Facts<'_>);
    let nothing: Change = |_, _| {};
    /// When, what, with which change; the words, and the next attempt.
    type Row<'a> = (&'a str, &'a Release, Change, &'a [&'a str], Option<&'a str>);
    let table: &[Row<'_>] = &[
        (CLOSED, &feature, nothing, &["window"], Some(NEXT)),
        (CLOSED, &feature, |s, _| s.maintenance_window.enabled = false, &["window"], None),
        // The window of 16 March ends at 04:00.
        ("2025-03-16T03:31:00Z", &feature, nothing, &["window"], Some(AFTER_NEXT)),
        (OPEN, &feature, |_, f| f.offers[0].estimate = 3 * HOUR, &["window"], None),
        (OPEN, &rollout, nothing, &["wave"], Some("2025-03-20T02:00:00Z")),
        (OPEN, &elsewhere, nothing, &["wave"], None),
        (OPEN, &fresh, |s, _| s.auto_update.soak_hours = Some(72), &["soak"], Some("2025-03-18T02:00:00Z")),
        (
            OPEN,
            &fresh,
            |s, f| {
                s.auto_update.soak_hours = Some(72);
                f.offers[0].first_seen = Some(at("2025-03-15T12:00:00Z"));
            },
            &["soak"],
            Some("2025-03-19T02:00:00Z"),
        ),
        (OPEN, &feature, |_, f| f.gates.install = vec!["The crane is moving.".into()], &["gate"], Some(OPEN)),
        (CLOSED, &feature, |_, f| f.gates.install = vec!["x".into()], &["window", "gate"], Some(NEXT)),
        (OPEN, &feature, |_, f| f.floor = Some("v6.0.0"), &["version_floor"], None),
        (OPEN, &feature, |_, f| f.model = "Univa-GW-Mini", &["compatible"], None),
        (OPEN, &feature, |_, f| f.offers[0].shortage = Some("No room.".into()), &["space"], None),
        (OPEN, &feature, |s, _| s.auto_update.enabled = false, &["policy"], None),
        (OPEN, &feature, |_, f| f.offers[0].strategy_refused = Some("Not so.".into()), &["policy"], None),
        (OPEN, &feature, |s, _| s.auto_update.auto_security = true, &["policy"], None),
        (OPEN, &feature, |_, f| f.running = "v5.1.0", &["policy"], None),
        (
            OPEN,
            &feature,
            |_, f| f.offers[0].failed_before = Some("Its trial failed.".into()),
            &["failed_before"],
            None,
        ),
        (
            CLOSED,
            &rollout,
            |s, f| {
                s.auto_update.auto_security = true;
                s.auto_update.soak_hours = Some(8784);
                f.model = "Univa-GW-Mini";
                f.floor = Some("v6.0.0");
            },
            &["compatible", "policy", "wave", "soak", "window"],
            None,
        ),
    ];
    for (now, release, change, expected, next) in table {
        let found = ask(now, release, change);
        assert_eq!(words(&found), *expected, "{found:?}");
        assert!(!found.eligible);
        assert_eq!(found.next_attempt_at, next.map(at), "{found:?}");
        for reason in &found.reasons {
            let sentence = reason.to_string();
            assert!(sentence.ends_with(['.', 'x']) && !sentence.contains(".."), "{sentence}");
        }
    }
}

#[test]
fn sentences_are_for_people() {
    let feature = old("v5.1.0", UpdateKind::Feature);
    let said = ask(CLOSED, &feature, |_, _| {}).reasons[0].to_string();
    assert_eq!(said, "The maintenance window is closed. The next one opens at 2025-03-16 02:00 UTC.");
    let said = ask(CLOSED, &feature, |_, f| f.floor = Some("v6.0.0")).reasons[0].to_string();
    assert_eq!(said, "Version v5.1.0 is older than v6.0.0, the oldest version that this gateway may run.");
    let said = ask(OPEN, &feature, |s, _| s.auto_update.auto_security = true).reasons[0].to_string();
    assert_eq!(said, "Only security updates are automatic, and this is a feature update.");
    let said = ask(OPEN, &feature, |_, f| f.offers[0].estimate = 7201 * MINUTE / 60).reasons[0].to_string();
    assert_eq!(said, "It takes about 121 min, and no maintenance window is that long.");
}

#[test]
fn a_wrong_clock_neither_shortens_nor_prolongs_the_soak() {
    let fresh = release("v5.1.0", UpdateKind::Feature, "2025-03-15", vec![]);
    for seen in ["1970-01-02T00:00:00Z", "2040-01-01T00:00:00Z"] {
        let found = ask(OPEN, &fresh, |s, f| {
            s.auto_update.soak_hours = Some(48);
            f.offers[0].first_seen = Some(at(seen));
        });
        assert_eq!(found.next_attempt_at, Some(at(AFTER_NEXT)), "{seen}");
        assert_eq!(words(&found), ["soak"]);
    }
}

#[test]
fn a_security_release_may_ignore_the_window_once() {
    let mut settings = automatic();
    settings.auto_update.security_may_ignore_window = Some(true);
    let windows = calendar(&settings, "UTC");
    let releases = [old("v5.0.1", UpdateKind::Security), old("v5.1.0", UpdateKind::Feature)];
    let mut facts = facts(&settings, windows.as_ref(), &releases);
    let mut state = ScheduleState::default();
    let now = at(CLOSED);
    assert!(eligibility(now, &state, &facts, &facts.offers[0]).eligible);
    assert_eq!(words(&eligibility(now, &state, &facts, &facts.offers[1])), ["window"]);
    let decision = Decision::Install { release: releases[0].id.clone(), reboot_after: true, window: None };
    state.begin(&decision, now);
    assert_eq!(state.last_run().unwrap().act, Act::Install { release: releases[0].id.clone() });
    assert_eq!(words(&eligibility(now, &state, &facts, &facts.offers[0])), ["window"], "not again and again");
    // Without any window it is the only thing that happens.
    facts.calendar = None;
    assert!(eligibility(now, &ScheduleState::default(), &facts, &facts.offers[0]).eligible);
}

#[test]
fn downloads_ask_neither_for_the_window_nor_for_the_switch() {
    let mut settings = automatic();
    settings.auto_update.enabled = false;
    settings.auto_update.auto_security = true;
    let windows = calendar(&settings, "UTC");
    let releases = [old("v5.0.1", UpdateKind::Security), old("v5.1.0", UpdateKind::Feature)];
    let facts = facts(&settings, windows.as_ref(), &releases);
    let asked = |index: usize| download_eligibility(at(CLOSED), &facts, &facts.offers[index]);
    assert!(asked(0).eligible);
    assert_eq!(words(&asked(1)), ["policy"], "what is not installed by itself is not fetched by itself");
    let mut by_hand = facts.clone();
    let settings = Settings::default();
    by_hand.settings = &settings;
    assert_eq!(words(&download_eligibility(at(CLOSED), &by_hand, &by_hand.offers[0])), ["policy"]);
}

#[test]
fn a_restart_waits_for_a_window_and_the_gates() {
    let mut settings = automatic();
    let windows = calendar(&settings, "UTC");
    let job = job();
    let restart = WaitingRestart { job: &job, kind: Some(UpdateKind::Feature), estimate: 5 * MINUTE };
    let state = ScheduleState::default();
    let base = settings.clone();
    let mut facts = facts(&base, windows.as_ref(), &[]);
    assert!(restart_eligibility(at(OPEN), &state, &facts, &restart).eligible);
    assert_eq!(words(&restart_eligibility(at(CLOSED), &state, &facts, &restart)), ["window"]);
    facts.gates.reboot = vec!["The crane is moving.".to_owned()];
    assert_eq!(words(&restart_eligibility(at(OPEN), &state, &facts, &restart)), ["gate"]);
    settings.auto_update.auto_reboot = false;
    facts.settings = &settings;
    assert_eq!(words(&restart_eligibility(at(OPEN), &state, &facts, &restart)), ["policy", "gate"]);
}

#[test]
fn a_used_window_says_so() {
    let feature = old("v5.1.0", UpdateKind::Feature);
    let settings = automatic();
    let windows = calendar(&settings, "UTC");
    let releases = [feature];
    let facts = facts(&settings, windows.as_ref(), &releases);
    let window = Window { start: at(NEXT), end: at("2025-03-16T04:00:00Z") };
    let mut state = ScheduleState::default();
    let decision = Decision::Install { release: "other".into(), reboot_after: true, window: Some(window) };
    state.begin(&decision, at(OPEN));
    let found = eligibility(at(OPEN), &state, &facts, &facts.offers[0]);
    let next = Some(at(AFTER_NEXT));
    assert_eq!(found.reasons, [Reason::Window { why: WindowHold::Used, next }]);
    assert_eq!(found.next_attempt_at, next);
    state.withdraw();
    assert!(eligibility(at(OPEN), &state, &facts, &facts.offers[0]).eligible, "nothing was done in it");
}
