//! Lives of updates in place: the start of the gateway writes the slot, is interrupted between any two steps, fails, or does not know of
//! orders at all.

#![expect(clippy::panic, reason = "a test that cannot go on says why")]

use super::{TRIES, World, check, ordered, work};
use ota_core::{
    Applied, BootChange, BootStep, Effect, Failure, FailureCode, InstallOrder, Job, JobEvent, JobKind,
    JobState, Running, SlotId, SlotTask, SlotWork, Strategy,
};
use proptest::prelude::*;

/// What slot A holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Holds {
    #[default]
    Former,
    New,
    Half,
}

/// The slot that runs, and the order to write it.
#[derive(Debug, Default)]
pub struct RunningSlot {
    pub holds: Holds,
    pub boots: u32,
    /// With the boot in which it was given.
    order: Option<(SlotWork, u32)>,
    /// Starts do not look for orders.
    no_hook: bool,
    /// Chance, for what happens within a start.
    dice: u64,
    /// Power cuts since a system came up: the boot loader's tries bear one, and more of them are no fault of ours.
    cuts: u32,
}

/// The power has gone in the middle of a start.
struct Cut;

impl World {
    fn in_place(kind: JobKind, reboot_after: bool, starts_well: bool, seed: u64) -> Self {
        let order = InstallOrder { reboot_after, create_snapshot: false, strategy: Strategy::InPlace };
        let mut world = Self::of(work(kind), None, starts_well);
        world.in_place.dice = seed;
        world.job.order = Some(order);
        world.job.target = SlotId::A;
        world.saved = world.job.clone();
        world
    }

    /// The recovery system plays no part here.
    fn booted(&self) -> SlotId {
        self.running.slot().expect("a slot")
    }

