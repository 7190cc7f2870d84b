//! A month of a gateway that acts by itself, in simulated time, against a table of what it does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod support;

use jiff::Timestamp;
use ota_core::{
    Calendar, Decision, Gates, Offer, Outcome, Release, ScheduleState, Settings, UpdateKind, Wave, decide,
    eligibility,
};
use std::{collections::BTreeSet, time::Duration};
use support::{MINUTE, at, automatic, calendar, facts, release};

/// How long an installation takes, and is expected to.
const INSTALLATION: Duration = Duration::from_secs(30 * 60);
const START: &str = "2025-03-01T00:00:00Z";
const END: &str = "2025-04-01T00:00:00Z";

/// What happens around the gateway.
struct World {
    /// When the repository lists a release first.
    published: Vec<(Timestamp, Release)>,
    /// The crane moves.
    moving: Vec<(Timestamp, Timestamp)>,
    /// The gateway has no power.
    dark: Vec<(Timestamp, Timestamp)>,
    /// Versions whose trial fails.
    broken: Vec<&'static str>,
}

fn world() -> World {
    let feature = |version, released, waves| release(version, UpdateKind::Feature, released, waves);
    let wave = |percent, starts_at| Wave { name: None, percent, starts_at: at(starts_at) };
    // The gateway is not among the first hundredth of this release.
    let waves = vec![
        wave(1, "2025-03-10T12:00:00Z"),
        wave(99, "2025-03-13T12:00:00Z"),
        wave(100, "2025-03-20T12:00:00Z"),
    ];
    World {
        published: vec![
            (at("2025-03-03T10:00:00Z"), feature("v5.1.0", "2025-03-03", vec![])),
            (at("2025-03-06T10:00:00Z"), feature("v5.2.0", "2025-03-06", vec![])),
            (at("2025-03-10T10:00:00Z"), feature("v5.2.1", "2025-03-10", waves)),
            (at("2025-03-17T10:00:00Z"), feature("v5.2.2", "2025-03-17", vec![])),
            (at("2025-03-23T10:00:00Z"), feature("v5.3.0", "2025-03-23", vec![])),
            (at("2025-03-28T12:00:00Z"), feature("v5.3.1", "2025-03-28", vec![])),
        ],
        moving: vec![
            (at("2025-03-14T00:30:00Z"), at("2025-03-14T02:15:00Z")),
            (at("2025-03-19T00:30:00Z"), at("2025-03-19T02:40:00Z")),
        ],
        dark: vec![(at("2025-03-22T20:00:00Z"), at("2025-03-25T09:00:00Z"))],
        broken: vec!["v5.2.0"],
    }
}

/// What the gateway does by itself in that month, but for checks. The window is at 02:00 in Berlin: 01:00 UTC, and on the 30th,
/// when clocks go from 02:00 to 03:00, at 01:00 UTC still.
const EXPECTED: [(&str, &str); 12] = [
    // Out for a day, and then at the next window.
    ("2025-03-04", "download v5.1.0"),
    ("2025-03-05T01:00:00Z", "install v5.1.0"),
    // Its trial fails. It is not tried again.
    ("2025-03-07", "download v5.2.0"),
    ("2025-03-08T01:00:00Z", "install v5.2.0"),
    // The second wave, and a crane that comes to rest while the window is still long enough.
    ("2025-03-13T12:00:00Z", "download v5.2.1"),
    ("2025-03-14T02:15:00Z", "install v5.2.1"),
    // A crane that rests too late: the next window.
    ("2025-03-18", "download v5.2.2"),
    ("2025-03-20T01:00:00Z", "install v5.2.2"),
    // Three windows were missed without power. None is made up for outside of a window.
    ("2025-03-26", "download v5.3.0"),
    ("2025-03-27T01:00:00Z", "install v5.3.0"),
    ("2025-03-29", "download v5.3.1"),
    ("2025-03-30T01:00:00Z", "install v5.3.1"),
];

struct Gateway {
    settings: Settings,
    calendar: Option<Calendar>,
    world: World,
    state: ScheduleState,
    started_at: Timestamp,
    running: String,
    /// Releases that were seen, and when first.
    known: Vec<(Timestamp, Release)>,
    downloaded: BTreeSet<String>,
    failed: BTreeSet<String>,
    /// The version that is being installed, and until when.
    installing: Option<(Timestamp, String)>,
    done: Vec<(Timestamp, String)>,
}

impl Gateway {
    fn new() -> Self {
        let mut settings = automatic();
        settings.auto_update.soak_hours = Some(24);
        Self {
            calendar: calendar(&settings, "Europe/Berlin"),
            settings,
            world: world(),
            state: ScheduleState::default(),
            started_at: at(START),
            running: "v5.0.0".to_owned(),
            known: vec![],
            downloaded: BTreeSet::new(),
            failed: BTreeSet::new(),
            installing: None,
            done: vec![],
        }
    }

    fn gates(&self, now: Timestamp) -> Gates {
        let moving = self.world.moving.iter().any(|(from, to)| *from <= now && now < *to);
        let busy = self.installing.is_some();
        let crane = moving.then(|| "The crane is moving.".to_owned());
        let job = busy.then(|| "A job is installing.".to_owned());
        let all: Vec<_> = crane.into_iter().chain(job).collect();
        Gates { download: all.clone(), install: all.clone(), reboot: all }
    }

