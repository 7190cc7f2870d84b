use async_trait::async_trait;
use jiff::Timestamp;
use std::{path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

use super::StepError;
use crate::Snapshot;

/// What goes into a debug bundle beside versions, status, slots and jobs, which always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebugContent {
    pub logs: bool,
    pub configs: bool,
    pub metrics: bool,
}

/// A debug bundle that can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugBundle {
    pub id: String,
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The gateway at the moment of which a bundle tells.
#[derive(Debug, Clone)]
pub struct Scene {
    pub snapshot: Arc<Snapshot>,
    pub ready: bool,
    pub at: Timestamp,
}

/// Archives for whoever has to find a fault. None of them holds a secret.
#[async_trait]
pub trait DebugBundles: Send + Sync {
    /// Bytes that a bundle is going to have, from what would go into it.
    async fn estimate(&self, content: DebugContent, scene: &Scene) -> Result<u64, StepError>;

    /// Makes a bundle. It is there completely or not at all.
    ///
    /// # Errors
    /// `InsufficientSpace`, or `RecoveryFailed` when something that goes into it cannot be read.
    async fn make(
        &self,
        id: &str,
        content: DebugContent,
        scene: &Scene,
        cancel: &CancellationToken,
    ) -> Result<(), StepError>;

    /// Newest first.
    async fn list(&self) -> Result<Vec<DebugBundle>, StepError>;

    /// Removes bundles whose time is over at `now`, and the oldest ones that are too many, but not the `new` one, however old the
    /// clock makes it.
    async fn tidy(&self, now: Timestamp, new: Option<&str>) -> Result<(), StepError>;
}
