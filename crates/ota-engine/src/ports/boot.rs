use async_trait::async_trait;
use ota_core::{ArmGate, BootChange, BootSelection, Clearance, Job, RebootGate, SlotId};

use std::time::Duration;

use super::{ReadBack, StepError};

/// How old a clearance may be in the moment of the commit.
const FRESH: Duration = Duration::from_secs(1);

/// A change of the boot environment that may be made: what makes a slot start asks for its proofs.
#[derive(Debug)]
pub struct PermittedChange {
    change: BootChange,
    /// When its clearance was given, on the boot clock, where it needs one.
    cleared: Option<Duration>,
}

impl PermittedChange {
    /// The written and proven slot becomes next, with `tries` attempts, while the machine stands still.
    #[must_use]
    pub fn arm(proof: &ReadBack, clearance: Clearance<ArmGate>, tries: u8) -> Self {
        let change = BootChange::Arm { slot: proof.slot(), tries };
        Self { change, cleared: Some(clearance.at()) }
    }

    /// The running slot is next again instead of the job's.
    #[must_use]
    pub const fn stand_down(job: &Job, booted: SlotId, tries: u8) -> Self {
        Self::harmless(job.stand_down(booted, tries))
    }

    /// Away from `slot`: it cannot be started any more and `proven` is next.
    #[must_use]
    pub const fn disarm(slot: SlotId, proven: SlotId, tries: u8) -> Self {
        Self::harmless(BootChange::Disarm { slot, booted: proven, tries })
    }

    #[must_use]
    pub const fn mark_bad(slot: SlotId) -> Self {
        Self::harmless(BootChange::MarkBad { slot })
    }

    #[must_use]
    pub const fn mark_good(slot: SlotId, tries: u8) -> Self {
        Self::harmless(BootChange::MarkGood { slot, tries })
    }

    /// The slot that a start has just written and compared, before it was mounted: it is next again, with all its tries. No clearance is
    /// asked for: the machine was still when this restart was ordered, and the gateway has not come up since.
    #[must_use]
    pub const fn rearm(proof: &ReadBack, tries: u8) -> Self {
        Self::harmless(BootChange::Arm { slot: proof.slot(), tries })
    }

    /// Away from `slot`, to what the boot loader has beside it.
    #[must_use]
    pub fn away_from(slot: SlotId, boot: &BootSelection, tries: u8) -> Self {
        Self::harmless(boot.away_from(slot, tries))
    }

    /// The running slot proved itself.
    #[must_use]
    pub const fn commit(booted: SlotId, tries: u8) -> Self {
        Self::harmless(BootChange::Commit { booted, tries })
    }

    /// Before the first byte of a write into the recovery slot: it cannot be started.
    #[must_use]
    pub const fn without_recovery() -> Self {
        Self::harmless(BootChange::Recovery { tries: 0 })
    }

    /// The recovery slot holds a proven system, or has just been started. It comes after all others.
    #[must_use]
    pub const fn with_recovery(tries: u8) -> Self {
        Self::harmless(BootChange::Recovery { tries })
    }

    #[must_use]
    pub const fn change(&self) -> BootChange {
        self.change
    }

    /// Whether the clearance is too old at `now` (boot clock). Asked under the environment's lock, for which another program
    /// may have let us wait while the machine began to move.
    #[must_use]
    pub fn is_late(&self, now: Duration) -> bool {
        self.cleared.is_some_and(|at| now.saturating_sub(at) > FRESH)
    }

    /// Nothing starts by it that did not start before.
    const fn harmless(change: BootChange) -> Self {
        Self { change, cleared: None }
    }
}

/// The boot loader's environment.
#[async_trait]
pub trait BootEnvironment: Send + Sync {
    async fn read(&self) -> Result<BootSelection, StepError>;

    /// Applies the change in one commit and returns the selection that was read back.
    ///
    /// # Errors
    /// `Late` when the clearance has grown too old before the change could be made, else `InstallFailed`; the environment then
    /// holds either all of the change or none of it.
    async fn commit(&self, change: PermittedChange) -> Result<BootSelection, StepError>;
}

/// Restarts the gateway.
#[async_trait]
pub trait Reboot: Send + Sync {
    /// Identifies the boot that this process runs in; differs after every restart of the gateway.
    fn boot_id(&self) -> String;

    /// Asks for the restart. On success the process ends soon after (or is replaced before this returns).
    ///
    /// # Errors
    /// `InstallFailed` when the restart could not be asked for.
    async fn reboot(&self, clearance: Clearance<RebootGate>) -> Result<(), StepError>;
}
