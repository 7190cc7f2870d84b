use ota_core::{Failure, FailureCode};

/// Why a step of a job did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The job's cancellation token was triggered. Nothing is wrong.
    #[error("cancelled")]
    Cancelled,
    /// The clearance had grown too old when the act could have been done. Nothing was done; ask for another one.
    #[error("the moment that was clear has passed")]
    Late,
    /// What was read is not what it should be: the bytes are known to be wrong, not only hard to get.
    #[error("{message} ({detail})")]
    Differs { message: String, detail: String },
    #[error("{message} ({detail})")]
    Failed {
        code: FailureCode,
        /// A sentence for the operator: what happened, and what to do about it.
        message: String,
        /// For the log: paths, offsets, the operating system's words.
        detail: String,
    },
}

impl StepError {
    pub fn failed(code: FailureCode, message: impl Into<String>, detail: impl ToString) -> Self {
        Self::Failed { code, message: message.into(), detail: detail.to_string() }
    }

    /// The operator's half; `None` for a cancel.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Cancelled => None,
            Self::Late => {
                let message = "The boot environment was in use for too long.".to_owned();
                Some(Failure { code: FailureCode::InstallFailed, message })
            }
            Self::Differs { message, .. } => {
                Some(Failure { code: FailureCode::InstallFailed, message: message.clone() })
            }
            Self::Failed { code, message, .. } => Some(Failure { code: *code, message: message.clone() }),
        }
    }
}
