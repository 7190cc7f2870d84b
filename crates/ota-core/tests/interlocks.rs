//! Random traces of readings, overrides, restarts and operations. Whatever happens: no arming and no restart is issued while an
//! enabled constraint that nobody has overridden blocked, was unknown or was stale at any moment of the last second.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

use jiff::Timestamp;
use ota_core::{
    Actor, ArmGate, Asker, Booted, Bundle, ConstraintId, ConstraintState, Effect, Enabled, InstallOrder, Job,
    JobEvent, JobId, JobKind, JobState, OverrideDesk, OverridePolicy, OverrideRequest, Phase, Reading,
    RebootGate, Release, SafetyMonitor, Severity, SlotId, TargetFile, UpdateKind, Work, WriteGate,
};
use proptest::prelude::*;
use std::{collections::BTreeSet, time::Duration};

const CALM: Duration = Duration::from_secs(3);
const MAX_AGE: Duration = Duration::from_secs(2);
const LASTS: Duration = Duration::from_secs(20);
const SECOND: Duration = Duration::from_secs(1);

fn release() -> Release {
    Release {
        id: "update-001".into(),
        version: "v5.0.5".into(),
        kind: UpdateKind::Security,
        severity: Severity::Critical,
        released: "2026-01-01".into(),
        description: String::new(),
        changelog: vec![],
        compatible: vec!["Univa-GW-Pro".into()],
        kernel: None,
        waves: vec![],
        target: TargetFile { name: "x.raucb".into(), length: 1, sha256: "00".into() },
    }
}

fn bundle() -> Bundle {
    Bundle {
        version: "v5.0.5".into(),
        compatible: "Univa-GW-Pro".into(),
        kernel: None,
        signer: "CN=test".into(),
        images: vec![],
    }
}

/// What happened, kept apart from the code under test.
#[derive(Default)]
struct History {
    /// Every reading that was delivered.
    readings: Vec<(Duration, ConstraintId, ConstraintState)>,
    /// The override that is in force: constraints, its end, the operation it is bound to.
    force: Option<(BTreeSet<ConstraintId>, Duration, Option<JobId>)>,
}

impl History {
    /// Whether the constraint was anything but surely clear at some moment of the last second.
    fn was_bad_lately(&self, id: ConstraintId, now: Duration) -> bool {
        let from = now.saturating_sub(SECOND);
        let own: Vec<_> = self.readings.iter().filter(|(_, other, _)| *other == id).collect();
        // Each reading holds until the next one, and never longer than its age allows.
        let mut known_until = Duration::ZERO;
        for (n, (at, _, state)) in own.iter().enumerate() {
            let until = own.get(n + 1).map_or(Duration::MAX, |next| next.0);
            if until <= from {
                continue;
            }
            if *at > from && *at > known_until {
                return true;
            }
            if *state != ConstraintState::Clear && *at <= now {
                return true;
            }
            known_until = until.min(*at + MAX_AGE);
            if known_until < until && known_until < now {
                return true;
            }
        }
        own.is_empty() || known_until < now
    }

    fn overrides(&self, id: ConstraintId, job: &Job, now: Duration) -> bool {
        self.force.as_ref().is_some_and(|(constraints, ends, bound)| {
            constraints.contains(&id)
                && now < *ends
                && !job.actor.is_automatic()
                && bound.as_ref() == Some(&job.id)
        })
    }
}

struct World {
    now: Duration,
    enabled: BTreeSet<ConstraintId>,
    never: BTreeSet<ConstraintId>,
    monitor: SafetyMonitor,
    desk: OverrideDesk,
    truth: [ConstraintState; 5],
    silent: [bool; 5],
    history: History,
    jobs: u64,
    job: Option<(Job, Option<Effect>)>,
    armed: u32,
    restarted: u32,
}

