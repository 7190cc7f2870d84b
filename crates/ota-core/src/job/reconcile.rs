//! What becomes of a job when the service starts again.
//!
//! The process may have been killed, the power cut, or the gateway rebooted on purpose. The booted slot and the boot
//! environment say what happened; the job's own memory only breaks ties.

use super::{Arming, Booted, Effect, Failure, FailureCode, HoldPoint, InstallStep, Job, JobState, Work};
use crate::{Phase, Running};

impl Booted {
    fn place(self) -> String {
        self.slot.map_or_else(|| "the recovery slot".to_owned(), |slot| format!("slot {slot}"))
    }
}

impl Job {
    /// What waits for its installation goes where systems are brought now, whichever slot that has become.
    pub(super) fn follow(&mut self, booted: Booted) {
        if matches!(self.state, JobState::Downloaded) {
            self.target = booted.slot.map_or(Running::Recovery, Running::Slot).target();
        }
    }

    pub(super) fn reconcile(&self, booted: Booted) -> (JobState, Option<Effect>) {
        if self.is_in_place()
            && let Some(found) = self.reconcile_in_place(booted)
        {
            return found;
        }
        let on_target = booted.slot == Some(self.target);
        match &self.state {
            JobState::Queued => self.first(),
            JobState::Downloading | JobState::Held { at: HoldPoint::Download, .. } => {
                (JobState::Downloading, Some(Effect::AwaitClear(Phase::Download)))
            }
            // What there was of it is swept; it is taken again.
            JobState::Creating => (JobState::Creating, Some(Effect::TakeSnapshot)),
            JobState::Verifying => (JobState::Verifying, Some(Effect::Verify)),
            JobState::Installing { .. } | JobState::Held { at: HoldPoint::Write, .. } if on_target => {
                (JobState::Failed { failure: self.runs_from_target() }, None)
            }
            // A rollback has written nothing.
            JobState::Installing { .. } if matches!(self.work, Work::Rollback(_)) => self.first(),
            // What was half written is written again from the start.
            JobState::Installing { .. } | JobState::Held { at: HoldPoint::Write, .. } => {
                self.before_writing()
            }
            JobState::Rolling { turn, step }
            | JobState::Held { at: HoldPoint::Component { turn, step }, .. } => {
                self.reconcile_turn(*turn, step.clone(), booted)
            }
            JobState::AwaitingReboot { armed } => self.after_waiting(*armed, booted),
            JobState::Held { at: HoldPoint::Arm, .. } => self.after_waiting(Arming::No, booted),
            JobState::Held { at: HoldPoint::Reboot, .. } => self.after_waiting(Arming::Yes, booted),
            JobState::Held { at: HoldPoint::GoBack { reason }, .. } => self.after_trial(Some(reason), booted),
            JobState::Trial { failed } => self.after_trial(failed.as_ref(), booted),
            ended_or_resting => (ended_or_resting.clone(), None),
        }
    }

    fn after_waiting(&self, armed: Arming, booted: Booted) -> (JobState, Option<Effect>) {
        if let Work::Reset(reset) = &self.work
            && let Some(found) = self.reset_after_waiting(reset, armed, booted)
        {
            return found;
        }
        if booted.slot == Some(self.target) {
            return (JobState::Trial { failed: None }, Some(Effect::RunHealthChecks));
        }
        if booted.next_boot == Some(self.target) {
            return self.after_arming();
        }
        let given_up = match armed {
            Arming::No => false,
            // Whether the commit happened is known only while the gateway has not restarted since.
            Arming::Underway => booted.rebooted,
            Arming::Yes => true,
        };
        if given_up {
            let reason = format!(
                "{} did not start from slot {} and used up its tries; the boot loader went back to {}",
                self.work.version(),
                self.target,
                booted.place()
            );
            return (JobState::RolledBack { reason }, None);
        }
        // Not armed: the slot is proven once more, because nobody can say what happened to it meanwhile.
        (JobState::Installing { step: InstallStep::ReadBack }, Some(Effect::ReadBack))
    }

    fn after_trial(&self, failed: Option<&String>, booted: Booted) -> (JobState, Option<Effect>) {
        match (booted.slot == Some(self.target), failed) {
            (true, None) => (JobState::Trial { failed: None }, Some(Effect::RunHealthChecks)),
            (true, Some(reason)) => {
                (JobState::Trial { failed: Some(reason.clone()) }, Some(Effect::AwaitClear(Phase::Reboot)))
            }
            (false, _) if let Some(reason) = self.withdrawn() => (self.as_withdrawn(reason), None),
            (false, Some(reason)) => (JobState::RolledBack { reason: reason.clone() }, None),
            (false, None) => {
                let reason = format!(
                    "{} never became healthy on slot {} and used up its tries; the boot loader went back to {}",
                    self.work.version(),
                    self.target,
                    booted.place()
                );
                (JobState::RolledBack { reason }, None)
            }
        }
    }

    fn runs_from_target(&self) -> Failure {
        let message = format!("the gateway was started from slot {} while it was being written", self.target);
        Failure { code: FailureCode::InstallFailed, message }
    }
}
