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
mod event;
mod foreign;
mod in_place;
mod reconcile;
mod reset;
mod rolling;
mod state;
mod work;

use crate::{Actor, BootChange, CheckReport, JobId, Phase, SlotId, overall_percentage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use event::{Booted, Denied, Effect, JobEvent};
pub use foreign::ForeignJob;
pub use in_place::{Applied, BootStep, MOST_ATTEMPTS, SlotTask, SlotWork};
pub use rolling::{ComponentPlace, ComponentTurn, ComponentVersion, TurnState, TurnStep};
pub use state::{Arming, HoldPoint, InstallStep, JobState, WINDOW};
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
    /// Who answers for it: who started it, or who ordered its installation or its restart since. In the saved form name and origin stand side by side: an older release reads the name.
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
