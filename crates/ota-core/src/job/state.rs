//! Where a job can be.

use serde::{Deserialize, Serialize};

use super::{Failure, TurnStep};
use crate::Phase;

/// The steps of writing a slot, in their order. Between them the state is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallStep {
    /// The running system is kept as a snapshot.
    Snapshot,
    /// The boot environment says that the target cannot be started.
    MarkBad,
    /// The images go into the slot and are flushed.
    Write,
    /// The slot is read past the page cache and compared with the signed hashes.
    ReadBack,
}

/// The word, among the constraints that a job waits for, for the maintenance window.
pub const WINDOW: &str = "maintenance_window";

/// Where a job waits for a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldPoint {
    /// Nothing is fetched yet, or what is fetched waits for the rest.
    Download,
    /// The bundle is verified; the slot has not been touched, or is written again from the start.
    Write,
    /// The slot is written and proven.
    Arm,
    Reboot,
    /// The trial failed; the reboot back to the proven slot waits.
    GoBack {
        reason: String,
    },
    /// Before a step of a component's turn.
    Component {
        turn: usize,
        step: TurnStep,
    },
}

impl HoldPoint {
    /// The word of the interface for what is held.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Write => "write",
            Self::Arm => "arm",
            Self::Reboot => "reboot",
            Self::GoBack { .. } => "go_back",
            Self::Component { step, .. } => step.held(),
        }
    }

    /// The phase whose verdict is waited for.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Download => Phase::Download,
            Self::Write => Phase::Write,
            Self::Arm => Phase::Arm,
            Self::Reboot | Self::GoBack { .. } => Phase::Reboot,
            Self::Component { step, .. } => step.phase(),
        }
    }
}

/// State of a job. The data of a state lives in its variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobState {
    Queued,
    Downloading,
    Verifying,
    /// Complete and verified in staging; nothing happens until somebody installs it.
    Downloaded,
    /// A snapshot is being taken.
    Creating,
    Installing {
        step: InstallStep,
    },
    /// A component has its turn.
    Rolling {
        turn: usize,
        step: TurnStep,
    },
    /// The slot is written and proven. `armed`: it is next in the boot environment.
    AwaitingReboot {
        armed: Arming,
    },
    Held {
        at: HoldPoint,
        reasons: Vec<String>,
    },
    /// Running from the new slot. `failed` carries the reason once a required check failed.
    Trial {
        failed: Option<String>,
    },
    Committed,
    /// The end of what needs no restart.
    Completed,
    Cancelled {
        percentage: f64,
        reason: String,
    },
    Failed {
        failure: Failure,
    },
    RolledBack {
        reason: String,
    },
}

/// Whether the target has been made next in the boot environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arming {
    No,
    /// The commit has been asked for and not yet confirmed.
    Underway,
    Yes,
}

impl JobState {
    /// The word of the interface for this state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Downloading => "downloading",
            Self::Verifying => "verifying",
            Self::Downloaded => "downloaded",
            Self::Creating => "creating",
            Self::Installing { .. } | Self::Rolling { .. } => "installing",
            Self::AwaitingReboot { .. } => "awaiting_reboot",
            Self::Held { .. } => "held",
            Self::Trial { .. } => "trial",
            Self::Committed => "committed",
            Self::Completed => "completed",
            Self::Cancelled { .. } => "cancelled",
            Self::Failed { .. } => "failed",
            Self::RolledBack { .. } => "rolled_back",
        }
    }

    /// A snapshot is being taken.
    #[must_use]
    pub const fn takes_snapshot(&self) -> bool {
        matches!(self, Self::Creating | Self::Installing { step: InstallStep::Snapshot })
    }

    /// It rests until the next maintenance window or a person lets it go on.
    #[must_use]
    pub fn awaits_window(&self) -> bool {
        matches!(self, Self::Held { reasons, .. } if matches!(reasons.as_slice(), [only] if only == WINDOW))
    }

    /// True when nothing can happen to the job any more.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(
            self,
            Self::Committed
                | Self::Completed
                | Self::Cancelled { .. }
                | Self::Failed { .. }
                | Self::RolledBack { .. }
        )
    }

    /// True when the target is (or may be) next in the boot environment.
    #[must_use]
    pub const fn is_armed(&self) -> bool {
        matches!(
            self,
            Self::AwaitingReboot { armed: Arming::Yes | Arming::Underway }
                | Self::Held { at: HoldPoint::Reboot, .. }
        )
    }

    /// True when the boot environment has confirmed that the target starts next; *underway* is not yet that.
    #[must_use]
    pub const fn is_next(&self) -> bool {
        matches!(self, Self::AwaitingReboot { armed: Arming::Yes } | Self::Held { at: HoldPoint::Reboot, .. })
    }

    /// True while a cancel is still possible.
    #[must_use]
    pub const fn can_cancel(&self) -> bool {
        !self.is_ended()
            && match self {
                Self::Trial { .. } | Self::Held { at: HoldPoint::GoBack { .. }, .. } => false,
                Self::Rolling { step, .. } | Self::Held { at: HoldPoint::Component { step, .. }, .. } => {
                    !step.is_switched()
                }
                _ => true,
            }
    }
}
