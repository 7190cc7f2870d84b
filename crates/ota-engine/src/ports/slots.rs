use async_trait::async_trait;
use ota_core::{Bundle, Clearance, Running, SlotId, WriteGate};
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

use super::{Meter, StepError};

/// Proof that a slot was read past the page cache and matched the signed hashes. Arming consumes it.
#[derive(Debug)]
pub struct ReadBack {
    slot: SlotId,
}

impl ReadBack {
    /// For the adapter that has just compared every byte of `slot`.
    #[must_use]
    pub const fn proven(slot: SlotId) -> Self {
        Self { slot }
    }

    #[must_use]
    pub const fn slot(&self) -> SlotId {
        self.slot
    }
}

/// Where the images of a slot come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// A bundle in a file.
    Bundle(PathBuf),
    /// A snapshot, by its id.
    Snapshot(String),
}

/// Bytes of a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotUsage {
    pub size: u64,
    /// By the file system in it, where it is one that the adapter knows.
    pub used: Option<u64>,
}

/// The slot of a system that starts when neither of the others does. Nothing but a recovery image is written there.
#[async_trait]
pub trait RecoverySlot: Send + Sync {
    /// Whether the image fits.
    ///
    /// # Errors
    /// `InsufficientSpace`, `InvalidImage`; `RecoveryFailed` while the recovery system itself runs.
    async fn check_fit(&self, bundle: &Bundle) -> Result<(), StepError>;

    /// Writes the images of the bundle in the file `source` and compares them with what is signed.
    ///
    /// # Errors
    /// Those of [`RecoverySlot::check_fit`], and `RecoveryFailed`.
    async fn write(
        &self,
        source: PathBuf,
        bundle: &Bundle,
        clearance: Clearance<WriteGate>,
        cancel: &CancellationToken,
    ) -> Result<(), StepError>;
}

/// The slots of this gateway.
#[async_trait]
pub trait Slots: Send + Sync {
    /// What runs, from the kernel's command line (`rauc.slot=`). Never from memory.
    fn running(&self) -> Running;

    /// The slot that is not the target: the one that runs, where one does.
    fn booted(&self) -> SlotId {
        self.running().target().other()
    }

    async fn usage(&self, slot: SlotId) -> Result<SlotUsage, StepError>;

    /// Checks that every image of `bundle` has a slot of its class and fits into it.
    ///
    /// # Errors
    /// `InsufficientSpace` or `InvalidImage`, before anything is written.
    async fn check_fit(&self, slot: SlotId, bundle: &Bundle) -> Result<(), StepError>;

    /// Writes the images of `source` and flushes them. They were verified before to be those of `bundle`; every block is compared
    /// with the signed hash tree, or the hash of its chunk, again on its way, and the image's hash is left to
    /// [`Slots::read_back`].
    ///
    /// # Errors
    /// `InstallFailed`; also for the booted slot, which is never written.
    async fn write(
        &self,
        slot: SlotId,
        source: ImageSource,
        bundle: &Bundle,
        clearance: Clearance<WriteGate>,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError>;

    /// Reads the slot past the page cache and compares it with the signed hashes.
    ///
    /// # Errors
    /// [`StepError::Differs`] when a byte differs, `InstallFailed` when that cannot be found out.
    async fn read_back(
        &self,
        slot: SlotId,
        bundle: &Bundle,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<ReadBack, StepError>;

    /// Stands for a slot that nobody can compare, because its system is mounted for writing and changes it: such a slot is judged
    /// by its record and its last good boot. `None` for one that is mounted read-only.
    fn judged_by_record(&self, slot: SlotId) -> Option<ReadBack>;

    /// A text that is another one after anything was written to the slot; `None` where nothing tells that reliably, as for a block
    /// device, which can be written to past all that counts.
    ///
    /// # Errors
    /// `InstallFailed` when the slot cannot be looked at.
    async fn write_mark(&self, slot: SlotId) -> Result<Option<String>, StepError>;
}
