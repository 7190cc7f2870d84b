//! From a bundle into a slot: blocks compared and decompressed on the bundle's threads, gathered on this one, written on others.

use super::Assignment;
use super::fault;
use super::guard::Guard;
use super::writer::{SlotWriter, WriteFault};
use crate::blocking::Control;
use ota_core::SlotId;
use ota_engine::ports::StepError;
use raucb::{Bundle, Policy, Progress, VerifiedBundle};
use snapstore::Store;
use std::path::Path;

/// Where it goes, and who says that it may.
pub(super) struct Target<'a> {
    pub slot: SlotId,
    pub guard: &'a Guard,
    pub control: &'a Control,
}

impl Target<'_> {
    /// Opens the place of an image, which is not the running one and large enough.
    fn open(&self, assignment: &Assignment) -> Result<SlotWriter, StepError> {
        let place = &assignment.place;
        let writer = SlotWriter::open(place).map_err(|error| fault::unusable(place, "open", &error))?;
        self.guard.check_open(self.slot, place, &writer)?;
        let size = writer.size().map_err(|error| fault::unusable(place, "measure", &error))?;
        fault::require_fit(self.slot, &assignment.image, size)?;
        Ok(writer)
    }
}

/// Writes every image of a bundle and waits until it is on the device.
pub(super) fn bundle(
    path: &Path,
    policy: &Policy,
    assignments: &[Assignment],
    target: &Target<'_>,
) -> Result<(), StepError> {
    let refused = |error: raucb::Error| fault::bundle(path, &error);
    let bundle = Bundle::open(path, policy).map_err(refused)?;
    require_same(path, &bundle, assignments)?;
    // It was verified before; what has changed since is found while it is read, block by block, and the target is marked bad
    // until the slot was read back.
    let bundle = bundle.verify_on_read().map_err(refused)?;
    for assignment in assignments {
        copy(path, &bundle, assignment, target.open(assignment)?, target.control)?;
    }
    Ok(())
}

/// What reading a snapshot and writing a slot can meet.
enum Met {
    Store(snapstore::Error),
    Device(WriteFault),
}

impl From<snapstore::Error> for Met {
    fn from(error: snapstore::Error) -> Self {
        Self::Store(error)
    }
}

/// Writes every image of a snapshot and waits until it is on the device. Every chunk is compared with its hash on the way.
pub(super) fn snapshot(
    id: &str,
    store: &Store,
    assignments: &[Assignment],
    target: &Target<'_>,
) -> Result<(), StepError> {
    for assignment in assignments {
        let mut writer = target.open(assignment)?;
        let (image, control) = (&assignment.image, target.control);
        let of_device = |fault: &WriteFault| fault::write(&assignment.place, fault.offset, &fault.error);
        let copied = store.read_image(id, &image.class, &|| control.is_cancelled(), |part| {
            control.add(part.len() as u64);
            writer.push(part).map_err(Met::Device)
        });
        copied.map_err(|met| match met {
            Met::Store(error) => crate::snapshots::failed(&error),
            Met::Device(fault) => of_device(&fault),
        })?;
        writer.finish().map_err(|fault| of_device(&fault))?;
        control.check()?;
    }
    Ok(())
}

/// Every block is compared with the signed hash tree before it is decompressed. The hash of the whole image is left to the
/// read-back, which computes it over what has really arrived.
fn copy(
    path: &Path,
    bundle: &VerifiedBundle,
    assignment: &Assignment,
    mut writer: SlotWriter,
    control: &Control,
) -> Result<(), StepError> {
    let mut met = None;
    let streamed = bundle.stream_image_unhashed(&assignment.image.class, &Stop(control), |part| {
        control.add(part.len() as u64);
        writer.push(part).map_err(|fault| {
            let kind = fault.error.kind();
            met = Some(fault);
            kind.into()
        })
    });
    let of_device = |fault: WriteFault| fault::write(&assignment.place, fault.offset, &fault.error);
    if let Some(fault) = met {
        return Err(of_device(fault));
    }
    streamed.map_err(|error| fault::bundle(path, &error))?;
    writer.finish().map_err(of_device)?;
    control.check()
}

/// The file may have been exchanged since its facts were recorded, by another bundle that is signed as well.
fn require_same(path: &Path, bundle: &Bundle, assignments: &[Assignment]) -> Result<(), StepError> {
    for Assignment { image, .. } in assignments {
        let same = bundle
            .manifest()
            .image(&image.class)
            .is_some_and(|found| found.size == image.size && hex::encode(found.sha256) == image.sha256);
        if !same {
            return Err(fault::changed(path, &format!("its image {} is another one", image.class)));
        }
    }
    Ok(())
}

/// Hears of a cancel. How far the work is, the writing tells.
struct Stop<'a>(&'a Control);

impl Progress for Stop<'_> {
    fn report(&self, _done: u64, _total: u64) {}

    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
