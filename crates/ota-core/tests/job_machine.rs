//! Random lives of a job in a model of a gateway: ports that fail, gates that close, people who cancel, processes that are
//! killed and power that goes away between any two steps.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]
use jiff::Timestamp;
use ota_core::{
    Actor, BootChange, BootSelection, Booted, Bundle, Effect, FactoryReset, Failure, FailureCode,
    FormerSystem, InstallOrder, Job, JobEvent, JobId, JobKind, JobState, RecoveryImage, Release,
    RestoreSource, RestoredVersion, Running, Severity, SlotId, SnapshotOrder, TargetFile, UpdateKind,
    UploadedImage, Work,
};
use proptest::prelude::*;

#[path = "job_machine/in_place.rs"]
mod in_place;

const TRIES: u8 = 3;

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

fn work(kind: JobKind) -> Work {
    let (version, sha256, length) = ("v5.0.5".to_owned(), "00".to_owned(), 1);
    match kind {
        JobKind::Update => Work::Release(release()),
        JobKind::Deploy => {
            Work::Upload(UploadedImage { name: "x".into(), label: None, version, length, sha256 })
        }
        JobKind::Restore => {
            let from = RestoreSource::Snapshot { id: "snap-001".into() };
            Work::Restore(RestoredVersion { version, from, length })
        }
        JobKind::Rollback => Work::Rollback(FormerSystem { version, kernel: "6.1".into() }),
        JobKind::Snapshot => {
            Work::Snapshot(SnapshotOrder { name: "x".into(), description: String::new(), version, length })
        }
        JobKind::Reset => reset(Some(RecoveryImage { length, sha256 })),
    }
}

fn reset(image: Option<RecoveryImage>) -> Work {
    let (version, reason) = ("v5.0.5".to_owned(), "decommissioned".to_owned());
    Work::Reset(FactoryReset { wipe_data: true, reason, version, image, carried_out: false, withdrawn: None })
}

/// The restart that waits.
fn ordered(until: Option<Timestamp>) -> JobEvent {
    JobEvent::RebootOrdered { by: Actor::system(), until }
}

