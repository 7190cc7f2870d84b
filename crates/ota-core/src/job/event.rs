//! What happens to a job, and what is to be done next.

use jiff::Timestamp;

use super::{Bundle, ComponentTurn, Failure, InstallOrder};
use crate::{Actor, CheckReport, JobId, Phase, SlotId};

/// What the system says about itself when the service starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booted {
    /// The slot that runs, from the running system; none where the recovery system does.
    pub slot: Option<SlotId>,
    /// The slot that the boot environment would start next.
    pub next_boot: Option<SlotId>,
    /// True when the boot id differs from the one seen by the last start of the service.
    pub rebooted: bool,
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEvent {
    Start,
    Fetched,
    Verified(Bundle),
    SnapshotTaken(JobId),
    Install(InstallOrder),
    MarkedBad,
    Written,
    ReadBackMatched,
    GateClosed {
        reasons: Vec<String>,
    },
    Cleared,
    /// The maintenance window is over in which the job might have restarted.
    WindowClosed,
    Armed,
    /// `until`: the end of the maintenance window that orders it; none where it is not bound to one.
    RebootOrdered {
        by: Actor,
        until: Option<Timestamp>,
    },
    /// The turns of the components that the bundle brings.
    Planned(Vec<ComponentTurn>),
    Activated,
    /// The former component is current again. `complaint`: why it did not come up.
    PutBack {
        complaint: Option<String>,
    },
    RebootFailed,
    Booted(Booted),
    HealthPassed(Vec<CheckReport>),
    HealthFailed {
        reason: String,
        checks: Vec<CheckReport>,
    },
    BootCommitted,
    /// `percentage`: how far the operation was.
    Cancel {
        percentage: f64,
        reason: String,
    },
    Disarmed {
        percentage: f64,
        reason: String,
    },
    Failed(Failure),
}

/// What the runner has to do next. One at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Download the target into staging, resuming at the checkpoint. → `Fetched`
    Fetch,
    /// Verify the staged bundle: chain, manifest, verity tree, every image. → `Verified`
    Verify,
    /// Take a snapshot: the one that the job is there for, or one of the running system. → `SnapshotTaken`
    TakeSnapshot,
    /// Mark the target bad in the boot environment. → `MarkedBad`
    MarkTargetBad,
    /// Write and flush the images. → `Written`, or `GateClosed` when the last moment's verdict is not clear
    WriteSlot,
    /// Read the slot past the cache and compare. → `ReadBackMatched`
    ReadBack,
    /// Wait until the verdict of this phase is clear. → `GateClosed` while it is not, `Cleared` when it is, `WindowClosed` when
    /// that comes first
    AwaitClear(Phase),
    /// Make the target next with all its tries, in one commit. → `Armed` or `GateClosed`
    Arm,
    /// See which components the bundle brings, and what there is of them. → `Planned`
    PlanComponents,
    /// Write and flush the component into its place that is not current. → `Written` or `GateClosed`
    WriteComponent,
    /// Read the place past the cache and compare. → `ReadBackMatched`
    ReadBackComponent,
    /// Make the place current and run the component's command. → `Activated`, or `GateClosed` before anything was done
    ActivateComponent,
    /// Run the component's checks. → `HealthPassed` or `HealthFailed`
    CheckComponent,
    /// Make the former place current and run the command. → `PutBack` or `GateClosed`
    PutBackComponent,
    /// Wait for a person to order the restart. → `RebootOrdered`
    AwaitOrder,
    /// Restart the gateway. The process does not see its end; the next start sends `Booted`. → `RebootFailed`
    Reboot,
    /// Run the required and wanted checks. → `HealthPassed` or `HealthFailed`
    RunHealthChecks,
    /// The running slot proved itself. → `BootCommitted`
    CommitBoot,
    /// Make the other slot next, mark this one bad, restart. The next start sends `Booted`.
    GoBack,
    /// Make the running slot next again. → `Disarmed`
    Disarm { percentage: f64, reason: String },
}

/// A transition that the machine refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The new system is running or about to: there is nothing left to cancel.
    #[error("the new system has already been started; it can only be confirmed or rolled back")]
    TooLateToCancel,
    #[error("the job has ended ({0})")]
    Ended(&'static str),
    #[error("the event {event} does not fit a job that is {state}")]
    OutOfOrder { state: &'static str, event: &'static str },
}

impl JobEvent {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Fetched => "fetched",
            Self::Verified(_) => "verified",
            Self::SnapshotTaken(_) => "snapshot taken",
            Self::Install(_) => "install",
            Self::MarkedBad => "marked bad",
            Self::Written => "written",
            Self::ReadBackMatched => "read back",
            Self::GateClosed { .. } => "gate closed",
            Self::Cleared => "cleared",
            Self::WindowClosed => "window closed",
            Self::Armed => "armed",
            Self::RebootOrdered { .. } => "reboot ordered",
            Self::Planned(_) => "planned",
            Self::Activated => "activated",
            Self::PutBack { .. } => "put back",
            Self::RebootFailed => "reboot failed",
            Self::Booted(_) => "booted",
            Self::HealthPassed(_) => "health passed",
            Self::HealthFailed { .. } => "health failed",
            Self::BootCommitted => "boot committed",
            Self::Cancel { .. } => "cancel",
            Self::Disarmed { .. } => "disarmed",
            Self::Failed(_) => "failed",
        }
    }
}
