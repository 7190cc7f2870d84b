use async_trait::async_trait;
use jiff::Timestamp;
use ota_core::Bundle;
use std::path::{Path, PathBuf};

use super::StepError;

/// A bundle that was installed here and is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBundle {
    pub path: PathBuf,
    /// Of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub length: u64,
    pub bundle: Bundle,
    pub since: Timestamp,
}

/// Bundles that proved themselves, kept for a restore.
#[async_trait]
pub trait KeptBundles: Send + Sync {
    /// Keeps the file at `path`, whose SHA-256 is `sha256`, and drops the oldest ones that are too many, but none of `protected`.
    ///
    /// # Errors
    /// When it cannot be made durable; what was there before still is.
    async fn keep(
        &self,
        path: &Path,
        sha256: &str,
        bundle: &Bundle,
        at: Timestamp,
        protected: &[String],
    ) -> Result<(), StepError>;

    /// Newest first.
    async fn list(&self) -> Result<Vec<KeptBundle>, StepError>;
}
