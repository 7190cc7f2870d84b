//! An update of the running slot: ordered while it runs, and carried out in the next start of the gateway, before the slot is mounted.
//!
//! ```text
//! Installing(Snapshot) ─▶ AwaitingReboot ─▶ (the start writes the slot) ─▶ Trial ─▶ Committed
//!                              └─▶ Failed: nothing was written              └─▶ RolledBack: the snapshot is back
//! ```
//!
//! What a start does about the order is decided by [`SlotWork::step`], and what became of it stands in the job: [`Applied`].

use super::{Arming, Booted, Effect, Failure, FailureCode, HoldPoint, InstallOrder, Job, JobState, Strategy};
use crate::{Phase, SlotId};
use serde::{Deserialize, Serialize};

/// Starts in which one task may be begun. One that was interrupted so often by itself brings the gateway down.
pub const MOST_ATTEMPTS: u32 = 20;

/// What a start of the gateway made of the order to write a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// The new system is in the slot, compared.
    Installed,
    /// The former system is in the slot again, compared; why it was brought back.
    Restored { reason: String },
    /// Nothing was written.
    Refused { failure: Failure },
    /// The slot holds neither of the two for certain, and cannot be started.
    Lost { failure: Failure },
}

/// What is to go into the slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotTask {
    /// The verified bundle.
    #[default]
    Install,
    /// The snapshot of what was there before, and why.
    Restore { reason: String },
}

/// How far the starts of the gateway have come with an order to write a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotWork {
    pub task: SlotTask,
    /// Starts that have begun with the task.
    pub attempts: u32,
    /// The slot may no longer hold what it held when the order was given.
    pub touched: bool,
}

/// What a start of the gateway does about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootStep {
    /// Nobody waits for it any more.
    Drop,
    /// The gateway has not restarted since it was given.
    Wait,
    /// The new system starts, or the service has to end the job first.
    GoOn,
    Install,
    Restore {
        reason: String,
    },
    /// What cannot be done, however often it is begun.
    GiveUp {
        applied: Applied,
    },
}

impl SlotWork {
    /// The snapshot is to go back into the slot.
    #[must_use]
    pub const fn back(reason: String, touched: bool) -> Self {
        Self { task: SlotTask::Restore { reason }, attempts: 0, touched }
    }

    /// What a start from `starting` does; `job` is as the database has it, `same_boot`: no restart since the order was given.
    #[must_use]
    pub fn step(&self, job: Option<&Job>, starting: Option<SlotId>, same_boot: bool) -> BootStep {
        let Some(job) = job.filter(|job| !job.state.is_ended()) else { return BootStep::Drop };
        if same_boot {
            return BootStep::Wait;
        }
        match (&job.applied, &self.task) {
            (Some(Applied::Restored { .. } | Applied::Refused { .. } | Applied::Lost { .. }), _) => {
                BootStep::GoOn
            }
            (Some(Applied::Installed), SlotTask::Install) if starting == Some(job.target) => BootStep::GoOn,
            (Some(Applied::Installed), SlotTask::Install) => {
                BootStep::Restore { reason: job.did_not_start() }
            }
            (None, SlotTask::Install) if self.attempts < MOST_ATTEMPTS => BootStep::Install,
            (None, SlotTask::Install) if self.touched => BootStep::Restore { reason: interrupted() },
            (None, SlotTask::Install) => BootStep::GiveUp {
                applied: Applied::Refused { failure: install_failed(format!("{}.", interrupted())) },
            },
            (_, SlotTask::Restore { reason }) if self.attempts < MOST_ATTEMPTS => {
                BootStep::Restore { reason: reason.clone() }
            }
            (_, SlotTask::Restore { reason }) => BootStep::GiveUp {
                applied: job.lost(reason, "putting the snapshot back was interrupted too often"),
            },
        }
    }
}

impl InstallOrder {
    /// The running slot is written, not the other one.
    #[must_use]
    pub const fn is_in_place(&self) -> bool {
        matches!(self.strategy, Strategy::InPlace)
    }
}

impl Job {
    /// The slot that runs is the one that is written, in a start of the gateway.
    #[must_use]
    pub const fn is_in_place(&self) -> bool {
        matches!(&self.order, Some(order) if order.is_in_place())
    }

    /// The version that runs after the job was rolled back, where that is certain: of an update in place whose snapshot is not back,
    /// it is not.
    #[must_use]
    pub fn went_back_to(&self) -> Option<&str> {
        let restored = matches!(self.applied, Some(Applied::Restored { .. }));
        (!self.is_in_place() || restored).then_some(self.from_version.as_str())
    }

    /// Neither the new nor the former system is in the slot: why, and what to do.
    #[must_use]
    pub fn lost(&self, reason: &str, fault: &str) -> Applied {
        let (slot, fault) = (self.target, fault.trim_end_matches('.'));
        let message = format!(
            "{reason}. {} could not be put back into slot {slot}: {fault}. The gateway runs from slot {}; install an update, or restore \
             another snapshot, into slot {slot}.",
            self.from_version,
            slot.other(),
        );
        Applied::Lost { failure: Failure { code: FailureCode::InstallFailed, message } }
    }

