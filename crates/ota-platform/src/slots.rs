//! The slots: files or block devices that an operating system is written to and read back from.

pub(crate) mod buffer;
mod cmdline;
mod device;
mod fault;
mod filesystem;
mod guard;
mod identity;
mod read_back;
mod write;
mod writer;

pub use cmdline::{CmdlineError, booted_slot};
pub(crate) use filesystem::Filesystem;

use crate::blocking::metered;
use crate::causes::causes;
use async_trait::async_trait;
use guard::Guard;
use ota_core::{Bundle, BySlot, Clearance, FailureCode, ImageFacts, SlotId, WriteGate};
use ota_engine::ports::{Meter, ReadBack, SlotUsage, Slots, StepError};
use raucb::Policy;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// The slot class of the image that is the operating system itself; every bundle has it.
pub const ROOT_CLASS: &str = "rootfs";

/// Which slots there are, and which of them runs.
#[derive(Debug, Clone)]
pub struct SlotsConfig {
    /// For each slot, the file or block device of each image class.
    pub places: BySlot<BTreeMap<String, PathBuf>>,
    /// The kernel's command line, `/proc/cmdline` on a gateway.
    pub cmdline: PathBuf,
    /// Who may sign what is written. The bundle is authenticated again when it is opened for writing.
    pub policy: Policy,
}

/// The slots behind the engine's port.
#[derive(Debug, Clone)]
pub struct DeviceSlots {
    places: BySlot<BTreeMap<String, PathBuf>>,
    booted: SlotId,
    policy: Policy,
}

/// One image and where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    pub(crate) image: ImageFacts,
    pub(crate) place: PathBuf,
}

impl DeviceSlots {
    /// Reads once which slot runs: that cannot change while this process lives.
    ///
    /// # Errors
    /// [`CmdlineError`] when the command line does not say it.
    pub fn open(config: SlotsConfig) -> Result<Self, CmdlineError> {
        let booted = booted_slot(&config.cmdline)?;
        Ok(Self::seen_from(booted, config.places, config.policy))
    }

    /// The slots as a system sees them that runs from `booted`. For a gateway that no slot of it has ever started, where
    /// nothing says so; a slot that is mounted as the running root is refused all the same.
    #[must_use]
    pub const fn seen_from(
        booted: SlotId,
        places: BySlot<BTreeMap<String, PathBuf>>,
        policy: Policy,
    ) -> Self {
        Self { places, booted, policy }
    }

    /// Where each image of `bundle` goes. A bundle without a root image would leave a slot that cannot start.
    fn assign(&self, slot: SlotId, bundle: &Bundle) -> Result<Vec<Assignment>, StepError> {
        if !bundle.images.iter().any(|image| image.class == ROOT_CLASS) {
            return Err(fault::no_root_image(bundle));
        }
        let places = self.places.get(slot);
        let assign = |image: &ImageFacts| match places.get(&image.class) {
            Some(place) => Ok(Assignment { image: image.clone(), place: place.clone() }),
            None => Err(fault::no_place(slot, &image.class)),
        };
        bundle.images.iter().map(assign).collect()
    }

    fn guard(&self) -> Guard {
        Guard::new(self.booted, self.places.get(self.booted).values().cloned().collect())
    }
}

#[async_trait]
impl Slots for DeviceSlots {
    fn booted(&self) -> SlotId {
        self.booted
    }

    async fn usage(&self, slot: SlotId) -> Result<SlotUsage, StepError> {
        let places: Vec<_> = self.places.get(slot).values().cloned().collect();
        blocking(move || {
            let mut sum = SlotUsage { size: 0, used: Some(0) };
            for place in places {
                let usage = usage(&place)?;
                sum.size += usage.size;
                sum.used = sum.used.zip(usage.used).map(|(all, one)| all.saturating_add(one));
            }
            Ok(sum)
        })
        .await
    }

    async fn check_fit(&self, slot: SlotId, bundle: &Bundle) -> Result<(), StepError> {
        let assignments = self.assign(slot, bundle)?;
        blocking(move || {
            for Assignment { image, place } in &assignments {
                let size = open(place).and_then(|file| {
                    device::size(&file).map_err(|error| fault::unusable(place, "measure", &error))
                })?;
                fault::require_fit(slot, image, size)?;
            }
            Ok(())
        })
        .await
    }

    async fn write(
        &self,
        slot: SlotId,
        path: PathBuf,
        bundle: &Bundle,
        _clearance: Clearance<WriteGate>,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        let guard = self.guard();
        guard.check_slot(slot)?;
        let assignments = self.assign(slot, bundle)?;
        let policy = self.policy.clone();
        metered(total(&assignments), meter, cancel, move |control| {
            write::write(slot, &path, &policy, &assignments, &guard, control)
        })
        .await
    }

    async fn read_back(
        &self,
        slot: SlotId,
        bundle: &Bundle,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<ReadBack, StepError> {
        let assignments = self.assign(slot, bundle)?;
        metered(total(&assignments), meter, cancel, move |control| {
            read_back::compare(slot, &assignments, control)?;
            Ok(ReadBack::proven(slot))
        })
        .await
    }
}

fn total(assignments: &[Assignment]) -> u64 {
    assignments.iter().fold(0, |sum, assignment| sum.saturating_add(assignment.image.size))
}

fn open(place: &Path) -> Result<File, StepError> {
    File::open(place).map_err(|error| fault::unusable(place, "open", &error))
}

fn usage(place: &Path) -> Result<SlotUsage, StepError> {
    let file = open(place)?;
    let size = device::size(&file).map_err(|error| fault::unusable(place, "measure", &error))?;
    let filesystem = Filesystem::probe(&file).map_err(|error| fault::unusable(place, "read", &error))?;
    // A superblock that claims more than there is describes another, larger place.
    Ok(SlotUsage { size, used: filesystem.map(Filesystem::used).filter(|used| *used <= size) })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    let failed = "The slots could not be examined. Try again.";
    spawn_blocking(work)
        .await
        .map_err(|error| StepError::failed(FailureCode::InstallFailed, failed, causes(&error)))?
}
