use async_trait::async_trait;
use jiff::Timestamp;
use ota_core::Bundle;
use std::path::PathBuf;

use super::StepError;

/// An image that a person brought, complete and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    pub path: PathBuf,
    /// The name that the uploader gave, made safe to show.
    pub name: String,
    /// The version that the uploader gave.
    pub label: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// Of the file, lower-case hexadecimal.
    pub sha256: String,
    pub bundle: Bundle,
    /// Why it cannot be deployed here.
    pub unfit: Option<String>,
    pub kept_until: Timestamp,
}

/// Images that people brought.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Verified images that may be deployed, newest first.
    async fn images(&self) -> Result<Vec<StoredImage>, StepError>;

    /// What a factory reset writes.
    async fn recovery_image(&self) -> Result<Option<StoredImage>, StepError>;
}