    /// True once in `of` times.
    fn chance(&mut self, of: u64) -> bool {
        let dice = &mut self.in_place.dice;
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*dice >> 33).is_multiple_of(of)
    }

    fn may_cut(&mut self) -> Result<(), Cut> {
        // Seed zero has no accidents.
        if self.in_place.dice != 0 && self.in_place.cuts == 0 && self.chance(8) {
            self.in_place.cuts += 1;
            return Err(Cut);
        }
        Ok(())
    }

    fn fails(&mut self) -> bool {
        self.in_place.dice != 0 && self.chance(6)
    }

    /// The boot loader has chosen `slot`. True when its system has come up.
    pub fn boots_in_place(&mut self, slot: SlotId) -> bool {
        if !self.in_place.no_hook {
            match self.boot_apply(slot) {
                // The power is back, or the start has restarted the gateway.
                Err(Cut) | Ok(true) => return false,
                Ok(false) => {}
            }
        }
        let starts = slot == SlotId::B
            || match self.in_place.holds {
                Holds::Former => true,
                Holds::New => self.starts_well,
                Holds::Half => false,
            };
        if starts {
            (self.running, self.rebooted) = (Running::Slot(slot), true);
            self.in_place.cuts = 0;
        }
        starts
    }

    /// What `gateway-ota boot-apply` does. True when the gateway has to restart before anything is mounted.
    fn boot_apply(&mut self, starting: SlotId) -> Result<bool, Cut> {
        loop {
            let Some((mut work, given)) = self.in_place.order.clone() else { return Ok(false) };
            let step = work.step(Some(&self.saved), Some(starting), given == self.in_place.boots);
            match step {
                BootStep::Drop => {
                    self.in_place.order = None;
                    return Ok(false);
                }
                BootStep::Wait | BootStep::GoOn => return Ok(false),
                BootStep::GiveUp { applied } => return Ok(self.give_up(applied, starting)),
                BootStep::Install => {
                    work.attempts += 1;
                    self.in_place.order = Some((work.clone(), given));
                    self.may_cut()?;
                    match self.write(&mut work, given, Holds::New)? {
                        true => {
                            self.saved.applied = Some(Applied::Installed);
                            return Ok(true);
                        }
                        false if work.touched => {
                            self.in_place.order = Some((SlotWork::back("x".into(), true), given));
                        }
                        false => {
                            self.saved.applied = Some(Applied::Refused { failure: failure() });
                            return Ok(false);
                        }
                    }
                }
                BootStep::Restore { reason } => {
                    if work.task == SlotTask::Install {
                        work = SlotWork::back(reason.clone(), work.touched);
                    }
                    work.attempts += 1;
                    self.in_place.order = Some((work.clone(), given));
                    self.may_cut()?;
                    if self.write(&mut work, given, Holds::Former)? {
                        self.saved.applied = Some(Applied::Restored { reason });
                        return Ok(true);
                    }
                    let lost = self.saved.lost(&reason, "x");
                    return Ok(self.give_up(lost, starting));
                }
            }
        }
    }

    /// False when the source is damaged or the slot cannot be written.
    fn write(&mut self, work: &mut SlotWork, given: u32, what: Holds) -> Result<bool, Cut> {
        if self.fails() {
            return Ok(false);
        }
        assert!(self.saved.snapshot.is_some(), "the slot is not touched before there is a way back");
        assert!(!self.saved.state.is_ended(), "nothing is written for a job that has ended");
        work.touched = true;
        self.in_place.order = Some((work.clone(), given));
        self.may_cut()?;
        self.commit(BootChange::MarkBad { slot: SlotId::A });
        self.may_cut()?;
        assert_ne!(self.env.next_boot(), Some(SlotId::A), "a slot is never written while it is next");
        self.in_place.holds = Holds::Half;
        self.may_cut()?;
        if self.fails() {
            return Ok(false);
        }
        self.in_place.holds = what;
        self.may_cut()?;
        self.commit(BootChange::Arm { slot: SlotId::A, tries: TRIES });
        self.may_cut()?;
        Ok(true)
    }

    fn give_up(&mut self, applied: Applied, starting: SlotId) -> bool {
        let lost = matches!(applied, Applied::Lost { .. });
        if lost {
            self.commit(self.env.away_from(SlotId::A, TRIES));
        }
        self.saved.applied = Some(applied);
        lost && starting == SlotId::A
    }

    /// Performs what an update in place does in its own way; false for what it does as any other.
    pub fn step_in_place(&mut self, effect: &Effect, luck: u8) -> bool {
        match effect {
            Effect::MarkTargetBad | Effect::WriteSlot | Effect::ReadBack => {
                panic!("the service itself never writes the running slot: {effect:?}")
            }
            Effect::Arm => {
                assert_eq!(self.booted(), self.job.target, "another slot runs by now");
                assert!(self.job.snapshot.is_some(), "there is a way back");
                self.in_place.order = Some((SlotWork::default(), self.in_place.boots));
                if luck.is_multiple_of(7) {
                    self.boot();
                    self.start_service();
                } else {
                    self.commit(BootChange::Commit { booted: SlotId::A, tries: TRIES });
                    self.tell(JobEvent::Armed);
                }
            }
            Effect::GoBack => {
                let JobState::Trial { failed: Some(reason) } = &self.job.state else { panic!() };
                self.in_place.order = Some((SlotWork::back(reason.clone(), false), self.in_place.boots));
                self.commit(if self.in_place.no_hook {
                    BootChange::MarkBad { slot: SlotId::A }
                } else {
                    BootChange::MarkGood { slot: SlotId::A, tries: TRIES }
                });
                self.boot();
                self.start_service();
            }
            Effect::Disarm { .. } => {
                self.in_place.order = None;
                if luck.is_multiple_of(7) {
                    self.boot();
                    self.start_service();
                    return true;
                }
                return false;
            }
            _ => return false,
        }
        true
    }

    pub fn check_in_place(&self) {
        let (on_target, holds) = (self.booted() == SlotId::A, self.in_place.holds);
        assert!(!on_target || holds != Holds::Half, "what is half written does not run");
        match &self.job.state {
            JobState::Committed => assert!(on_target && holds == Holds::New),
            JobState::RolledBack { .. } | JobState::Failed { .. } => {
                assert!(!on_target || holds == Holds::Former, "what failed does not run");
            }
            JobState::Cancelled { .. } if on_target => {
                assert_eq!((self.env.next_boot(), holds), (Some(SlotId::A), Holds::Former));
            }
            _ => {}
        }
    }
}

fn failure() -> Failure {
    Failure { code: FailureCode::InvalidImage, message: "x".into() }
}

/// Nothing goes wrong from here on.
fn to_the_end(world: &mut World) {
    world.in_place.dice = 0;
    for _ in 0..60 {
        world.step(50);
    }
}

