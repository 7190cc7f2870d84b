//! A rolling installation through random lives: failing steps, closing gates, cancels, kills and power cuts between any two steps.
//! Whatever happens, no place that is current is written, nothing is made current that was not read back, at most one component is
//! undecided, and at the end every component is what the job says.

#![cfg(test)]
use jiff::Timestamp;
use ota_core::{
    Actor, Booted, Bundle, ComponentPlace, ComponentTurn, ComponentVersion, Effect, Failure, FailureCode,
    ImageFacts, InstallOrder, Job, JobEvent, JobId, JobKind, JobState, Phase, SlotId, Strategy, TurnState,
    TurnStep, UploadedImage, Work, overall_percentage,
};
use proptest::prelude::*;

const NEW: &str = "v2";
const OLD: &str = "v1";

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn bundle(components: usize, has_root: bool) -> Bundle {
    let mut classes: Vec<_> = (0..components).map(|number| format!("part-{number}")).collect();
    classes.extend(has_root.then(|| "rootfs".to_owned()));
    let image = |class| ImageFacts { class, size: 1, sha256: "00".into() };
    Bundle {
        version: NEW.into(),
        compatible: "x".into(),
        kernel: None,
        signer: "CN=x".into(),
        images: classes.into_iter().map(image).collect(),
    }
}

/// What a component's places hold, and which of them is current.
#[derive(Debug, Clone)]
struct Component {
    a: &'static str,
    b: &'static str,
    current: Option<ComponentPlace>,
    /// The place that was read back since its last write.
    proven: Option<ComponentPlace>,
    /// The command was run since the last switch.
    started: bool,
}

impl Component {
    fn version(&self) -> Option<&'static str> {
        self.current.map(|place| if place == ComponentPlace::A { self.a } else { self.b })
    }
}

#[derive(Debug)]
struct World {
    parts: Vec<Component>,
    job: Job,
    saved: Job,
    pending: Option<Effect>,
    rebooted: bool,
    cleared: Option<Phase>,
    bundle: Bundle,
    seen: f64,
}

impl World {
    fn new(components: usize, first_time: bool, has_root: bool) -> Self {
        let part = Component {
            a: OLD,
            b: "nothing",
            current: (!first_time).then_some(ComponentPlace::A),
            proven: None,
            started: true,
        };
        let image = UploadedImage {
            name: "x".into(),
            label: None,
            version: NEW.into(),
            length: 1,
            sha256: "00".into(),
        };
        let id = JobId::numbered(JobKind::Deploy, 1);
        let mut job = Job::new(id, Work::Upload(image), SlotId::B, OLD.into(), Actor::system(), now());
        job.order =
            Some(InstallOrder { reboot_after: true, create_snapshot: false, strategy: Strategy::Rolling });
        let bundle = bundle(components, has_root);
        let mut world = Self {
            parts: vec![part; components],
            saved: job.clone(),
            job,
            pending: None,
            rebooted: false,
            cleared: None,
            bundle,
            seen: 0.0,
        };
        world.tell(JobEvent::Start);
        world
    }

    fn tell(&mut self, event: JobEvent) {
        if let Ok(effect) = self.job.apply(event, now()) {
            self.saved = self.job.clone();
            self.pending = effect;
        }
    }

    fn turn(&self) -> (usize, ComponentTurn) {
        let (turn, _) = self.job.turn().expect("a turn");
        (turn, self.job.turns.as_ref().expect("turns").get(turn).expect("the turn").clone())
    }

    fn plan(&self) -> Vec<ComponentTurn> {
        let turn = |(number, part): (usize, &Component)| ComponentTurn {
            name: format!("part-{number}"),
            from: part
                .current
                .zip(part.version())
                .map(|(place, version)| ComponentVersion { version: version.into(), place }),
            into: part.current.map_or(ComponentPlace::A, ComponentPlace::other),
            state: if part.version() == Some(NEW) { TurnState::New } else { TurnState::Old },
        };
        self.parts.iter().enumerate().map(turn).collect()
    }

