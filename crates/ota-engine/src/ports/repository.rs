use async_trait::async_trait;
use ota_core::Release;

/// The repository cannot be used. Nothing of what was known before is lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({detail})")]
pub struct RepositoryError {
    /// For the operator.
    pub message: String,
    /// For the log.
    pub detail: String,
}

/// Signed update metadata (TUF).
#[async_trait]
pub trait Repository: Send + Sync {
    /// Where it is, for people.
    fn location(&self) -> &str;

    /// Loads, verifies and lists everything that is offered. Targets whose `custom` cannot be read are passed over and logged.
    ///
    /// # Errors
    /// [`RepositoryError`] when it cannot be reached, is malformed, badly signed, expired, or older than what was seen before.
    async fn check(&self) -> Result<Vec<Release>, RepositoryError>;
}
