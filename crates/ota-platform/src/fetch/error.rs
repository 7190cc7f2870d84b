//! What can go wrong with a download, and what is to be done about it.

use ota_core::FailureCode;
use ota_engine::ports::StepError;
use reqwest::StatusCode;
use std::io;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("cancelled")]
    Cancelled,
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("the connection broke off: {0}")]
    Interrupted(String),
    #[error("no byte arrived for {} seconds", .0.as_secs_f32())]
    Silent(Duration),
    /// An answer that may be another one next time.
    #[error("the server answered {0}")]
    Busy(StatusCode),
    /// An answer that will stay the same.
    #[error("the server answered {0}")]
    Refused(StatusCode),
    /// What the server has is not what the part in staging is the beginning of.
    #[error("the server does not continue the download: {0}")]
    NotContinued(&'static str),
    #[error("the server's file has {found} bytes instead of {signed}")]
    OtherLength { signed: u64, found: u64 },
    #[error("the server sends more than the {signed} bytes that are signed")]
    TooLong { signed: u64 },
    #[error("the SHA-256 is {found} instead of {signed}")]
    NotSigned { signed: String, found: String },
    #[error("the target {0} cannot be addressed")]
    Address(String),
    #[error("{needed} bytes are needed, {free} are free")]
    NoSpace { needed: u64, free: u64 },
    #[error("cannot {action}: {source}")]
    Storage { action: &'static str, source: io::Error },
}

impl FetchError {
    /// For `map_err`.
    pub(super) fn storage(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Storage { action, source }
    }

    /// Whether another try may succeed.
    pub(super) const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Interrupted(_)
                | Self::Silent(_)
                | Self::Busy(_)
                | Self::NotContinued(_)
        )
    }

    /// Whether what is in staging is worth nothing.
    pub(super) const fn spoils(&self) -> bool {
        matches!(self, Self::NotSigned { .. } | Self::TooLong { .. })
    }

    fn code(&self) -> FailureCode {
        match self {
            Self::NoSpace { .. } => FailureCode::InsufficientSpace,
            Self::Storage { source, .. } if is_full(source) => FailureCode::InsufficientSpace,
            _ => FailureCode::DownloadFailed,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Unreachable(_) => "The download server cannot be reached. Check the network connection.".to_owned(),
            Self::Interrupted(_) | Self::Silent(_) => {
                "The connection to the download server is lost again and again. What has arrived is kept; try again when \
                 the network is better."
                    .to_owned()
            }
            Self::Busy(status) => {
                format!("The download server has a problem of its own (status {}). Try again later.", status.as_u16())
            }
            Self::Refused(status) => format!(
                "The download server does not give out the update (status {}). Check for updates again; if this lasts, \
                 tell its publisher.",
                status.as_u16()
            ),
            Self::NotContinued(_) | Self::OtherLength { .. } | Self::TooLong { .. } | Self::NotSigned { .. } => {
                "The download server's file is not the one that was signed, and was not used. Check for updates again; if \
                 this lasts, tell its publisher."
                    .to_owned()
            }
            Self::Address(_) => "The update cannot be downloaded: its name makes no address.".to_owned(),
            Self::NoSpace { needed, free } => format!(
                "There is not enough space for the download: {} are needed, and {} are free. Make room, then try again.",
                mebibytes(*needed),
                mebibytes(*free)
            ),
            Self::Storage { source, .. } if is_full(source) => {
                "The disk became full during the download. Make room, then try again.".to_owned()
            }
            Self::Storage { .. } => "The download cannot be stored. Check the gateway's disk.".to_owned(),
            Self::Cancelled => "The download was cancelled.".to_owned(),
        }
    }
}

impl From<FetchError> for StepError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Cancelled => Self::Cancelled,
            other => Self::failed(other.code(), other.message(), &other),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Rounded up, so that what is needed is never understated.
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// Runs file work on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    joined(tokio::task::spawn_blocking(work).await)
}

/// The result of a thread, a panic being one of its failures.
pub(super) fn joined<T>(
    result: Result<Result<T, FetchError>, tokio::task::JoinError>,
) -> Result<T, FetchError> {
    result.unwrap_or_else(|error| {
        Err(FetchError::Storage { action: "finish the work", source: io::Error::other(error) })
    })
}
