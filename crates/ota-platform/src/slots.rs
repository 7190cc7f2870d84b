//! The slots: files or block devices that an operating system is written to and read back from.

pub(crate) mod buffer;
mod cmdline;
mod component;
mod device;
mod fault;
mod filesystem;
mod guard;
mod identity;
mod mark;
mod read_back;
mod recovery;
mod write;
mod writer;

pub use cmdline::{CmdlineError, booted_slot};
pub(crate) use component::{check_fit, compare, write_image};
pub(crate) use filesystem::Filesystem;
pub use identity::is_mounted;
pub use recovery::DeviceRecoverySlot;

use crate::blocking::metered;
use crate::causes::causes;
use async_trait::async_trait;
use guard::Guard;
use ota_core::{Bundle, BySlot, Clearance, FailureCode, ImageFacts, ROOT_CLASS, Running, SlotId, WriteGate};
use ota_engine::ports::{ImageSource, Meter, ReadBack, SlotUsage, Slots, StepError};
use raucb::Policy;
use snapstore::Store;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// Which slots there are, and which of them runs.
#[derive(Debug, Clone)]
pub struct SlotsConfig {
    /// For each slot, the file or block device of each image class.
    pub places: BySlot<BTreeMap<String, PathBuf>>,
    /// The kernel's command line, `/proc/cmdline` on a gateway.
    pub cmdline: PathBuf,
    /// Who may sign what is written. The bundle is authenticated again when it is opened for writing.
    pub policy: Policy,
    /// The systems are mounted for writing and change what they were installed as.
    pub writable: bool,
    /// Where snapshots are written from; none where none are restored.
    pub snapshots: Option<Arc<Store>>,
}

/// The slots behind the engine's port.
#[derive(Debug, Clone)]
pub struct DeviceSlots {
    places: BySlot<BTreeMap<String, PathBuf>>,
    running: Running,
    policy: Policy,
    writable: bool,
    snapshots: Option<Arc<Store>>,
    /// Nothing is mounted yet, so that the slot that starts can be written.
    before_mount: bool,
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
        let running = booted_slot(&config.cmdline)?;
        let (writable, snapshots) = (config.writable, config.snapshots);
        Ok(Self { writable, snapshots, running, ..Self::seen_from(SlotId::A, config.places, config.policy) })
    }

    /// The slots as a start of the gateway sees them before it mounts one: each can be written that is not mounted.
    ///
    /// # Errors
    /// [`CmdlineError`] when the command line does not say which slot starts.
    pub fn before_mount(config: SlotsConfig) -> Result<Self, CmdlineError> {
        Ok(Self { before_mount: true, ..Self::open(config)? })
    }

    /// The slots as a system sees them that runs from `booted`. For a gateway that no slot of it has ever started, where
    /// nothing says so; a slot that is mounted as the running root is refused all the same.
    #[must_use]
    pub const fn seen_from(
        booted: SlotId,
        places: BySlot<BTreeMap<String, PathBuf>>,
        policy: Policy,
    ) -> Self {
        let running = Running::Slot(booted);
        Self { places, running, policy, writable: false, snapshots: None, before_mount: false }
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
        if self.before_mount {
            return Guard::before_mount();
        }
        let booted = self.running.slot();
        let places = booted.map(|slot| self.places.get(slot).values().cloned().collect());
        Guard::new(booted, places.unwrap_or_default())
    }
}

#[async_trait]
impl Slots for DeviceSlots {
    fn running(&self) -> Running {
        self.running
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
        source: ImageSource,
        bundle: &Bundle,
        _clearance: Clearance<WriteGate>,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        let guard = self.guard();
        guard.check_slot(slot)?;
        let assignments = self.assign(slot, bundle)?;
        let (policy, store) = (self.policy.clone(), self.snapshots.clone());
        metered(total(&assignments), meter, cancel, move |control| {
            let target = write::Target { slot, guard: &guard, control };
            match (source, store) {
                (ImageSource::Bundle(path), _) => write::bundle(&path, &policy, &assignments, &target),
                (ImageSource::Snapshot(id), Some(store)) => {
                    write::snapshot(&id, &store, &assignments, &target)
                }
                (ImageSource::Snapshot(_), None) => Err(fault::no_snapshots()),
            }
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

    fn judged_by_record(&self, slot: SlotId) -> Option<ReadBack> {
        self.writable.then(|| ReadBack::proven(slot))
    }

    async fn write_mark(&self, slot: SlotId) -> Result<Option<String>, StepError> {
        let places: Vec<_> = self.places.get(slot).values().cloned().collect();
        blocking(move || {
            let mark =
                |place: &PathBuf| mark::of(place).map_err(|error| fault::unusable(place, "look at", &error));
            let marks: Vec<_> = places.iter().map(mark).collect::<Result<_, _>>()?;
            Ok(marks.into_iter().collect::<Option<Vec<_>>>().map(|marks| marks.join(" ")))
        })
        .await
    }
}

/// Bytes of a slot's place.
pub(crate) fn length(place: &Path) -> Result<u64, StepError> {
    let size = open(place)?;
    device::size(&size).map_err(|error| fault::unusable(place, "measure", &error))
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
