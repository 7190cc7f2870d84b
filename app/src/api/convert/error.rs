//! Refusals of the engine as failures of the interface. This is the one place that knows which is which.

use ota_api::{ApiError, ErrorCode, human};
use ota_core::FailureCode;
use ota_engine::{OtaError, ports::ResumeFault};
use serde_json::json;

/// Seconds after which a gateway whose service starts, or ends, is worth another try.
const RESTART_RETRY: u32 = 2;
/// Seconds after which an upload that is in use is worth another try.
const BUSY_RETRY: u32 = 1;

/// The failure that a client sees. What only the operator of the gateway may know goes to the log.
#[must_use]
pub fn refusal(error: OtaError) -> ApiError {
    let message = error.to_string();
    match error {
        OtaError::UnknownUpdate(_)
        | OtaError::UnknownJob(_)
        | OtaError::UnknownImage(_)
        | OtaError::UnknownSnapshot(_)
        | OtaError::NothingToRestore(_) => ApiError::new(ErrorCode::NotFound, message),
        OtaError::BadRequest(_) => ApiError::new(ErrorCode::BadRequest, message),
        OtaError::Settings(invalid) => {
            ApiError::new(ErrorCode::BadRequest, message).with_details(json!({ "field": invalid.field() }))
        }
        OtaError::SettingsMoved => ApiError::new(ErrorCode::PreconditionFailed, message),
        OtaError::Busy { holder, state } => ApiError::new(ErrorCode::OtaOperationInProgress, message)
            .with_details(json!({ "job_id": holder, "state": state })),
        OtaError::MakingDebugBundle(id) => ApiError::new(ErrorCode::OtaOperationInProgress, message)
            .with_details(json!({ "bundle_id": id, "state": "creating" })),
        OtaError::Unrestorable { state, .. } => {
            ApiError::conflict(ErrorCode::OtaRecoveryFailed, message, state)
        }
        OtaError::RecoveryRuns => {
            ApiError::conflict(ErrorCode::OtaRecoveryFailed, message, "recovery_slot_running")
        }
        OtaError::NoWayBack { state, .. } => ApiError::conflict(ErrorCode::OtaRollbackFailed, message, state),
        OtaError::Starting => restarting(message, "starting"),
        OtaError::Stopping => restarting(message, "stopping"),
        OtaError::Blocked(constraints) => {
            let blocking: Vec<_> = constraints.iter().map(super::blocking).collect();
            ApiError::new(ErrorCode::OtaUpdateBlocked, message).with_details(json!({ "blocking": blocking }))
        }
        OtaError::NotDownloaded { job, state } => {
            ApiError::new(ErrorCode::OtaInstallFailed, message).with_details(conflict(&job, state))
        }
        OtaError::TooLateToCancel { job, reason } => {
            ApiError::new(ErrorCode::OtaInstallFailed, message).with_details(conflict(&job, &reason))
        }
        OtaError::Upload(fault) => upload(fault, message),
        OtaError::Unfit(_) => ApiError::new(ErrorCode::OtaInvalidImage, message),
        OtaError::Step(failure) | OtaError::NoRoom(failure) => ApiError::new(code(failure.code), message),
        OtaError::Repository(_) => ApiError::new(ErrorCode::OtaDownloadFailed, message),
        OtaError::PinNotSet(_) | OtaError::WrongPin { locked: None, .. } => {
            ApiError::new(ErrorCode::OtaInvalidPin, message)
        }
        // The key of a locked PIN makes it a 429.
        OtaError::WrongPin { locked: Some(left), .. } => ApiError::new(ErrorCode::OtaInvalidPin, message)
            .with_details(json!({ "locked_seconds": left.as_secs().max(1) })),
        OtaError::PinLocked { left, .. } => ApiError::new(ErrorCode::OtaInvalidPin, message)
            .with_details(json!({ "retry_after_seconds": left.as_secs().max(1) })),
        OtaError::AuditUnavailable(cause) => internal(message, &cause.to_string()),
        OtaError::Store(cause) => internal(message, &cause.to_string()),
        OtaError::Internal(cause) => internal(message, &cause),
    }
}

fn restarting(message: String, state: &str) -> ApiError {
    ApiError::new(ErrorCode::OtaOperationInProgress, message)
        .with_details(json!({ "job_id": null, "state": state, "retry_after_seconds": RESTART_RETRY }))
}

fn upload(fault: ResumeFault, message: String) -> ApiError {
    match fault {
        ResumeFault::Unknown => ApiError::new(ErrorCode::NotFound, message),
        ResumeFault::Busy => ApiError::new(ErrorCode::OtaOperationInProgress, message)
            .with_details(json!({ "job_id": null, "state": "uploading", "retry_after_seconds": BUSY_RETRY })),
        ResumeFault::Offset { offset, length } => ApiError::new(ErrorCode::UploadOffsetConflict, message)
            .with_details(json!({ "offset": offset, "length": length })),
        ResumeFault::BeyondItsEnd(_) => ApiError::new(ErrorCode::PayloadTooLarge, message),
        ResumeFault::TooLong(most) => too_long(most),
        ResumeFault::TooMany(_) => ApiError::new(ErrorCode::TooManyRequests, message),
        ResumeFault::Broken(cause) => {
            tracing::info!(%cause, "a part of an upload ended early");
            let message = "The part ended before it was complete. What has come is kept: ask how far it is, and go on there.";
            ApiError::new(ErrorCode::BadRequest, message)
        }
        ResumeFault::Step(error) => refusal(error.into()),
    }
}

/// The refusal of an image that is longer than `most` bytes.
#[must_use]
pub fn too_long(most: u64) -> ApiError {
    let message = format!("The image is longer than this gateway takes: at most {}.", human::size(most));
    ApiError::new(ErrorCode::PayloadTooLarge, message)
}

/// The documented code of a job's failure.
#[must_use]
pub(super) const fn code(code: FailureCode) -> ErrorCode {
    match code {
        FailureCode::InvalidImage => ErrorCode::OtaInvalidImage,
        FailureCode::SignatureFailed => ErrorCode::OtaSignatureFailed,
        FailureCode::InsufficientSpace => ErrorCode::OtaInsufficientSpace,
        FailureCode::DownloadFailed => ErrorCode::OtaDownloadFailed,
        FailureCode::InstallFailed => ErrorCode::OtaInstallFailed,
        FailureCode::RollbackFailed => ErrorCode::OtaRollbackFailed,
        FailureCode::RecoveryFailed => ErrorCode::OtaRecoveryFailed,
    }
}

/// The key `conflict` makes it a 409.
fn conflict(job: &ota_core::JobId, state: &str) -> serde_json::Value {
    json!({ "conflict": state, "job_id": job })
}

fn internal(message: String, cause: &str) -> ApiError {
    tracing::error!(cause, "{message}");
    ApiError::new(ErrorCode::Internal, message)
}
