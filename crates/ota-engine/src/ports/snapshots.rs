use async_trait::async_trait;
use jiff::Timestamp;
use ota_core::{Bundle, JobId, Settings, SlotId};
use tokio_util::sync::CancellationToken;

use super::{Meter, StepError};

/// A snapshot that is to be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSnapshot {
    pub id: JobId,
    pub name: String,
    pub description: String,
    pub at: Timestamp,
    /// The slot that it is taken of.
    pub slot: SlotId,
    /// What the slot holds, by its record.
    pub content: Bundle,
    /// The configuration that goes with it.
    pub settings: Settings,
}

/// A snapshot that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotFacts {
    pub id: String,
    pub name: String,
    pub description: String,
    pub at: Timestamp,
    pub slot: SlotId,
    /// What it would restore. Of a slot that is mounted for writing nobody knows the hash before it is verified.
    pub content: Bundle,
    /// The configuration of the time.
    pub settings: Settings,
    /// Bytes of the disk that only it takes.
    pub own_bytes: u64,
    /// Why it cannot be restored, where that is known.
    pub damaged: Option<String>,
}

impl SnapshotFacts {
    /// Bytes that it would write.
    #[must_use]
    pub fn restores(&self) -> u64 {
        self.content.image_bytes()
    }
}

/// The snapshots of this gateway. Each is there completely or not at all.
#[async_trait]
pub trait Snapshots: Send + Sync {
    /// Reads the slot, keeps what it holds, and reads that again: older ones may go for it. One that could not be restored does not
    /// stay. Where the very snapshot is there already, because the process was killed before that
    /// was noted, nothing is left to do.
    ///
    /// # Errors
    /// `InsufficientSpace`, or `RecoveryFailed` when the slot cannot be read or another snapshot has this id.
    async fn create(
        &self,
        order: &NewSnapshot,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError>;

    /// Checks that a snapshot of `content` would fit beside `others` more bytes, even if nothing of it is kept yet and nothing can be
    /// compressed. One of the very same content takes no room again.
    ///
    /// # Errors
    /// `InsufficientSpace`.
    async fn check_room(&self, content: &Bundle, others: u64) -> Result<(), StepError>;

    /// Newest first. What is damaged is listed as that.
    async fn list(&self) -> Result<Vec<SnapshotFacts>, StepError>;

    /// Reads all of the snapshot, compares every chunk with its hash and says what it would restore, with the hash of each image.
    ///
    /// # Errors
    /// `RecoveryFailed` when a byte differs from what was kept, or what was kept from what had been installed.
    async fn verify(&self, id: &str, meter: &Meter, cancel: &CancellationToken) -> Result<Bundle, StepError>;

    /// Removes it; false when there is none of this id.
    async fn remove(&self, id: &str) -> Result<bool, StepError>;

    /// Removes the oldest ones while there are more, or more bytes, than the gateway is configured to keep, but none of
    /// `protected`. The ids that were removed.
    async fn retain(&self, protected: &[String]) -> Result<Vec<String>, StepError>;
}
