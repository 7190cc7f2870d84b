//! The transition function.

use super::{Arming, Denied, Effect, HoldPoint, InstallStep, Job, JobEvent, JobState, WINDOW, Work};
use crate::{Actor, Phase, overall_percentage};
use jiff::Timestamp;

impl Job {
    /// Applies `event` and returns what is to be done next; `None` when the job rests.
    ///
    /// Pure: the caller makes the new state durable **before** it performs the effect.
    ///
    /// # Errors
    /// [`Denied`] when the event does not fit the state. The job is unchanged then.
    pub fn apply(&mut self, event: JobEvent, now: Timestamp) -> Result<Option<Effect>, Denied> {
        if self.state.is_ended() {
            return Err(Denied::Ended(self.state.name()));
        }
        let (state, effect) = match event {
            JobEvent::Booted(booted) => {
                self.follow(booted);
                self.reconcile(booted)
            }
            JobEvent::Cancel { percentage, reason } => self.cancel(percentage, reason)?,
            // A system that runs and cannot be confirmed goes back, as one that is not well does.
            JobEvent::Failed(failure) if matches!(self.state, JobState::Trial { failed: None }) => {
                self.advance(JobEvent::HealthFailed { reason: failure.message, checks: self.checks.clone() })?
            }
            JobEvent::Failed(failure) => match self.turn() {
                Some((turn, step)) => self.fail_turn(turn, step.clone(), failure),
                None => (JobState::Failed { failure }, None),
            },
            event => match self.turn() {
                Some((turn, step)) => {
                    let step = step.clone();
                    self.advance_turn(turn, step, event)?
                }
                None => self.advance(event)?,
            },
        };
        self.state = state;
        self.reached = self.reached.max(overall_percentage(self, 0.0));
        if self.state.is_ended() {
            self.ended_at = Some(now);
        }
        Ok(effect)
    }

    fn advance(&mut self, event: JobEvent) -> Result<(JobState, Option<Effect>), Denied> {
        use {HoldPoint as At, InstallStep as Step, JobEvent as E, JobState as S};
        let installing = |step| S::Installing { step };
        Ok(match (&self.state, event) {
            (S::Queued, E::Start) => self.first(),
            (S::Downloading | S::Held { at: At::Download, .. }, E::Cleared) => {
                (S::Downloading, Some(Effect::Fetch))
            }
            (S::Downloading, E::Fetched) => (S::Verifying, Some(Effect::Verify)),
            (S::Verifying, E::Verified(bundle)) => {
                self.bundle = Some(bundle);
                match self.order {
                    Some(_) => self.before_writing(),
                    None => (S::Downloaded, None),
                }
            }
            (S::Downloaded, E::Install(order)) => {
                if order.is_in_place() {
                    // What waits is meant for the slot that does not run.
                    self.target = self.target.other();
                }
                self.order = Some(order);
                self.before_writing()
            }
            (S::Creating, E::SnapshotTaken(_)) => (S::Completed, None),
            (S::Installing { step: Step::Snapshot }, E::SnapshotTaken(id)) => {
                self.snapshot = Some(id);
                self.before_writing()
            }
            (S::Installing { step: Step::MarkBad } | S::Held { at: At::Write, .. }, E::Cleared) => {
                (installing(Step::MarkBad), Some(Effect::MarkTargetBad))
            }
            (S::Installing { step: Step::MarkBad }, E::MarkedBad) => {
                (installing(Step::Write), Some(Effect::WriteSlot))
            }
            (S::Installing { step: Step::Write }, E::Written) => {
                (installing(Step::ReadBack), Some(Effect::ReadBack))
            }
            (S::Installing { step: Step::ReadBack }, E::ReadBackMatched) => {
                (S::AwaitingReboot { armed: Arming::No }, Some(Effect::AwaitClear(Phase::Arm)))
            }
            (
                S::Downloading
                | S::Installing { step: Step::MarkBad | Step::Write }
                | S::AwaitingReboot { .. }
                | S::Held { .. }
                | S::Trial { failed: Some(_) },
                E::GateClosed { reasons },
            ) => {
                let at = self.hold_point();
                let phase = at.phase();
                (S::Held { at, reasons }, Some(Effect::AwaitClear(phase)))
            }
            // The intent is durable before the commit: a start in between asks the boot environment what became of it.
            (S::AwaitingReboot { armed: Arming::No } | S::Held { at: At::Arm, .. }, E::Cleared) => {
                (S::AwaitingReboot { armed: Arming::Underway }, Some(Effect::Arm))
            }
            (S::AwaitingReboot { armed: Arming::Underway }, E::Armed) => self.after_arming(),
            (S::AwaitingReboot { armed: Arming::Yes } | S::Held { at: At::Reboot, .. }, E::Cleared) => {
                (S::AwaitingReboot { armed: Arming::Yes }, Some(Effect::Reboot))
            }
            (
                S::AwaitingReboot { armed: Arming::No | Arming::Yes }
                | S::Held { at: At::Arm | At::Reboot, .. },
                E::WindowClosed,
            ) => (S::Held { at: self.hold_point(), reasons: vec![WINDOW.to_owned()] }, None),
            (S::AwaitingReboot { armed: Arming::Yes }, E::RebootOrdered { by, until }) => {
                self.answer(by, until);
                (S::AwaitingReboot { armed: Arming::Yes }, Some(Effect::AwaitClear(Phase::Reboot)))
            }
            (state @ S::Held { at: At::Arm | At::Reboot, .. }, E::RebootOrdered { by, until })
                if state.awaits_window() =>
            {
                let (armed, phase) = match self.hold_point() {
                    At::Reboot => (Arming::Yes, Phase::Reboot),
                    _ => (Arming::No, Phase::Arm),
                };
                self.answer(by, until);
                // Who lets it go on wants the restart.
                self.order = self.order.map(|order| super::InstallOrder { reboot_after: true, ..order });
                (S::AwaitingReboot { armed }, Some(Effect::AwaitClear(phase)))
            }
            // The slot stays armed and proven; a person can try the restart again.
            (S::AwaitingReboot { armed: Arming::Yes }, E::RebootFailed) => {
                self.order = self.order.map(|order| super::InstallOrder { reboot_after: false, ..order });
                (S::AwaitingReboot { armed: Arming::Yes }, Some(Effect::AwaitOrder))
            }
            (
                S::AwaitingReboot { armed: Arming::Yes | Arming::Underway } | S::Held { at: At::Reboot, .. },
                E::Disarmed { percentage, reason },
            ) => (S::Cancelled { percentage, reason }, None),
            (S::Trial { failed: None }, E::HealthPassed(checks)) => {
                self.checks = checks;
                (S::Trial { failed: None }, Some(Effect::CommitBoot))
            }
            (S::Trial { failed: None }, E::BootCommitted) => (S::Committed, None),
            (S::Trial { failed: None }, E::HealthFailed { reason, checks }) => {
                self.checks = checks;
                (S::Trial { failed: Some(reason) }, Some(Effect::AwaitClear(Phase::Reboot)))
            }
            (S::Trial { failed: Some(reason) } | S::Held { at: At::GoBack { reason }, .. }, E::Cleared) => {
                (S::Trial { failed: Some(reason.clone()) }, Some(Effect::GoBack))
            }
            (state, event) => {
                return Err(Denied::OutOfOrder { state: state.name(), event: event.name() });
            }
        })
    }