impl World {
    fn new(enabled: BTreeSet<ConstraintId>, never: BTreeSet<ConstraintId>) -> Self {
        Self {
            now: Duration::from_secs(100),
            monitor: monitor(&enabled),
            desk: desk(&never),
            enabled,
            never,
            truth: [ConstraintState::Clear; 5],
            silent: [false; 5],
            history: History::default(),
            jobs: 0,
            job: None,
            armed: 0,
            restarted: 0,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        for (n, id) in ConstraintId::ALL.into_iter().enumerate() {
            if !self.silent[n] {
                self.history.readings.push((self.now, id, self.truth[n]));
                self.monitor.observe([reading(id, self.truth[n], self.now)], self.now);
            }
        }
        self.monitor.observe([], self.now);
    }

    /// The service starts again: overrides are forgotten, nothing has been read yet.
    fn restart(&mut self) {
        self.monitor = monitor(&self.enabled);
        self.desk = desk(&self.never);
        self.history.force = None;
        self.history.readings.clear();
        let booted = Booted { slot: Some(SlotId::A), next_boot: Some(SlotId::A), rebooted: false };
        self.tell(JobEvent::Booted(booted));
    }

    fn start(&mut self, automatic: bool) {
        if self.job.is_some() {
            return;
        }
        let actor = if automatic { Actor::schedule() } else { Actor::local("operator") };
        let asker = if automatic { Asker::Automatic } else { Asker::Person(None) };
        let grant = self.desk.serving(asker, self.now);
        if self.monitor.verdict(Phase::Start, grant, self.now).permit().is_err() {
            return;
        }
        self.jobs += 1;
        let id = JobId::numbered(JobKind::Update, self.jobs);
        let mut job = Job::new(id, Work::Release(release()), SlotId::B, "v5.0.4".into(), actor, wall());
        job.order = Some(InstallOrder { reboot_after: true, ..InstallOrder::default() });
        let effect = job.apply(JobEvent::Start, wall()).unwrap();
        if !automatic {
            self.bind(&job.id);
        }
        self.job = Some((job, effect));
    }

    fn bind(&mut self, id: &JobId) {
        self.desk.bind(id, self.now);
        if let Some((_, ends, bound)) = &mut self.history.force
            && self.now < *ends
        {
            bound.get_or_insert_with(|| id.clone());
        }
    }

    fn enable(&mut self, constraints: BTreeSet<ConstraintId>) {
        let reason = "a reason that is long enough".to_owned();
        let request = OverrideRequest { constraints: constraints.clone(), by: "admin".into(), reason };
        let under_way = self.job.as_ref().filter(|(job, _)| !job.actor.is_automatic());
        let under_way = under_way.map(|(job, _)| job.id.clone());
        if let Ok(Enabled::Granted(_)) = self.desk.enable(request, under_way.clone(), self.now) {
            assert!(constraints.is_disjoint(&self.never), "never means never");
            self.history.force = Some((constraints, self.now + LASTS, under_way));
        }
    }

    fn tell(&mut self, event: JobEvent) {
        let Some((job, effect)) = &mut self.job else { return };
        if let Ok(next) = job.apply(event, wall()) {
            *effect = next;
        }
        if job.state.is_ended() {
            self.desk.ended(&job.id);
            if self.history.force.as_ref().is_some_and(|(_, _, bound)| bound.as_ref() == Some(&job.id)) {
                self.history.force = None;
            }
            self.job = None;
        }
    }

    /// Performs the pending effect as the engine does.
    fn step(&mut self) {
        let Some((job, effect)) = &mut self.job else { return };
        let Some(effect) = effect.take() else { return };
        let job = job.clone();
        let asker = if job.actor.is_automatic() { Asker::Automatic } else { Asker::Job(&job.id) };
        let grant = self.desk.serving(asker, self.now);
        let closed = || JobEvent::GateClosed { reasons: vec![] };
        let event = match effect {
            Effect::AwaitClear(phase) => {
                let verdict = match job.state {
                    JobState::Held { .. } => self.monitor.verdict_after_hold(phase, grant, self.now),
                    _ => self.monitor.verdict(phase, grant, self.now),
                };
                if verdict.is_clear() { JobEvent::Cleared } else { closed() }
            }
            Effect::Fetch => JobEvent::Fetched,
            Effect::TakeSnapshot => unreachable!("none was ordered"),
            Effect::Verify => JobEvent::Verified(bundle()),
            Effect::MarkTargetBad => JobEvent::MarkedBad,
            Effect::WriteSlot => match self.monitor.clearance::<WriteGate>(grant, self.now) {
                Ok(_) => JobEvent::Written,
                Err(_) => closed(),
            },
            Effect::ReadBack => JobEvent::ReadBackMatched,
            Effect::Arm => match self.monitor.clearance::<ArmGate>(grant, self.now) {
                Ok(_) => {
                    self.armed += 1;
                    self.check_issued(&job);
                    JobEvent::Armed
                }
                Err(_) => closed(),
            },
            Effect::Reboot => match self.monitor.clearance::<RebootGate>(grant, self.now) {
                Ok(_) => {
                    self.restarted += 1;
                    self.check_issued(&job);
                    JobEvent::Cancel { percentage: 0.0, reason: "the way ends here".into() }
                }
                Err(_) => closed(),
            },
            Effect::Disarm { percentage, reason } => JobEvent::Disarmed { percentage, reason },
            Effect::PlanComponents
            | Effect::WriteComponent
            | Effect::ReadBackComponent
            | Effect::ActivateComponent
            | Effect::CheckComponent
            | Effect::PutBackComponent => unreachable!("nothing is rolling here"),
            Effect::AwaitOrder | Effect::RunHealthChecks | Effect::CommitBoot | Effect::GoBack => return,
        };
        self.tell(event);
    }

    fn check_issued(&self, job: &Job) {
        for id in [ConstraintId::CraneMotion, ConstraintId::AcsCollision, ConstraintId::UpsBattery] {
            let bad = self.enabled.contains(&id) && self.history.was_bad_lately(id, self.now);
            assert!(!bad || self.history.overrides(id, job, self.now), "{id} forbade it at {:?}", self.now);
        }
    }
}

fn monitor(enabled: &BTreeSet<ConstraintId>) -> SafetyMonitor {
    SafetyMonitor::new(ConstraintId::ALL.map(|id| (id, enabled.contains(&id))), CALM)
}

fn desk(never: &BTreeSet<ConstraintId>) -> OverrideDesk {
    OverrideDesk::new(OverridePolicy { lasts: LASTS, second_person: false, never: never.clone() })
}

/// The wall clock says the same at all times, as one that is set back again and again would: nothing may depend on it.
fn wall() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn reading(constraint: ConstraintId, state: ConstraintState, at: Duration) -> Reading {
    Reading {
        constraint,
        state,
        status: "x".into(),
        level: None,
        threshold: None,
        source: "test".into(),
        reason: String::new(),
        at,
        max_age: MAX_AGE,
        clears_in: None,
    }
}

fn set(bits: u8) -> BTreeSet<ConstraintId> {
    ConstraintId::ALL.into_iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, id)| id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_armed_or_restarted_against_an_interlock(
        enabled in prop_oneof![Just(31u8), any::<u8>()],
        never in prop_oneof![Just(0u8), any::<u8>()],
        trace in prop::collection::vec((0u8..100, any::<u8>()), 1..300),
    ) {
        let mut world = World::new(set(enabled), set(never));
        world.pass(Duration::ZERO);
        for (kind, luck) in trace {
            let which = usize::from(luck % 5);
            match kind {
                0..4 => world.truth[which] = ConstraintState::Blocking,
                4..6 => world.truth[which] = ConstraintState::Unknown,
                6..14 => world.truth[which] = ConstraintState::Clear,
                14..16 => world.silent[which] = true,
                16..22 => world.silent[which] = false,
                22..24 => world.enable(set(luck)),
                24 => { world.desk.disable(); world.history.force = None; }
                25 => { world.desk.expire(world.now); }
                26 => world.restart(),
                27..31 => world.start(luck % 3 == 0),
                31 => world.tell(JobEvent::Cancel { percentage: 0.0, reason: "x".into() }),
                32..60 => world.pass(Duration::from_millis(u64::from(luck) * 10)),
                _ => world.step(),
            }
        }
    }
}

#[test]
fn a_calm_machine_is_armed_and_restarted() {
    let mut world = World::new(set(31), set(0));
    for _ in 0..10 {
        world.pass(SECOND);
    }
    world.start(true);
    for _ in 0..12 {
        world.step();
    }
    assert_eq!((world.armed, world.restarted), (1, 1));
}

#[test]
fn an_override_carries_its_operation_through_and_no_schedule() {
    for automatic in [false, true] {
        let mut world = World::new(set(31), set(0));
        for _ in 0..10 {
            world.pass(SECOND);
        }
        world.start(automatic);
        world.truth[0] = ConstraintState::Blocking;
        world.pass(SECOND);
        world.enable([ConstraintId::CraneMotion].into());
        for _ in 0..12 {
            world.step();
        }
        let expected = if automatic { (0, 0) } else { (1, 1) };
        assert_eq!((world.armed, world.restarted), expected, "automatic: {automatic}");
    }
}