fn straight(starts_well: bool) -> World {
    World::in_place(JobKind::Update, true, starts_well, 0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_order_of_events_breaks_a_gateway_that_is_updated_in_place(
        kind in prop::sample::select(vec![JobKind::Update, JobKind::Deploy]),
        reboot_after in any::<bool>(),
        starts_well in any::<bool>(),
        seed in 1..u64::MAX,
        chaos in prop::collection::vec((0u8..100, 0u8..100), 0..60),
    ) {
        let mut world = World::in_place(kind, reboot_after, starts_well, seed);
        for (kind, luck) in chaos {
            match kind {
                0..4 => { world.boot(); world.start_service(); }
                4..10 => world.start_service(),
                10..12 => world.tell(JobEvent::Cancel { percentage: 1.0, reason: "x".into() }),
                12..14 => world.in_place.no_hook = luck % 2 == 0,
                14..16 => world.tell(ordered(None)),
                _ => world.step(luck),
            }
            check(&mut world);
        }
        to_the_end(&mut world);
        prop_assert!(world.job.state.is_ended(), "{:?} still open", world.job);
        check(&mut world);
    }
}

#[test]
fn it_ends_committed_on_the_slot_that_ran() {
    let mut world = straight(true);
    to_the_end(&mut world);
    assert_eq!((&world.job.state, world.booted()), (&JobState::Committed, SlotId::A));
    assert_eq!((world.in_place.holds, world.env.order_variable().as_str()), (Holds::New, "A B"));
    assert!(world.job.snapshot.is_some());
}

#[test]
fn one_that_never_starts_gives_way_to_the_former_system() {
    let mut world = straight(false);
    to_the_end(&mut world);
    assert!(matches!(world.job.state, JobState::RolledBack { .. }), "{:?}", world.job.state);
    assert_eq!((world.booted(), world.in_place.holds), (SlotId::A, Holds::Former));
    assert_eq!(world.job.went_back_to(), Some("v5.0.4"));
}

#[test]
fn one_that_is_not_well_gives_way_to_the_former_system() {
    let mut world = straight(true);
    while !matches!(world.job.state, JobState::Trial { .. }) {
        world.step(50);
    }
    world.step(0);
    to_the_end(&mut world);
    assert_eq!(world.job.state, JobState::RolledBack { reason: "x".into() });
    assert_eq!((world.booted(), world.in_place.holds), (SlotId::A, Holds::Former));
}

#[test]
fn without_the_hook_nothing_is_written_and_the_job_says_so() {
    let mut world = straight(true);
    while world.pending != Some(Effect::Reboot) {
        world.step(50);
    }
    world.in_place.no_hook = true;
    to_the_end(&mut world);
    let JobState::Failed { failure } = &world.job.state else { panic!("{:?}", world.job.state) };
    assert!(failure.message.contains("boot-apply"), "{failure:?}");
    assert_eq!((world.booted(), world.in_place.holds), (SlotId::A, Holds::Former));
}

#[test]
fn a_new_system_without_the_hook_that_is_not_well_leaves_the_other_slot() {
    let mut world = straight(true);
    while !matches!(world.job.state, JobState::Trial { .. }) {
        world.step(50);
    }
    world.in_place.no_hook = true;
    world.step(0);
    to_the_end(&mut world);
    let JobState::RolledBack { reason } = &world.job.state else { panic!("{:?}", world.job.state) };
    assert!(reason.contains("slot B") && reason.contains("snap-007"), "{reason}");
    assert_eq!((world.booted(), world.job.went_back_to()), (SlotId::B, None));
}

#[test]
fn a_cancel_before_the_restart_withdraws_the_order() {
    let mut world = World::in_place(JobKind::Update, false, true, 0);
    while world.pending != Some(Effect::AwaitOrder) {
        world.step(50);
    }
    assert!(world.in_place.order.is_some());
    world.tell(JobEvent::Cancel { percentage: 90.0, reason: "not today".into() });
    world.step(50);
    world.boot();
    assert!(matches!(world.job.state, JobState::Cancelled { .. }));
    assert_eq!(
        (world.booted(), world.in_place.holds, world.env.left.a),
        (SlotId::A, Holds::Former, TRIES - 1)
    );
}

#[test]
fn a_download_is_turned_to_the_running_slot_when_it_is_installed_in_place() {
    let mut world = World::new(None, true);
    while !matches!(world.job.state, JobState::Downloaded) {
        world.step(50);
    }
    assert_eq!(world.job.target, SlotId::B);
    let order = InstallOrder { reboot_after: true, create_snapshot: false, strategy: Strategy::InPlace };
    world.tell(JobEvent::Install(order));
    assert_eq!(world.job.target, SlotId::A);
    to_the_end(&mut world);
    assert_eq!((&world.job.state, world.booted()), (&JobState::Committed, SlotId::A));
}

#[test]
fn a_start_that_is_interrupted_again_and_again_gives_up() {
    let mut world = straight(true);
    while world.pending != Some(Effect::Reboot) {
        world.step(50);
    }
    let mut interrupted = SlotWork { attempts: ota_core::MOST_ATTEMPTS, ..SlotWork::default() };
    let step = |work: &SlotWork, job: &Job| work.step(Some(job), Some(SlotId::A), false);
    assert!(matches!(
        step(&interrupted, &world.saved),
        BootStep::GiveUp { applied: Applied::Refused { .. } }
    ));
    interrupted.touched = true;
    assert!(matches!(step(&interrupted, &world.saved), BootStep::Restore { .. }));
    interrupted.task = SlotTask::Restore { reason: "x".into() };
    assert!(matches!(step(&interrupted, &world.saved), BootStep::GiveUp { applied: Applied::Lost { .. } }));
}

#[test]
fn the_saved_form_of_other_jobs_is_as_before() {
    let saved = serde_json::to_value(&World::new(Some(true), true).job).expect("a job");
    assert!(saved.get("applied").is_none(), "{saved}");
    let mut older = saved.clone();
    older["order"].as_object_mut().expect("an order").remove("strategy");
    assert_eq!(
        serde_json::from_value::<Job>(older).expect("a job"),
        serde_json::from_value(saved).expect("a job")
    );
}