    fn decide(&self, now: Timestamp) -> Decision {
        let mut facts = facts(&self.settings, self.calendar.as_ref(), &[]);
        facts.running = &self.running;
        facts.gates = self.gates(now);
        facts.offers = self
            .known
            .iter()
            .map(|(seen, release)| Offer {
                first_seen: Some(*seen),
                downloaded: self.downloaded.contains(&release.id),
                failed_before: self.failed.get(&release.version).map(|_| "Its trial failed.".to_owned()),
                estimate: INSTALLATION,
                ..support::offer(release)
            })
            .collect();
        let decision = decide(now, &self.state, &facts);
        for offer in &facts.offers {
            let listed = eligibility(now, &self.state, &facts, offer);
            assert_eq!(listed.eligible, listed.reasons.is_empty());
            assert!(listed.next_attempt_at.is_none_or(|next| next >= now));
        }
        decision
    }

    fn settle(&mut self, now: Timestamp) {
        let Some((until, version)) = self.installing.take() else { return };
        if now < until {
            self.installing = Some((until, version));
        } else if self.world.broken.contains(&version.as_str()) {
            self.failed.insert(version);
            self.state.finish(Outcome::Failed("Its trial failed.".to_owned()));
        } else {
            self.running = version;
            self.state.finish(Outcome::Succeeded);
        }
    }

    /// Does everything that is to be done now. Returns when to look again.
    fn live(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.world.dark.iter().any(|(from, to)| *from <= now && now < *to) {
            return None;
        }
        if let Some((_, up)) = self.world.dark.iter().find(|(_, to)| *to <= now && self.started_at < *to) {
            self.started_at = *up;
            // What was kept is what is known.
            let kept = serde_json::to_string(&self.state).unwrap();
            self.state = serde_json::from_str(&kept).unwrap();
        }
        self.settle(now);
        loop {
            let decision = self.decide(now);
            self.state.begin(&decision, now);
            let done = match decision {
                Decision::Check => {
                    let listed = self.world.published.iter().filter(|(from, _)| *from <= now);
                    for (_, release) in listed {
                        if !self.known.iter().any(|(_, known)| known.id == release.id) {
                            self.known.push((now, release.clone()));
                        }
                    }
                    self.state.check_succeeded();
                    "check".to_owned()
                }
                Decision::Download { release } => {
                    let version = release.trim_start_matches("update-").to_owned();
                    self.downloaded.insert(release);
                    format!("download {version}")
                }
                Decision::Install { release, reboot_after, window } => {
                    assert!(reboot_after && self.installing.is_none());
                    let window = window.unwrap();
                    assert!(window.contains(now) && now + INSTALLATION <= window.end);
                    let version = release.trim_start_matches("update-").to_owned();
                    self.installing = Some((now + INSTALLATION, version.clone()));
                    format!("install {version}")
                }
                Decision::Reboot { .. } => "reboot".to_owned(),
                Decision::Wait { until, .. } => {
                    let until = until.unwrap();
                    assert!(until > now);
                    return Some(until);
                }
            };
            self.done.push((now, done));
        }
    }

    /// The next change around the gateway.
    fn change(&self, now: Timestamp) -> Option<Timestamp> {
        let edges = self.world.moving.iter().chain(&self.world.dark).flat_map(|(from, to)| [*from, *to]);
        let job = self.installing.as_ref().map(|(until, _)| *until);
        edges.chain(job).filter(|edge| *edge > now).min()
    }

    fn acts(&self) -> Vec<(Timestamp, String)> {
        self.done.iter().filter(|(_, what)| what != "check").cloned().collect()
    }
}

#[test]
fn a_month_of_waking_only_when_told_to() {
    let mut gateway = Gateway::new();
    let (mut now, mut wakes) = (at(START), 0);
    while now < at(END) {
        let until = gateway.live(now);
        now = until.into_iter().chain(gateway.change(now)).min().unwrap();
        wakes += 1;
    }
    let acts = gateway.acts();
    let shown: Vec<_> = acts.iter().map(|(at, what)| format!("{at} {what}")).collect();
    assert_eq!(acts.len(), EXPECTED.len(), "{shown:#?}");
    for ((at, what), (expected_at, expected)) in acts.iter().zip(EXPECTED) {
        assert!(at.to_string().starts_with(expected_at) && what == expected, "{shown:#?}");
    }
    let checks = gateway.done.len() - acts.len();
    assert!(
        (75..=90).contains(&checks),
        "every eight hours and a little, but for the days without power: {checks}"
    );
    let up = at("2025-03-25T09:00:00Z");
    let caught_up = gateway.done.iter().find(|(at, _)| *at >= up).unwrap();
    assert_eq!(*caught_up, (up, "check".to_owned()));
    assert!(wakes < 400, "{wakes}");
}

#[test]
fn looking_every_minute_finds_nothing_that_was_slept_through() {
    let mut gateway = Gateway::new();
    let mut now = at(START);
    while now < at(END) {
        gateway.live(now);
        now += MINUTE;
    }
    let acts = gateway.acts();
    assert_eq!(acts.len(), EXPECTED.len(), "{acts:#?}");
    for ((at, what), (expected_at, expected)) in acts.iter().zip(EXPECTED) {
        assert!(at.to_string().starts_with(expected_at) && what == expected, "{acts:#?}");
    }
}