fn order(reboot_after: bool) -> InstallOrder {
    InstallOrder { reboot_after, ..InstallOrder::default() }
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

/// The gateway around the job.
struct World {
    job: Job,
    /// What survives a kill: the job as it was last saved.
    saved: Job,
    env: BootSelection,
    running: Running,
    /// Neither slot starts any more but with what the job brings: the life began in the recovery slot.
    rescued: bool,
    rebooted: bool,
    /// The target holds exactly the signed bytes, proven since the last write.
    proven: bool,
    starts_well: bool,
    pending: Option<Effect>,
    /// The overall percentage that somebody has seen.
    seen: f64,
    /// The order to reset the data, which the next boot carries out.
    reset_ordered: bool,
    /// The data are not what they were.
    data_reset: bool,
    /// What an update in place has to do with.
    in_place: in_place::RunningSlot,
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

impl World {
    fn new(reboot_after: Option<bool>, starts_well: bool) -> Self {
        Self::with(JobKind::Update, reboot_after.map(order), starts_well)
    }

    fn with(kind: JobKind, order: Option<InstallOrder>, starts_well: bool) -> Self {
        Self::of(work(kind), order, starts_well)
    }

    fn of(work: Work, order: Option<InstallOrder>, starts_well: bool) -> Self {
        Self::from(Running::Slot(SlotId::A), work, order, starts_well)
    }

    /// A life that begins in `running`.
    fn from(running: Running, work: Work, order: Option<InstallOrder>, starts_well: bool) -> Self {
        let kind = work.kind();
        let mut job = Job::new(
            JobId::numbered(kind, 1),
            work,
            if kind == JobKind::Snapshot { SlotId::A } else { SlotId::B },
            "v5.0.4".into(),
            Actor::local("operator"),
            now(),
        );
        job.order = order;
        let env = match running {
            Running::Slot(_) => BootSelection::from_variables(Some("A B"), Some("3"), Some("3")),
            Running::Recovery => BootSelection::from_variables(Some("A B R"), Some("0"), Some("0"))
                .with_recovery(Some("A B R"), Some("3")),
        };
        let saved = job.clone();
        let mut world = World {
            job,
            saved,
            env,
            running,
            rescued: running == Running::Recovery,
            rebooted: false,
            proven: false,
            starts_well,
            pending: None,
            seen: 0.0,
            reset_ordered: false,
            data_reset: false,
            in_place: in_place::RunningSlot::default(),
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

    /// The power comes back: the boot loader picks a slot; one that does not start burns its tries.
    fn boot(&mut self) {
        self.in_place.boots += 1;
        loop {
            let next = self.env.take_try(TRIES).expect("a slot");
            if self.saved.is_in_place() {
                if self.boots_in_place(next.slot().expect("a slot")) {
                    return;
                }
                continue;
            }
            let starts = match next {
                Running::Recovery => true,
                Running::Slot(SlotId::A) => !self.rescued,
                Running::Slot(SlotId::B) => self.starts_well && self.proven,
            };
            if starts {
                self.running = next;
                self.rebooted = true;
                // An order whose job has ended or is being cancelled is dropped.
                let stands = !self.saved.state.is_ended() && self.saved.withdrawn().is_none();
                if std::mem::take(&mut self.reset_ordered) && stands {
                    self.saved.carry_out_reset(now());
                    self.data_reset = true;
                }
                return;
            }
        }
    }

    fn start_service(&mut self) {
        self.job = self.saved.clone();
        self.pending = None;
        let is_committed = self.saved.state == JobState::Committed;
        let is_proven = |slot| {
            if self.saved.is_in_place() {
                slot == SlotId::B || self.in_place.holds == in_place::Holds::Former
            } else {
                slot == SlotId::A
            }
        };
        match self.running {
            Running::Recovery => self.commit(BootChange::Recovery { tries: TRIES }),
            Running::Slot(slot) if is_proven(slot) || is_committed => {
                self.commit(BootChange::MarkGood { slot, tries: TRIES });
            }
            Running::Slot(_) => {}
        }
        let (slot, next_boot) = (self.running.slot(), self.env.next_boot());
        let booted = Booted { slot, next_boot, rebooted: self.rebooted };
        self.rebooted = false;
        if !self.job.state.is_ended() {
            self.tell(JobEvent::Booted(booted));
        }
    }

    fn commit(&mut self, change: BootChange) {
        self.env = self.env.clone().with(change);
    }

    /// Performs the pending effect; `luck` chooses its outcome.
    fn step(&mut self, luck: u8) {
        let Some(effect) = self.pending.take() else { return };
        if self.job.come_to(f64::from(luck) / 100.0) {
            self.saved = self.job.clone();
        }
        let fails = luck < 12;
        if self.job.is_in_place() && self.step_in_place(&effect, luck) {
            return;
        }
        let failure = JobEvent::Failed(Failure { code: FailureCode::InstallFailed, message: "x".into() });
        let target = self.job.target;
        match effect {
            Effect::Fetch => self.tell(if fails { failure } else { JobEvent::Fetched }),
            Effect::Verify => self.tell(if fails { failure } else { JobEvent::Verified(bundle()) }),
            Effect::TakeSnapshot => {
                let taken = JobEvent::SnapshotTaken(JobId::numbered(JobKind::Snapshot, 7));
                self.tell(if fails { failure } else { taken });
            }
            Effect::MarkTargetBad => {
                assert!(
                    !self.job.order.is_some_and(|order| order.create_snapshot) || self.job.snapshot.is_some(),
                    "the slot is not touched before the snapshot is taken"
                );
                assert!(!self.runs(target), "the booted slot is never marked bad by a write");
                self.commit(BootChange::MarkBad { slot: target });
                self.tell(JobEvent::MarkedBad);
            }
            Effect::WriteSlot => {
                assert!(!self.runs(target), "the booted slot is never written");
                assert_ne!(self.env.next_boot(), Some(target), "a slot is never written while it is next");
                self.proven = false;
                self.tell(if fails { failure } else { JobEvent::Written });
            }
            Effect::ReadBack => {
                self.proven = !fails;
                self.tell(if fails { failure } else { JobEvent::ReadBackMatched });
            }
            Effect::AwaitClear(phase) if self.job.is_past_window(phase, now()) => {
                self.tell(JobEvent::WindowClosed);
                assert!(self.pending.is_none() && self.job.state.awaits_window(), "it rests: {:?}", self.job);
            }
            Effect::AwaitClear(_) if luck.is_multiple_of(3) => {
                self.tell(JobEvent::GateClosed { reasons: vec!["x".into()] })
            }
            Effect::AwaitClear(_) => self.tell(JobEvent::Cleared),
            Effect::Arm => {
                self.order_reset();
                // The power may go in between.
                if luck.is_multiple_of(7) && matches!(self.job.work, Work::Reset(_)) {
                    self.boot();
                    return self.start_service();
                }
                if !matches!(&self.job.work, Work::Reset(reset) if reset.image.is_none()) {
                    assert!(self.proven, "a slot is never armed before it was read back");
                    self.commit(BootChange::Arm { slot: target, tries: TRIES });
                }
                self.tell(JobEvent::Armed);
            }
            Effect::AwaitOrder => self.tell(ordered(None)),
            Effect::Reboot if fails => self.tell(JobEvent::RebootFailed),
            Effect::Reboot => {
                self.order_reset();
                self.boot();
                self.start_service();
            }
            Effect::RunHealthChecks if fails => {
                self.tell(JobEvent::HealthFailed { reason: "x".into(), checks: Vec::new() })
            }
            Effect::RunHealthChecks => self.tell(JobEvent::HealthPassed(Vec::new())),
            Effect::CommitBoot if fails => self.tell(failure),
            Effect::CommitBoot => {
                assert!(self.runs(target), "only what runs is confirmed");
                self.commit(BootChange::Commit { booted: target, tries: TRIES });
                self.tell(JobEvent::BootCommitted);
            }
            Effect::GoBack => {
                let dead = *self.env.left.get(target.other()) == 0 && self.env.recovery.is_some();
                self.commit(match dead {
                    true => BootChange::MarkBad { slot: target },
                    false => BootChange::Disarm { slot: target, booted: target.other(), tries: TRIES },
                });
                self.boot();
                self.start_service();
            }
            Effect::PlanComponents
            | Effect::WriteComponent
            | Effect::ReadBackComponent
            | Effect::ActivateComponent
            | Effect::CheckComponent
            | Effect::PutBackComponent => unreachable!("nothing is rolling here"),
            Effect::Disarm { percentage, reason } => {
                self.reset_ordered = false;
                // The power may go in between.
                if luck.is_multiple_of(7) && matches!(self.job.work, Work::Reset(_)) {
                    self.boot();
                    return self.start_service();
                }
                let (booted, tries) = match self.running {
                    Running::Slot(slot) => (slot, TRIES),
                    Running::Recovery => (self.running.target().other(), 0),
                };
                self.commit(self.job.stand_down(booted, tries));
                self.tell(JobEvent::Disarmed { percentage, reason });
            }
        }
    }
}

impl World {
    fn runs(&self, slot: SlotId) -> bool {
        self.running == Running::Slot(slot)
    }

    fn order_reset(&mut self) {
        let stands = matches!(&self.job.work, Work::Reset(reset) if !reset.carried_out);
        self.reset_ordered = stands && self.job.withdrawn().is_none();
    }
}

fn check(world: &mut World) {
    let before = std::mem::replace(&mut world.seen, world.job.reached);
    assert!(world.seen >= before, "progress went from {before} back to {}", world.seen);
    let done = matches!(world.job.state, JobState::Committed | JobState::Completed);
    assert_eq!(world.seen >= 100.0, done, "{:?}", world.job);
    let rescued = world.env.recovery.is_some_and(|tries| tries > 0);
    assert!(
        world.env.next_boot().is_some() || rescued || world.runs(SlotId::B),
        "there is always a slot to boot"
    );
    if world.job.is_in_place() {
        return world.check_in_place();
    }
    let runs_target = world.runs(world.job.target);
    match &world.job.state {
        JobState::Committed => assert!(runs_target),
        JobState::RolledBack { .. } => {
            assert!(!runs_target);
            assert_eq!(world.running == Running::Recovery, world.rescued, "back to where it came from");
        }
        JobState::Failed { .. } if world.job.work.kind() != JobKind::Snapshot => {
            assert!(!runs_target, "what failed does not run");
        }
        JobState::Cancelled { .. } if world.job.work.kind() != JobKind::Snapshot => {
            assert_ne!(world.env.next_boot(), Some(world.job.target));
        }
        _ => {}
    }
    if let Work::Reset(reset) = &world.job.work {
        let done = matches!(world.job.state, JobState::Committed | JobState::Completed);
        assert!(world.data_reset || !done, "a reset is not over before the data are reset");
        assert_eq!(reset.carried_out, world.data_reset, "what was carried out is known");
        let cancelled = matches!(world.job.state, JobState::Cancelled { .. });
        assert!(
            reset.withdrawn.is_none() || cancelled || !world.job.state.is_ended(),
            "{:?}",
            world.job.state
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_order_of_events_breaks_the_gateway(
        kind in prop::sample::select(JobKind::ALL.to_vec()),
        reboot_after in prop::option::of(any::<bool>()),
        create_snapshot in any::<bool>(),
        starts_well in any::<bool>(),
        with_image in any::<bool>(),
        in_window in any::<bool>(),
        rescued in any::<bool>(),
        chaos in prop::collection::vec((0u8..100, 0u8..100), 0..80),
    ) {
        // Only a download may wait for its installation to be ordered.
        let reboot_after = reboot_after.or((kind != JobKind::Update).then_some(false));
        let order = reboot_after.map(|reboot_after| InstallOrder { reboot_after, create_snapshot, ..InstallOrder::default() });
        let work = if kind == JobKind::Reset && !with_image { reset(None) } else { work(kind) };
        let running = if rescued { Running::Recovery } else { Running::Slot(SlotId::A) };
        let mut world = World::from(running, work, order, starts_well);
        if in_window { (world.job.restart_until, world.saved.restart_until) = (Some(now()), Some(now())); }
        for (kind, luck) in chaos {
            match kind {
                0..4 => { world.boot(); world.start_service(); }
                4..10 => world.start_service(),
                10..13 => world.tell(JobEvent::Cancel { percentage: 1.0, reason: "x".into() }),
                13..20 => world.tell(JobEvent::Install(InstallOrder { reboot_after: luck % 2 == 0, create_snapshot, ..InstallOrder::default() })),
                20..23 => world.tell(ordered(None)),
                23..26 => {
                    // A window that is open, or one that is over before the machine is still.
                    let until = jiff::SignedDuration::from_secs(i64::from(luck % 2));
                    world.tell(ordered(Some(now() + until)));
                }
                _ => world.step(luck),
            }
            check(&mut world);
        }
        // Every open job can end: from here on nothing goes wrong any more.
        for _ in 0..40 {
            if matches!(world.job.state, JobState::Downloaded) { world.tell(JobEvent::Install(self::order(true))); }
            if world.job.state.awaits_window() { world.tell(ordered(None)); }
            world.step(50);
        }
        prop_assert!(world.job.state.is_ended(), "{:?} still open", world.job.state);
        check(&mut world);
    }
}

#[test]
fn the_straight_way_ends_committed_on_the_other_slot() {
    let mut world = World::new(Some(true), true);
    for _ in 0..20 {
        world.step(50);
    }
    assert_eq!((&world.job.state, world.running), (&JobState::Committed, Running::Slot(SlotId::B)));
    assert_eq!(world.env.next_boot(), Some(SlotId::B));
}

#[test]
fn a_repair_from_the_recovery_slot_ends_there_again_when_it_is_not_well() {
    for starts_well in [true, false] {
        let mut world = World::from(Running::Recovery, work(JobKind::Update), Some(order(true)), starts_well);
        while !matches!(world.job.state, JobState::Trial { .. }) && !world.job.state.is_ended() {
            world.step(50);
        }
        // Where it starts, its checks fail.
        world.tell(JobEvent::HealthFailed { reason: "unwell".into(), checks: Vec::new() });
        for _ in 0..5 {
            world.step(50);
        }
        assert!(matches!(world.job.state, JobState::RolledBack { .. }), "{:?}", world.job.state);
        assert_eq!((world.running, world.env.next_boot()), (Running::Recovery, None));
        assert_eq!(world.env.recovery, Some(TRIES), "nothing is left bad");
    }
}

#[test]
fn a_slot_that_never_starts_ends_rolled_back_after_its_tries() {
    let mut world = World::new(Some(true), false);
    for _ in 0..20 {
        world.step(50);
    }
    assert!(matches!(world.job.state, JobState::RolledBack { .. }), "{:?}", world.job.state);
    assert_eq!((world.running, world.env.left.b), (Running::Slot(SlotId::A), 0));
}

#[test]
fn without_reboot_after_the_slot_is_armed_and_waits_for_a_person() {
    let mut world = World::new(Some(false), true);
    while world.pending != Some(Effect::AwaitOrder) {
        world.step(50);
    }
    assert_eq!((world.running, world.env.next_boot()), (Running::Slot(SlotId::A), Some(SlotId::B)));
    world.tell(JobEvent::Cancel { percentage: 90.0, reason: "not today".into() });
    world.step(50);
    assert!(matches!(world.job.state, JobState::Cancelled { .. }));
    assert_eq!((world.env.next_boot(), world.env.left.b), (Some(SlotId::A), 0));
}

#[test]
fn a_trial_cannot_be_cancelled() {
    let mut world = World::new(Some(true), true);
    while !matches!(world.job.state, JobState::Trial { .. }) {
        world.step(50);
    }
    let refused = world.job.apply(JobEvent::Cancel { percentage: 0.0, reason: String::new() }, now());
    assert!(matches!(refused, Err(ota_core::Denied::TooLateToCancel)));
}

#[test]
fn a_cancelled_rollback_leaves_the_other_slot_as_it_was() {
    let mut world = World::with(JobKind::Rollback, Some(order(false)), true);
    while world.pending != Some(Effect::AwaitOrder) {
        world.step(50);
    }
    assert_eq!((world.env.next_boot(), world.env.order_variable().as_str()), (Some(SlotId::B), "B A"));
    world.tell(JobEvent::Cancel { percentage: 90.0, reason: "not today".into() });
    world.step(50);
    assert!(matches!(world.job.state, JobState::Cancelled { .. }));
    assert_eq!((world.env.order_variable().as_str(), world.env.left.a, world.env.left.b), ("A B", 3, 3));
}

#[test]
fn a_snapshot_that_fails_leaves_the_slot_alone() {
    let mut world = World::new(None, true);
    while !matches!(world.job.state, JobState::Downloaded) {
        world.step(50);
    }
    world.tell(JobEvent::Install(InstallOrder {
        reboot_after: true,
        create_snapshot: true,
        ..InstallOrder::default()
    }));
    world.step(0);
    assert!(matches!(world.job.state, JobState::Failed { .. }), "{:?}", world.job.state);
    assert_eq!(world.env.left.b, 3, "the slot was not marked bad");
}

#[test]
fn each_kind_of_job_ends_by_itself() {
    for kind in JobKind::ALL {
        let order = InstallOrder { reboot_after: true, create_snapshot: true, ..InstallOrder::default() };
        let mut world = World::with(kind, Some(order), true);
        for _ in 0..20 {
            world.step(50);
        }
        let end = if kind == JobKind::Snapshot { JobState::Completed } else { JobState::Committed };
        assert_eq!(world.job.state, end, "{kind:?}");
        assert_eq!(world.job.status(), if kind == JobKind::Update { "committed" } else { "completed" });
        let snapshot = matches!(kind, JobKind::Update | JobKind::Deploy | JobKind::Restore | JobKind::Reset);
        assert_eq!(world.job.snapshot.is_some(), snapshot, "{kind:?}");
    }
}

#[test]
fn a_reset_without_an_image_ends_at_the_restart() {
    let mut world = World::of(reset(None), Some(order(true)), true);
    while !world.job.state.is_ended() {
        assert_eq!(world.env.next_boot(), Some(SlotId::A), "no slot is armed");
        world.step(50);
    }
    assert_eq!(
        (&world.job.state, world.running, world.data_reset),
        (&JobState::Completed, Running::Slot(SlotId::A), true)
    );
}

#[test]
fn a_cancelled_reset_leaves_the_data_alone() {
    for image in [None, Some(RecoveryImage { length: 1, sha256: "00".into() })] {
        let mut world = World::of(reset(image), Some(order(false)), true);
        while world.pending != Some(Effect::AwaitOrder) {
            world.step(50);
        }
        assert!(world.reset_ordered);
        world.tell(JobEvent::Cancel { percentage: 90.0, reason: "not today".into() });
        world.step(50);
        world.boot();
        assert!(matches!(world.job.state, JobState::Cancelled { .. }) && !world.data_reset);
    }
}

#[test]
fn a_cancel_that_the_power_cuts_off_ends_cancelled() {
    for (image, starts_well, order_is_gone) in [
        (None, true, true),
        (None, true, false),
        (Some(()), true, true),
        (Some(()), true, false),
        (Some(()), false, true),
    ] {
        let image = image.map(|()| RecoveryImage { length: 1, sha256: "00".into() });
        let mut world = World::of(reset(image), Some(order(false)), starts_well);
        while world.pending != Some(Effect::AwaitOrder) {
            world.step(50);
        }
        world.tell(JobEvent::Cancel { percentage: 90.0, reason: "not today".into() });
        assert!(matches!(world.pending, Some(Effect::Disarm { .. })), "{:?}", world.pending);
        // Before the order is taken back, or between that and the commit.
        world.reset_ordered &= !order_is_gone;
        world.boot();
        world.start_service();
        for _ in 0..5 {
            world.step(50);
        }
        match &world.job.state {
            JobState::Cancelled { reason, .. } => assert_eq!(reason, "not today"),
            state => panic!("{state:?}"),
        }
        assert_eq!((world.running, world.data_reset), (Running::Slot(SlotId::A), false));
        assert_eq!(world.env.next_boot(), Some(SlotId::A));
    }
}

#[test]
fn a_cancel_that_the_service_did_not_finish_goes_on() {
    let mut world = World::with(JobKind::Reset, Some(order(false)), true);
    while world.pending != Some(Effect::AwaitOrder) {
        world.step(50);
    }
    world.tell(JobEvent::Cancel { percentage: 90.0, reason: "not today".into() });
    world.start_service();
    assert!(matches!(world.pending, Some(Effect::Disarm { .. })), "{:?}", world.pending);
    world.step(50);
    assert!(matches!(world.job.state, JobState::Cancelled { .. }), "{:?}", world.job.state);
}

#[test]
fn a_recovery_image_that_does_not_start_leaves_the_running_system_with_its_data_reset() {
    let mut world = World::with(JobKind::Reset, Some(order(true)), false);
    for _ in 0..20 {
        world.step(50);
    }
    assert!(matches!(world.job.state, JobState::RolledBack { .. }), "{:?}", world.job.state);
    assert_eq!((world.running, world.data_reset), (Running::Slot(SlotId::A), true));
}

#[test]
fn the_saved_form_of_an_update_is_that_of_older_releases() {
    let world = World::new(Some(true), true);
    let saved = serde_json::to_value(&world.job).expect("a job");
    assert_eq!(saved["release"]["id"], "update-001");
    assert_eq!(serde_json::from_value::<Job>(saved).expect("the same job"), world.job);
    for kind in JobKind::ALL {
        let job = World::with(kind, None, true).job;
        let saved = serde_json::to_string(&job).expect("a job");
        assert_eq!(serde_json::from_str::<Job>(&saved).expect("the same job"), job);
    }
}

/// What was begun in a window rests when that is over, keeps its slot proven and unarmed, and goes on in the next one.
#[test]
fn a_window_that_is_over_leaves_the_restart_to_the_next_one() {
    let mut world = World::new(Some(true), true);
    (world.job.restart_until, world.saved.restart_until) = (Some(now()), Some(now()));
    for _ in 0..20 {
        world.step(50);
    }
    assert!(world.job.state.awaits_window(), "{:?}", world.job.state);
    assert_eq!(
        (world.running, world.env.next_boot()),
        (Running::Slot(SlotId::A), Some(SlotId::A)),
        "nothing is armed"
    );
    // A restart of the service, for whatever reason, does not use the chance.
    world.start_service();
    for _ in 0..20 {
        world.step(50);
    }
    assert!(world.job.state.awaits_window(), "{:?}", world.job.state);
    world.tell(ordered(Some(now() + jiff::SignedDuration::from_hours(1))));
    for _ in 0..20 {
        world.step(50);
    }
    assert_eq!((&world.job.state, world.running), (&JobState::Committed, Running::Slot(SlotId::B)));
}

/// A component waits for its window as a restart does, and is put back without one.
#[test]
fn a_window_bounds_the_activation_of_a_component_and_not_its_way_back() {
    use ota_core::{ComponentPlace, ComponentTurn, Phase, TurnState, TurnStep};
    let mut job = World::new(Some(true), true).job;
    let turn = ComponentTurn { name: "x".into(), from: None, into: ComponentPlace::A, state: TurnState::Old };
    (job.turns, job.restart_until) = (Some(vec![turn]), Some(now()));
    let later = now() + jiff::SignedDuration::from_secs(1);
    job.state = JobState::Rolling { turn: 0, step: TurnStep::PutBack { reason: "x".into() } };
    assert!(!job.is_past_window(Phase::Arm, later));
    job.state = JobState::Rolling { turn: 0, step: TurnStep::Ready };
    assert!(job.is_past_window(Phase::Arm, later));
    assert_eq!(job.apply(JobEvent::WindowClosed, later), Ok(None));
    assert!(job.state.awaits_window() && job.state.can_cancel());
    assert_eq!(job.apply(ordered(None), later), Ok(Some(Effect::AwaitClear(Phase::Arm))));
    assert!(!job.is_past_window(Phase::Arm, later));
}

/// Between its download and its installation another system may have come to run.
#[test]
fn what_waits_for_its_installation_goes_where_systems_are_brought_now() {
    let mut job = World::new(None, true).job;
    job.state = JobState::Downloaded;
    let booted = |slot| JobEvent::Booted(Booted { slot, next_boot: slot, rebooted: true });
    assert_eq!(job.apply(booted(Some(SlotId::A)), now()), Ok(None));
    assert_eq!(job.target, SlotId::B);
    assert_eq!(job.apply(booted(Some(SlotId::B)), now()), Ok(None));
    assert_eq!((job.target, &job.state), (SlotId::A, &JobState::Downloaded));
    // The recovery system repairs B.
    assert_eq!(job.apply(booted(None), now()), Ok(None));
    assert_eq!(job.target, SlotId::B);
}

#[test]
fn whoever_orders_the_restart_answers_for_it() {
    let mut job = World::new(Some(false), true).job;
    job.state = JobState::AwaitingReboot { armed: ota_core::Arming::Yes };
    let until = Some(now());
    let by_window = JobEvent::RebootOrdered { by: Actor::schedule(), until };
    assert!(job.apply(by_window, now()).is_ok());
    assert_eq!((&job.actor, job.restart_until), (&Actor::schedule(), until));
    job.state = JobState::AwaitingReboot { armed: ota_core::Arming::Yes };
    assert!(job.apply(ordered(None), now()).is_ok());
    assert_eq!((&job.actor, job.restart_until), (&Actor::system(), None));
}
