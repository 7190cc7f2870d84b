//! Why a command did not do what it was asked, and the exit status that says so.

use ota_api::{ApiError, ErrorCode};
use std::fmt;

/// It did not work, on the way or on the gateway.
pub(crate) const FAILED: u8 = 1;
/// What was asked for cannot be.
pub(crate) const USAGE: u8 = 2;
/// The gateway does not answer.
pub(crate) const UNREACHABLE: u8 = 3;
/// Not logged in, not permitted, or another gateway.
pub(crate) const REFUSED: u8 = 4;
/// A safety constraint stands against it.
pub(crate) const BLOCKED: u8 = 5;
/// Another operation is under way, or too many wrong tries were made: later it may work.
pub(crate) const BUSY: u8 = 6;
/// The new system did not stay, and the former one runs again.
pub(crate) const ROLLED_BACK: u8 = 7;

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub status: u8,
    /// A sentence for people; empty where there is nobody to read it.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(status: u8, message: impl fmt::Display) -> Self {
        Self { status, message: message.to_string() }
    }

    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::new(FAILED, message)
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(USAGE, message)
    }

    /// Whoever reads the output has gone away, which is no error.
    pub(crate) const fn unread() -> Self {
        Self { status: 0, message: String::new() }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let status = match error.error.code {
            ErrorCode::BadRequest => USAGE,
            ErrorCode::Unauthorized
            | ErrorCode::Forbidden
            | ErrorCode::GatewayIdRequired
            | ErrorCode::GatewayNotFound
            | ErrorCode::OtaInvalidPin => REFUSED,
            ErrorCode::OtaUpdateBlocked => BLOCKED,
            ErrorCode::OtaOperationInProgress | ErrorCode::TooManyRequests => BUSY,
            _ => FAILED,
        };
        Self::new(status, error.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_tell_what_can_be_done_about_it() {
        for (code, status) in [
            (ErrorCode::Unauthorized, 4),
            (ErrorCode::GatewayNotFound, 4),
            (ErrorCode::OtaUpdateBlocked, 5),
            (ErrorCode::OtaOperationInProgress, 6),
            (ErrorCode::BadRequest, 2),
            (ErrorCode::NotFound, 1),
            (ErrorCode::OtaInsufficientSpace, 1),
        ] {
            assert_eq!(Failure::from(ApiError::new(code, "why")), Failure::new(status, "why"));
        }
    }
}