    /// Performs the pending effect; `luck` chooses its outcome. False when the life of the components is over.
    fn step(&mut self, luck: u8) -> bool {
        let Some(effect) = self.pending.take() else { return false };
        let fails = luck < 30;
        let failure = || JobEvent::Failed(Failure { code: FailureCode::InstallFailed, message: "x".into() });
        let closed = || JobEvent::GateClosed { reasons: vec!["x".into()] };
        let cleared = self.cleared.take();
        match effect {
            Effect::Verify => self.tell(JobEvent::Verified(self.bundle.clone())),
            Effect::PlanComponents if fails => self.tell(failure()),
            Effect::PlanComponents => self.tell(JobEvent::Planned(self.plan())),
            Effect::AwaitClear(_) if luck.is_multiple_of(3) => self.tell(closed()),
            Effect::AwaitClear(phase) => {
                if matches!(self.job.state, JobState::Installing { .. }) {
                    return false;
                }
                self.cleared = Some(phase);
                self.tell(JobEvent::Cleared);
            }
            Effect::WriteComponent => {
                assert_eq!(cleared, Some(Phase::Write), "nothing is written without a clear verdict");
                if luck.is_multiple_of(7) {
                    self.tell(closed());
                    return true;
                }
                let (number, turn) = self.turn();
                let part = self.parts.get_mut(number).expect("the part");
                assert_ne!(part.current, Some(turn.into), "what is current is never written");
                let torn = if fails { "torn" } else { NEW };
                if turn.into == ComponentPlace::A {
                    part.a = torn
                } else {
                    part.b = torn
                }
                part.proven = None;
                self.tell(if fails { failure() } else { JobEvent::Written });
            }
            Effect::ReadBackComponent => {
                let (number, turn) = self.turn();
                let part = self.parts.get_mut(number).expect("the part");
                part.proven = (!fails).then_some(turn.into);
                self.tell(if fails { failure() } else { JobEvent::ReadBackMatched });
            }
            Effect::ActivateComponent => self.activate(luck, cleared),
            Effect::CheckComponent => {
                let (number, _) = self.turn();
                assert!(self.parts.get(number).expect("the part").started, "what runs is what is checked");
                let reason = "x".to_owned();
                let checks = Vec::new();
                self.tell(match luck {
                    0..20 => failure(),
                    20..50 => JobEvent::HealthFailed { reason, checks },
                    _ => JobEvent::HealthPassed(checks),
                });
            }
            Effect::PutBackComponent => self.put_back(luck, cleared),
            other => panic!("{other:?} is not of components"),
        }
        true
    }

    fn activate(&mut self, luck: u8, cleared: Option<Phase>) {
        assert_eq!(cleared, Some(Phase::Arm), "nothing is activated without a clear verdict");
        if luck.is_multiple_of(7) {
            return self.tell(JobEvent::GateClosed { reasons: vec!["x".into()] });
        }
        let (number, turn) = self.turn();
        let part = self.parts.get_mut(number).expect("the part");
        assert_eq!(part.proven, Some(turn.into), "nothing is made current before it was read back");
        part.current = Some(turn.into);
        part.started = false;
        // The power may go between the switch and the command, or the process be killed.
        if luck.is_multiple_of(5) {
            return self.restart(luck.is_multiple_of(2));
        }
        let fails = luck < 30;
        part.started = !fails;
        let failure = Failure { code: FailureCode::InstallFailed, message: "x".into() };
        self.tell(if fails { JobEvent::Failed(failure) } else { JobEvent::Activated });
    }

    fn put_back(&mut self, luck: u8, cleared: Option<Phase>) {
        assert_eq!(cleared, Some(Phase::Arm), "nothing is put back while the machine moves");
        if luck.is_multiple_of(7) {
            return self.tell(JobEvent::GateClosed { reasons: vec!["x".into()] });
        }
        if luck < 20 {
            let failure = Failure { code: FailureCode::InstallFailed, message: "x".into() };
            return self.tell(JobEvent::Failed(failure));
        }
        let (number, turn) = self.turn();
        let part = self.parts.get_mut(number).expect("the part");
        part.current = turn.from.as_ref().map(|from| from.place);
        if luck.is_multiple_of(5) {
            return self.restart(luck.is_multiple_of(2));
        }
        part.started = true;
        self.tell(JobEvent::PutBack { complaint: luck.is_multiple_of(2).then(|| "x".into()) });
    }

    /// The process is killed and started again; with `power` the gateway is, and starts whatever is current.
    fn restart(&mut self, power: bool) {
        self.job = self.saved.clone();
        (self.pending, self.cleared) = (None, None);
        self.rebooted = power;
        if power {
            self.parts.iter_mut().for_each(|part| part.started = true);
        }
        if !self.job.state.is_ended() {
            let booted =
                Booted { slot: Some(SlotId::A), next_boot: Some(SlotId::A), rebooted: self.rebooted };
            self.tell(JobEvent::Booted(booted));
        }
    }