    pub(super) fn reconcile_in_place(&self, booted: Booted) -> Option<(JobState, Option<Effect>)> {
        use {HoldPoint as At, JobState as S};
        let on_target = booted.slot == Some(self.target);
        match &self.state {
            S::Queued
            | S::Downloading
            | S::Verifying
            | S::Installing { .. }
            | S::AwaitingReboot { armed: Arming::No }
            | S::Held { at: At::Download | At::Write | At::Arm, .. }
                if !on_target =>
            {
                let message = format!(
                    "The gateway no longer runs from slot {}, which was to be updated in place. Nothing was written.",
                    self.target
                );
                Some((S::Failed { failure: install_failed(message) }, None))
            }
            S::Installing { .. } | S::Held { at: At::Write, .. } => Some(self.before_writing()),
            S::AwaitingReboot { armed } => Some(self.after_order(*armed, booted)),
            S::Held { at: At::Arm, .. } => Some(self.after_order(Arming::No, booted)),
            S::Held { at: At::Reboot, .. } => Some(self.after_order(Arming::Yes, booted)),
            S::Held { at: At::GoBack { reason }, .. } => Some(self.after_slot_trial(Some(reason), on_target)),
            S::Trial { failed } => Some(self.after_slot_trial(failed.as_ref(), on_target)),
            _ => None,
        }
    }

    /// The order was given, or was about to be.
    fn after_order(&self, armed: Arming, booted: Booted) -> (JobState, Option<Effect>) {
        let on_target = booted.slot == Some(self.target);
        if let Some(end) = self.end_of_order(on_target) {
            return (end, None);
        }
        match (&self.applied, on_target, armed) {
            (Some(Applied::Installed), true, _) => {
                (JobState::Trial { failed: None }, Some(Effect::RunHealthChecks))
            }
            (Some(_), false, _) => (self.rolled_back(&self.did_not_start()), None),
            (_, false, _) => {
                let reason =
                    format!("the gateway could not be started from slot {} to write it", self.target);
                (self.rolled_back(&reason), None)
            }
            (_, true, Arming::Yes) if booted.rebooted => {
                let message = format!(
                    "The gateway has restarted and did not carry out the order to write slot {}: “gateway-ota boot-apply” did not run \
                     before the slot was mounted. Install the hook, then try again.",
                    self.target
                );
                (JobState::Failed { failure: install_failed(message) }, None)
            }
            (_, true, Arming::Yes) => self.after_arming(),
            (_, true, _) => {
                (JobState::AwaitingReboot { armed: Arming::No }, Some(Effect::AwaitClear(Phase::Arm)))
            }
        }
    }

    fn after_slot_trial(&self, failed: Option<&String>, on_target: bool) -> (JobState, Option<Effect>) {
        if let Some(end) = self.end_of_order(on_target) {
            return (end, None);
        }
        match (on_target, failed) {
            (true, None) => (JobState::Trial { failed: None }, Some(Effect::RunHealthChecks)),
            (true, Some(reason)) => {
                (JobState::Trial { failed: Some(reason.clone()) }, Some(Effect::AwaitClear(Phase::Reboot)))
            }
            (false, Some(reason)) => (self.rolled_back(reason), None),
            (false, None) => (self.rolled_back(&self.did_not_start()), None),
        }
    }

    /// What the start has made of the order, where that ends the job.
    fn end_of_order(&self, on_target: bool) -> Option<JobState> {
        match self.applied.clone()? {
            Applied::Installed => None,
            Applied::Restored { reason } => Some(JobState::RolledBack { reason }),
            Applied::Lost { failure } if !on_target => Some(JobState::RolledBack { reason: failure.message }),
            Applied::Refused { failure } | Applied::Lost { failure } => Some(JobState::Failed { failure }),
        }
    }

    /// The other slot runs, and the snapshot is not back.
    fn rolled_back(&self, reason: &str) -> JobState {
        JobState::RolledBack { reason: format!("{reason}. {}", self.what_to_do()) }
    }

    fn did_not_start(&self) -> String {
        let (version, slot) = (self.work.version(), self.target);
        format!("{version} did not prove itself on slot {slot} and used up its tries")
    }

    fn what_to_do(&self) -> String {
        let other = self.target.other();
        let kept = self.snapshot.as_ref().map_or_else(
            || format!("Install an update into slot {}.", self.target),
            |snapshot| {
                format!("Restore {} from {snapshot}, or install an update seamlessly.", self.from_version)
            },
        );
        format!("The gateway runs from slot {other}. {kept}")
    }
}

fn install_failed(message: String) -> Failure {
    Failure { code: FailureCode::InstallFailed, message }
}

fn interrupted() -> String {
    format!("Writing the slot was interrupted in {MOST_ATTEMPTS} starts")
}
