//! Why a use case was refused.

use ota_core::{Assessment, Failure, FailureCode, InvalidSettings, JobId, PinKind};
use std::time::Duration;

use crate::ports::{RepositoryError, ResumeFault, StepError, StoreError};

/// A request that was not carried out. Nothing has changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OtaError {
    #[error("There is no update “{0}”.")]
    UnknownUpdate(String),
    #[error("There is no job “{0}”.")]
    UnknownJob(String),
    /// A sentence that says what is wrong with the request.
    #[error("{0}")]
    BadRequest(String),
    #[error("Another operation is in progress: job {holder} is {state}.")]
    Busy { holder: JobId, state: &'static str },
    #[error("Debug bundle {0} is being made. Wait until it is ready.")]
    MakingDebugBundle(String),
    /// The constraints that forbid it.
    #[error("{}", blocked_sentence(.0))]
    Blocked(Vec<Assessment>),
    #[error("Job {job} cannot be installed: it is {state}, not downloaded.")]
    NotDownloaded { job: JobId, state: &'static str },
    #[error("Job {job} cannot be cancelled: {reason}.")]
    TooLateToCancel { job: JobId, reason: String },
    #[error("There is no verified image “{0}” with this checksum. Upload and verify it first.")]
    UnknownImage(String),
    /// An upload that comes in parts did not go on.
    #[error("{0}")]
    Upload(ResumeFault),
    #[error("There is no snapshot “{0}”.")]
    UnknownSnapshot(String),
    #[error("There is neither a snapshot nor a kept bundle of {0} on this gateway.")]
    NothingToRestore(String),
    /// It is there, and cannot be kept or restored.
    #[error("{reason}")]
    Unrestorable { reason: String, state: &'static str },
    #[error(
        "The recovery system runs from slot R, which cannot be written meanwhile. Repair slot A or B, and start from it first."
    )]
    RecoveryRuns,
    #[error("{reason}")]
    NoWayBack { reason: String, state: &'static str },
    /// The release cannot be installed on this gateway.
    #[error("{0}")]
    Unfit(String),
    #[error("{}", .0.message)]
    Step(Failure),
    /// There is no room for what was asked for; nothing was begun.
    #[error("{}", .0.message)]
    NoRoom(Failure),
    #[error("{}", .0.message)]
    Repository(RepositoryError),
    #[error("No {0} PIN is set on this gateway: set one with “gateway-ota pin set {0}”.")]
    PinNotSet(PinKind),
    #[error("{}", wrong_pin(*.locked))]
    WrongPin {
        kind: PinKind,
        /// The wait that this try has brought about.
        locked: Option<Duration>,
    },
    #[error("Too many wrong PINs: the next try is possible in {} s.", .left.as_secs().max(1))]
    PinLocked { kind: PinKind, left: Duration },
    /// A setting that cannot be.
    #[error("{0}.")]
    Settings(#[from] InvalidSettings),
    #[error("Somebody else has changed the settings meanwhile. Nothing was saved: look at them again.")]
    SettingsMoved,
    #[error("The gateway has not finished starting. Try again in a moment.")]
    Starting,
    /// The service ends in the middle of it.
    #[error("The service ends. Go on when it is there again: what has come of an upload in parts is kept.")]
    Stopping,
    /// What cannot be recorded is not done.
    #[error("The audit log cannot be written; nothing was done.")]
    AuditUnavailable(StoreError),
    #[error("The gateway could not save its state.")]
    Store(StoreError),
    #[error("The gateway could not carry out the request.")]
    Internal(String),
}

impl OtaError {
    /// A short stable word, for the audit log.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownUpdate(_)
            | Self::UnknownJob(_)
            | Self::UnknownImage(_)
            | Self::UnknownSnapshot(_)
            | Self::NothingToRestore(_) => "not_found",
            Self::BadRequest(_) | Self::Settings(_) => "bad_request",
            Self::SettingsMoved => "precondition_failed",
            Self::Busy { .. } | Self::MakingDebugBundle(_) => "busy",
            Self::Blocked(_) => "blocked",
            Self::NotDownloaded { .. }
            | Self::TooLateToCancel { .. }
            | Self::Unrestorable { .. }
            | Self::RecoveryRuns
            | Self::NoWayBack { .. } => "conflict",
            Self::Upload(_) => "not_received",
            Self::Unfit(_) => "invalid_image",
            Self::Step(failure) | Self::NoRoom(failure) => failure.code.as_str(),
            Self::Repository(_) => "download_failed",
            Self::PinNotSet(_) => "pin_not_set",
            Self::PinLocked { .. } => "pin_locked",
            Self::WrongPin { .. } => "invalid_pin",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::AuditUnavailable(_) | Self::Store(_) | Self::Internal(_) => "internal",
        }
    }
}

impl From<StoreError> for OtaError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => Self::NoRoom(disk_full()),
            error => Self::Store(error),
        }
    }
}

impl From<ResumeFault> for OtaError {
    fn from(fault: ResumeFault) -> Self {
        match fault {
            ResumeFault::Step(error) => error.into(),
            fault => Self::Upload(fault),
        }
    }
}

/// What cannot be noted is not done.
pub(crate) fn disk_full() -> Failure {
    let message =
        "The gateway’s disk is full, so that its state cannot be saved. Free space on it, then try again.";
    Failure { code: FailureCode::InsufficientSpace, message: message.to_owned() }
}

/// What a request waits for is cancelled by the end of the service alone.
impl From<StepError> for OtaError {
    fn from(error: StepError) -> Self {
        match error.failure() {
            Some(failure) => Self::Step(failure),
            None => Self::Stopping,
        }
    }
}

fn wrong_pin(locked: Option<Duration>) -> String {
    match locked {
        None => "The PIN is wrong.".to_owned(),
        Some(left) => format!("The PIN is wrong. The next try is possible in {} s.", left.as_secs().max(1)),
    }
}

fn blocked_sentence(blocking: &[Assessment]) -> String {
    let reasons: Vec<_> = blocking.iter().map(|a| format!("{}: {}", a.constraint, a.reason)).collect();
    format!("Blocked by safety constraints — {}", reasons.join(" "))
}

/// The engine cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the durable state cannot be read: {0}")]
pub struct OpenError(#[from] pub StoreError);