    /// Whoever orders the restart answers for it from here on.
    pub(super) fn answer(&mut self, by: Actor, until: Option<Timestamp>) {
        self.actor = by;
        self.restart_until = until;
    }

    /// Where a job of its kind begins.
    pub(super) fn first(&self) -> (JobState, Option<Effect>) {
        match &self.work {
            Work::Release(_) => (JobState::Downloading, Some(Effect::AwaitClear(Phase::Download))),
            Work::Upload(_) | Work::Restore(_) => (JobState::Verifying, Some(Effect::Verify)),
            Work::Rollback(_) => {
                (JobState::Installing { step: InstallStep::ReadBack }, Some(Effect::ReadBack))
            }
            Work::Snapshot(_) => (JobState::Creating, Some(Effect::TakeSnapshot)),
            Work::Reset(reset) if reset.image.is_some() => (JobState::Verifying, Some(Effect::Verify)),
            Work::Reset(_) => {
                (JobState::AwaitingReboot { armed: Arming::No }, Some(Effect::AwaitClear(Phase::Arm)))
            }
        }
    }

    /// The way into the slot: over a snapshot of the running system where one was ordered and is not there yet, and over the components
    /// where they come one by one. Without a snapshot nothing is updated in place.
    pub(super) fn before_writing(&self) -> (JobState, Option<Effect>) {
        let wanted = self.is_in_place() || self.order.is_some_and(|order| order.create_snapshot);
        if self.snapshot.is_none() && wanted {
            return (JobState::Installing { step: InstallStep::Snapshot }, Some(Effect::TakeSnapshot));
        }
        if self.is_in_place() {
            return (JobState::AwaitingReboot { armed: Arming::No }, Some(Effect::AwaitClear(Phase::Arm)));
        }
        if self.has_turns_left() {
            return self.first_turn();
        }
        (JobState::Installing { step: InstallStep::MarkBad }, Some(Effect::AwaitClear(Phase::Write)))
    }

    /// `reboot_after` goes on to the restart, otherwise a person orders it.
    pub(super) fn after_arming(&self) -> (JobState, Option<Effect>) {
        let goes_on = self.order.is_some_and(|order| order.reboot_after);
        let next = if goes_on { Effect::AwaitClear(Phase::Reboot) } else { Effect::AwaitOrder };
        (JobState::AwaitingReboot { armed: Arming::Yes }, Some(next))
    }

    fn hold_point(&self) -> HoldPoint {
        match &self.state {
            JobState::Held { at, .. } => at.clone(),
            JobState::Downloading => HoldPoint::Download,
            JobState::Installing { .. } => HoldPoint::Write,
            JobState::Trial { failed: Some(reason) } => HoldPoint::GoBack { reason: reason.clone() },
            JobState::AwaitingReboot { armed: Arming::Yes } => HoldPoint::Reboot,
            _ => HoldPoint::Arm,
        }
    }

    /// Until arming a cancel leaves the slot bad; an armed slot is disarmed by one commit first; later it is refused.
    fn cancel(&mut self, percentage: f64, reason: String) -> Result<(JobState, Option<Effect>), Denied> {
        if !self.state.can_cancel() {
            return Err(Denied::TooLateToCancel);
        }
        if self.state.is_armed() {
            if let Work::Reset(reset) = &mut self.work {
                reset.withdrawn = Some(reason.clone());
            }
            return Ok((self.state.clone(), Some(Effect::Disarm { percentage, reason })));
        }
        Ok((JobState::Cancelled { percentage, reason }, None))
    }
}
