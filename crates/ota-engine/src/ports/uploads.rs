use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use ota_core::Bundle;
use std::{any::Any, path::PathBuf};

use super::{ResumableUploads, StepError};

/// Bytes as they come in. An error ends them: the sender is gone.
pub type Body = BoxStream<'static, Result<Bytes, BrokenBody>>;

/// The sender went away before its last byte, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the upload broke off: {0}")]
pub struct BrokenBody(pub String);

/// Why an upload was not taken. Nothing is left of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadFault {
    #[error(transparent)]
    Broken(#[from] BrokenBody),
    /// It is longer than this gateway takes; the limit in bytes.
    #[error("longer than {0} bytes")]
    TooLong(u64),
    #[error(transparent)]
    Step(#[from] StepError),
}

/// A file that has come in and was not looked at yet.
#[derive(Debug)]
pub struct ReceivedFile {
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// The file goes with this, unless it was kept.
    pub hold: Box<dyn Any + Send + Sync>,
}

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
pub trait Uploads: ResumableUploads {
    /// Takes in a file of `length` bytes, where that is known. Its hash is computed on the way; it is on the disk when this
    /// returns. When it fails, or the returned future is dropped, nothing is left of it.
    ///
    /// # Errors
    /// [`UploadFault`]; `InsufficientSpace` before anything is written where that can be told.
    async fn receive(&self, length: Option<u64>, body: Body) -> Result<ReceivedFile, UploadFault>;

    /// Keeps a verified file until `image.kept_until`; `image.path` is not looked at. The same bytes again are one image, under
    /// the newer name.
    async fn keep(&self, file: ReceivedFile, image: StoredImage) -> Result<StoredImage, StepError>;

    /// Verified images, newest first.
    async fn images(&self) -> Result<Vec<StoredImage>, StepError>;

    /// Removes images whose time is over at `now`, but none of the hashes `in_use`. True when there was one.
    async fn expire(&self, now: Timestamp, in_use: &[String]) -> Result<bool, StepError>;

    /// Longest image that can be taken now, in bytes.
    async fn room(&self) -> Result<u64, StepError>;

    /// How long an image is kept.
    fn keeps_for(&self) -> std::time::Duration;
}
