//! Reading a slot past the page cache and comparing it with the signed hashes: some threads read, this one hashes.
//!
//! Reader `r` of `n` reads the parts `r`, `r + n`, … of a slot, and the hash takes them in turn: the device always has the next
//! request, and the hash never waits for one to begin.

use super::Assignment;
use super::buffer::{AlignedBuffer, CAPACITY};
use super::device::SlotReader;
use super::fault;
use crate::blocking::Control;
use ota_core::SlotId;
use ota_engine::ports::StepError;
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, Builder};

/// Requests that the device has at once.
const READERS: usize = 2;
/// Buffers of each: one being filled, one waiting, one being hashed.
const BUFFERS: usize = 3;

/// # Errors
/// [`StepError::Differs`] where anything differs, `InstallFailed` where it cannot be read.
pub(super) fn compare(slot: SlotId, assignments: &[Assignment], control: &Control) -> Result<(), StepError> {
    for Assignment { image, place } in assignments {
        let found = digest(place, image.size, control)?;
        if found != image.sha256 {
            return Err(fault::differs(place, image, &found));
        }
        tracing::debug!(%slot, class = image.class, bytes = image.size, "read back and compared");
    }
    Ok(())
}

/// A part of a slot on its way to the hash.
struct Part {
    buffer: AlignedBuffer,
    length: usize,
}

/// Where the parts of one reader come from and its buffers go back to.
struct Lane {
    parts: Receiver<Part>,
    used: Sender<AlignedBuffer>,
}

fn digest(place: &Path, size: u64, control: &Control) -> Result<String, StepError> {
    thread::scope(|scope| {
        let (mut lanes, mut readers) = (Vec::with_capacity(READERS), Vec::with_capacity(READERS));
        for first in 0..READERS {
            let slot = SlotReader::open(place).map_err(|error| fault::unusable(place, "open", &error))?;
            let (full, parts) = sync_channel(1);
            let (used, free) = channel();
            for _ in 0..BUFFERS {
                // The other end is in this function, hence open.
                let _ = used.send(AlignedBuffer::new());
            }
            let read = move || feed(slot, place, size, first, &full, &free);
            let reader = Builder::new().name("read-back".to_owned()).spawn_scoped(scope, read);
            readers.push(reader.map_err(|error| fault::read(place, 0, &error))?);
            lanes.push(Lane { parts, used });
        }
        let hashed = hash(&lanes, size, control);
        // Readers that still have parts find that nobody takes them.
        drop(lanes);
        for reader in readers {
            let panicked = || fault::read(place, 0, &io::Error::other("a reading thread panicked"));
            reader.join().map_err(|_| panicked())??;
        }
        hashed?.ok_or_else(|| fault::read(place, 0, &io::Error::other("a reading thread ended")))
    })
}

/// Reads every [`READERS`]th part from part `first` on.
fn feed(
    mut slot: SlotReader,
    place: &Path,
    size: u64,
    first: usize,
    full: &SyncSender<Part>,
    free: &Receiver<AlignedBuffer>,
) -> Result<(), StepError> {
    for offset in (first as u64 * CAPACITY as u64..size).step_by(READERS * CAPACITY) {
        let length = usize::try_from(size - offset).map_or(CAPACITY, |left| left.min(CAPACITY));
        // Nobody is there any more when the hash has been given up; why is not ours to say.
        let Ok(mut buffer) = free.recv() else { return Ok(()) };
        slot.fill(&mut buffer, offset, length).map_err(|error| fault::read(place, offset, &error))?;
        if full.send(Part { buffer, length }).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The hash of all parts in their order; nothing where a reader has ended before, which says itself why.
fn hash(lanes: &[Lane], size: u64, control: &Control) -> Result<Option<String>, StepError> {
    let mut hash = Sha256::new();
    let mut left = size;
    for lane in lanes.iter().cycle() {
        if left == 0 {
            break;
        }
        control.check()?;
        let Ok(Part { buffer, length }) = lane.parts.recv() else { return Ok(None) };
        hash.update(buffer.bytes().get(..length).unwrap_or_default());
        left = left.saturating_sub(length as u64);
        control.add(length as u64);
        // Its reader has ended where this was one of the last.
        let _ = lane.used.send(buffer);
    }
    Ok(Some(hex::encode(hash.finalize())))
}
