//! The life of a job, as a pure state machine.
//!
//! ```text
//! Queued ─▶ Downloading ─▶ Verifying ─▶ Downloaded ─▶ Installing ─▶ AwaitingReboot ─▶ Trial ─▶ Committed
//!    └────────┴─────────────┴─────────────┴─▶ Cancelled    └─▶ Failed(code)            └─▶ RolledBack
//!               ⇅ Held(reasons)  — a gate closed; resumes by itself when it clears
//! ```
//!
//! An update goes the whole way. A deployment and a restore have their bytes already and begin at `Verifying`; a rollback begins
//! with reading its slot; a snapshot is `Creating` and then `Completed`. An installation may take a snapshot before it touches its
//! slot, and one that is `rolling` brings the components of its bundle first, see `job/rolling.rs`. A factory reset installs the
//! recovery image where there is one; the rest of it happens at the restart, before the service runs.
//! An update in place is written there too, into the slot that ran ([`in_place`](SlotWork)).
//!
//! The runner performs one [`Effect`] at a time and reports its outcome as a [`JobEvent`]. `Start`, `Install`, `Cancel` and
//! `RebootOrdered` come from people; `GateClosed` and `Cleared` from the safety verdict; `Booted` from the start of the
//! service, where the boot environment wins over what the job remembers; everything else from the ports. What the gateway began
//! by itself restarts in a maintenance window; when that is over the job rests, `Held` by it, until the next one or a person
//! orders the restart.

mod apply;
mod foreign;
mod in_place;
mod reconcile;
mod reset;
mod rolling;
mod work;

use crate::{Actor, BootChange, CheckReport, JobId, Phase, SlotId, overall_percentage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use foreign::ForeignJob;
pub use in_place::{Applied, BootStep, MOST_ATTEMPTS, SlotTask, SlotWork};
pub use rolling::{ComponentPlace, ComponentTurn, ComponentVersion, TurnState, TurnStep};
pub use work::{
    FactoryReset, FormerSystem, JobKind, RecoveryImage, RestoreSource, RestoredVersion, SnapshotOrder,
    UploadedImage, Work,
};

/// How an update reaches the system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Write the inactive slot, switch at the reboot.
    #[default]
    Seamless,
    /// Write the running slot in the next start, before it is mounted.
    InPlace,
    Rolling,
}

impl Strategy {
    pub const ALL: [Self; 3] = [Self::Seamless, Self::InPlace, Self::Rolling];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seamless => "seamless",
            Self::InPlace => "in_place",
            Self::Rolling => "rolling",
        }
    }
}

/// What a person asked for when they asked for the installation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallOrder {
    /// Restart as soon as the machine is still; otherwise the slot is armed and the restart waits for a person.
    pub reboot_after: bool,
    /// Take a snapshot of the running system before the slot is touched; without it nothing is installed.
    #[serde(default)]
    pub create_snapshot: bool,
    /// How the images reach the system.
    #[serde(default)]
    pub strategy: Strategy,
}

/// What the verifier found in the signed manifest of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The signed version.
    pub version: String,
    pub compatible: String,
    /// Kernel that the manifest's `[meta.gateway-ota]` names.
    pub kernel: Option<String>,
    /// Subject of the certificate that signed it.
    pub signer: String,
    pub images: Vec<ImageFacts>,
}

impl Bundle {
    /// Bytes that the images take in a slot.
    #[must_use]
    pub fn image_bytes(&self) -> u64 {
        self.images.iter().fold(0, |sum, image| sum.saturating_add(image.size))
    }
}

/// One signed image of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Slot class, for example `rootfs`.
    pub class: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// One operation, from its order to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    #[serde(flatten)]
    pub work: Work,
    /// The slot that it makes next: never the booted one, but for an update in place. For a snapshot the slot that it is taken of.
    pub target: SlotId,
    /// The version that was running when the job was made.
    pub from_version: String,
    pub order: Option<InstallOrder>,
    /// The end of the maintenance window in which it may be armed and restarted. None: it does not ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_until: Option<Timestamp>,
    /// Who started it. In the saved form name and origin stand side by side: an older release reads the name.
    #[serde(flatten)]
    pub actor: Actor,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Known from the verification on.
    pub bundle: Option<Bundle>,
    /// The snapshot that was taken before the slot was touched.
    #[serde(default, rename = "snapshot_taken")]
    pub snapshot: Option<JobId>,
    /// Of an update in place: what the start of the gateway made of its order, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// What became of the checks of the trial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckReport>,
    /// Of a rolling installation: the turns of the components, once they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<Vec<ComponentTurn>>,
    /// The overall percentage that people have seen. It is durable before it is shown: what is run again after a restart does
    /// not move it backwards.
    #[serde(default)]
    pub reached: f64,
    pub state: JobState,
}

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

/// Codes with which a job can fail: the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    InvalidImage,
    SignatureFailed,
    InsufficientSpace,
    DownloadFailed,
    InstallFailed,
    RollbackFailed,
    RecoveryFailed,
}

