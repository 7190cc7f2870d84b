//! A factory reset and the restart in which it is carried out.
//!
//! The order to reset the data is durable before the target is armed and before every restart of the job. So a gateway that starts
//! without having carried it out was told to leave it, and one that has carried it out goes on with what is left.

use super::{Arming, Booted, Effect, FactoryReset, InstallStep, Job, JobState, Work};
use crate::{Phase, percentage};
use jiff::Timestamp;

/// Why a reset without an order ends.
const LOST: &str = "the gateway was not reset: its start found no order that it could carry out";

impl Job {
    /// Why somebody cancelled the factory reset; none where nobody did.
    #[must_use]
    pub fn withdrawn(&self) -> Option<&str> {
        match &self.work {
            Work::Reset(reset) => reset.withdrawn.as_deref(),
            _ => None,
        }
    }

    /// How a reset ends that was cancelled.
    pub(super) fn as_withdrawn(&self, reason: &str) -> JobState {
        JobState::Cancelled { percentage: percentage(self, 0.0), reason: reason.to_owned() }
    }

    /// Takes note that the data are reset. A reset that installs nothing is over then.
    pub fn carry_out_reset(&mut self, now: Timestamp) {
        let Work::Reset(reset) = &mut self.work else { return };
        reset.carried_out = true;
        if reset.image.is_none() && !self.state.is_ended() {
            (self.state, self.ended_at, self.reached) = (JobState::Completed, Some(now), 100.0);
        }
    }

    /// What a start of the service means to a reset that waited for the restart; `None`: what it means to any other job.
    pub(super) fn reset_after_waiting(
        &self,
        reset: &FactoryReset,
        armed: Arming,
        booted: Booted,
    ) -> Option<(JobState, Option<Effect>)> {
        let on_target = booted.slot == Some(self.target);
        let is_over = reset.image.is_none() && reset.carried_out;
        if let Some(reason) = reset.withdrawn.as_ref().filter(|_| !is_over) {
            return Some(self.goes_on_being_cancelled(reason, booted));
        }
        match (reset.image.is_some(), reset.carried_out) {
            (false, true) => Some((JobState::Completed, None)),
            (false, false) if booted.rebooted && armed == Arming::Yes => {
                Some((self.as_withdrawn(LOST), None))
            }
            (false, false) => {
                Some((JobState::AwaitingReboot { armed: Arming::No }, Some(Effect::AwaitClear(Phase::Arm))))
            }
            (true, false) if on_target => Some((
                JobState::Trial { failed: Some(LOST.to_owned()) },
                Some(Effect::AwaitClear(Phase::Reboot)),
            )),
            // The power went between the order and the commit: the data are reset, and the image is still to be started.
            (true, true) if !on_target && booted.next_boot != Some(self.target) && armed != Arming::Yes => {
                Some((JobState::Installing { step: InstallStep::ReadBack }, Some(Effect::ReadBack)))
            }
            _ => None,
        }
    }

    /// The power went after somebody had cancelled: the slot may still be next, or run already.
    fn goes_on_being_cancelled(&self, reason: &str, booted: Booted) -> (JobState, Option<Effect>) {
        let reason = reason.to_owned();
        if booted.slot == Some(self.target) {
            return (JobState::Trial { failed: Some(reason) }, Some(Effect::AwaitClear(Phase::Reboot)));
        }
        if booted.next_boot == Some(self.target) {
            let percentage = percentage(self, 0.0);
            return (self.state.clone(), Some(Effect::Disarm { percentage, reason }));
        }
        (self.as_withdrawn(&reason), None)
    }
}
