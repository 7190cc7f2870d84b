use async_trait::async_trait;
use ota_core::{Bundle, TargetFile};
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

use super::{Meter, StepError};

/// Brings targets into staging, resuming where a dropped connection, a restart or a power cut left off.
#[async_trait]
pub trait Fetcher: Send + Sync {
    /// Checks that staging has room for what is still missing of `target`.
    ///
    /// # Errors
    /// `InsufficientSpace` before anything is written.
    async fn check_space(&self, target: &TargetFile) -> Result<(), StepError>;

    /// Downloads `target` and returns the complete, durable file, whose length and SHA-256 are those of the signed metadata.
    /// Returns at once when it is there already.
    ///
    /// # Errors
    /// `DownloadFailed` when the retry budget is used up, the server refuses, or the bytes are not the signed ones.
    async fn fetch(
        &self,
        target: &TargetFile,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, StepError>;

    /// The complete file of `target`, where staging has it. Nothing is fetched.
    async fn staged(&self, target: &TargetFile) -> Result<Option<PathBuf>, StepError>;

    /// Removes from staging all but the files of `keep`.
    async fn sweep(&self, keep: &[TargetFile]) -> Result<(), StepError>;
}

/// Verifies bundles.
#[async_trait]
pub trait Bundles: Send + Sync {
    /// Verifies `path` completely: signature chain and purpose, manifest, compatibility, hooks policy, the whole verity
    /// tree, every image's SHA-256.
    ///
    /// # Errors
    /// `InvalidImage` for what is malformed or does not fit, `SignatureFailed` for what is not trusted.
    async fn verify(
        &self,
        path: PathBuf,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Bundle, StepError>;

    /// Verifies `path` as completely, but takes what is not meant for this gateway: with why it is not.
    ///
    /// # Errors
    /// `InvalidImage` for what is malformed, `SignatureFailed` for what is not trusted.
    async fn examine(
        &self,
        path: PathBuf,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(Bundle, Option<String>), StepError>;
}