impl FailureCode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidImage => "invalid_image",
            Self::SignatureFailed => "signature_failed",
            Self::InsufficientSpace => "insufficient_space",
            Self::DownloadFailed => "download_failed",
            Self::InstallFailed => "install_failed",
            Self::RollbackFailed => "rollback_failed",
            Self::RecoveryFailed => "recovery_failed",
        }
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub code: FailureCode,
    /// A sentence for the operator.
    pub message: String,
}

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
    /// `until`: the end of the maintenance window that orders it; none where a person does.
    RebootOrdered {
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

impl Job {
    /// The word of the interface for the job's state: the state's own, but for what the interface calls by the kind of job.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        let works = matches!(
            self.state,
            JobState::Queued
                | JobState::Verifying
                | JobState::Creating
                | JobState::Installing { .. }
                | JobState::Rolling { .. }
        );
        match (self.work.kind(), &self.state) {
            (JobKind::Update, state) => state.name(),
            (_, JobState::Committed) => "completed",
            (JobKind::Deploy, _) if works => "deploying",
            (JobKind::Restore, _) if works => "restoring",
            (JobKind::Rollback, _) if works => "checking",
            (JobKind::Snapshot, _) if works => "creating",
            (JobKind::Reset, _) if works => "resetting",
            (_, state) => state.name(),
        }
    }

    /// What the job does right now, as a word for `current_operation`.
    #[must_use]
    pub fn current_operation(&self) -> String {
        let slot = self.target.as_str().to_lowercase();
        match &self.state {
            JobState::Queued => "queued".to_owned(),
            JobState::Downloading => "downloading".to_owned(),
            JobState::Verifying => "verifying".to_owned(),
            JobState::Creating | JobState::Installing { step: InstallStep::Snapshot } => {
                "creating_snapshot".to_owned()
            }
            JobState::Installing { step: InstallStep::MarkBad } => format!("preparing_partition_{slot}"),
            JobState::Installing { step: InstallStep::Write } => format!("flashing_partition_{slot}"),
            JobState::Installing { step: InstallStep::ReadBack } => format!("verifying_partition_{slot}"),
            JobState::Rolling { turn, step } => self.turn_operation(*turn, step),
            JobState::AwaitingReboot { .. } => "waiting_for_reboot".to_owned(),
            state if state.awaits_window() => "waiting_for_window".to_owned(),
            JobState::Held { .. } => "waiting_for_safety".to_owned(),
            JobState::Trial { failed: None } => "health_checks".to_owned(),
            JobState::Trial { failed: Some(_) } => "rolling_back".to_owned(),
            _ => "none".to_owned(),
        }
    }

    /// What makes the running slot next again. A slot that was written may not be what it should be and can no longer be started;
    /// any other one was proven before and stays what it is, and so does a running one that a start was to write; unless the running
    /// system is none that a slot can hold and gets no `tries`: then it would be next all the same.
    #[must_use]
    pub const fn stand_down(&self, booted: SlotId, tries: u8) -> BootChange {
        if tries == 0 || self.work.writes_slot() && !self.is_in_place() {
            BootChange::Disarm { slot: self.target, booted, tries }
        } else {
            BootChange::Commit { booted, tries }
        }
    }

    /// Takes in how far the running step is: `done` is its fraction, 0 to 1. True when `reached` has moved on, by whole
    /// percents: seldom enough to be made durable each time.
    pub fn come_to(&mut self, done: f64) -> bool {
        let overall = overall_percentage(self, done).floor();
        let further = overall > self.reached;
        if further {
            self.reached = overall;
        }
        further
    }

    /// Whether the maintenance window is over in which the job may do what `phase` is asked for.
    #[must_use]
    pub fn is_past_window(&self, phase: Phase, now: Timestamp) -> bool {
        // A way back is taken at any time.
        let asks = match &self.state {
            JobState::AwaitingReboot { .. }
            | JobState::Held { at: HoldPoint::Arm | HoldPoint::Reboot, .. } => true,
            JobState::Rolling { step, .. } | JobState::Held { at: HoldPoint::Component { step, .. }, .. } => {
                *step == TurnStep::Ready
            }
            _ => false,
        };
        let restarts = matches!(phase, Phase::Arm | Phase::Reboot) && asks;
        restarts && self.restart_until.is_some_and(|until| until <= now)
    }

    /// A job that has just been asked for.
    #[must_use]
    pub fn new(id: JobId, work: Work, target: SlotId, from: String, actor: Actor, now: Timestamp) -> Self {
        Self {
            id,
            work,
            target,
            from_version: from,
            order: None,
            restart_until: None,
            actor,
            created_at: now,
            ended_at: None,
            bundle: None,
            snapshot: None,
            applied: None,
            checks: Vec::new(),
            turns: None,
            reached: 0.0,
            state: JobState::Queued,
        }
    }
}