    fn check(&mut self) {
        let overall = self.job.reached;
        assert!(overall >= self.seen, "progress went from {} back to {overall}", self.seen);
        assert!(overall_percentage(&self.job, 1.0) <= 100.0);
        self.seen = overall;
        let undecided = self.job.turn().filter(|(_, step)| step.is_switched()).map(|(turn, _)| turn);
        for (number, turn) in self.job.turns.iter().flatten().enumerate() {
            let part = self.parts.get(number).expect("the part");
            if undecided == Some(number) {
                continue;
            }
            let expected = match turn.state {
                TurnState::New => {
                    Some(turn.into).filter(|_| turn.from.as_ref().is_none_or(|from| from.version != NEW))
                }
                TurnState::Old | TurnState::PutBack => turn.from.as_ref().map(|from| from.place),
            };
            if turn.state == TurnState::New {
                assert_eq!(part.version(), Some(NEW), "what passed its checks stays: {:?}", self.job);
            } else {
                assert_eq!(part.current, expected, "what has not had its turn stays: {:?}", self.job);
            }
        }
        if self.job.state.is_ended() {
            assert!(undecided.is_none());
            let new = self.parts.iter().all(|part| part.version() == Some(NEW));
            if self.job.state == JobState::Committed {
                assert!(new, "{:?}", self.job);
            }
        }
    }

    /// Whether the components have had their turns, and the system follows.
    fn is_over(&self) -> bool {
        self.job.state.is_ended() || matches!(self.job.state, JobState::Installing { .. })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn components_are_never_left_half_switched(
        components in 0_usize..4,
        first_time: bool,
        has_root: bool,
        life in proptest::collection::vec((0_u8..100, 0_u8..20), 1..120),
    ) {
        let mut world = World::new(components, first_time, has_root);
        for (luck, event) in life {
            match event {
                0 => world.restart(true),
                1 => world.restart(false),
                2 => {
                    let undecided = world.job.turn().is_some_and(|(_, step)| step.is_switched());
                    let cancel = JobEvent::Cancel { percentage: 1.0, reason: "x".into() };
                    let refused = world.job.clone().apply(cancel.clone(), now()).is_err();
                    prop_assert!(refused || !undecided, "a switched component is decided about first");
                    if !refused {
                        world.tell(cancel);
                    }
                }
                _ => {
                    if !world.step(luck) {
                        break;
                    }
                }
            }
            world.check();
            if world.is_over() {
                break;
            }
        }
    }

    /// Whatever has happened: with all gates open and nothing failing any more, it comes to an end.
    #[test]
    fn it_always_comes_to_an_end(
        components in 0_usize..4,
        has_root: bool,
        life in proptest::collection::vec((0_u8..100, 0_u8..20), 1..60),
    ) {
        let mut world = World::new(components, false, has_root);
        for (luck, event) in life {
            if event < 2 { world.restart(event == 0) } else { world.step(luck); }
            if world.is_over() { break }
        }
        for _ in 0..60 {
            if world.is_over() { break }
            world.step(97);
            world.check();
        }
        prop_assert!(world.is_over(), "{:?}", world.job.state);
    }
}

#[test]
fn a_failed_component_is_put_back_and_the_ones_before_it_stay() {
    let mut world = World::new(3, false, true);
    let mut turn_of_second = false;
    while !world.is_over() {
        let second = world.job.turn().is_some_and(|(turn, step)| turn == 1 && *step == TurnStep::Check);
        turn_of_second |= second;
        world.step(if second { 21 } else { 97 });
        world.check();
    }
    assert!(turn_of_second);
    let versions: Vec<_> = world.parts.iter().map(Component::version).collect();
    assert_eq!(versions, [Some(NEW), Some(OLD), Some(OLD)]);
    let sentence = world.job.components_sentence();
    assert_eq!(sentence.as_deref(), Some("Components: part-0 is v2, part-1 is v1 again, part-2 stays v1."));
    assert!(!world.job.has_come_to_slot(), "the slot is not touched");
}

#[test]
fn the_system_comes_last() {
    let mut world = World::new(2, false, true);
    while !world.is_over() {
        world.step(97);
    }
    assert!(world.parts.iter().all(|part| part.version() == Some(NEW)));
    assert!(matches!(world.job.state, JobState::Installing { .. }), "{:?}", world.job.state);
}
