//! Reading a slot past the page cache and comparing it with the signed hashes: reading on this thread, hashing on another.

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
use std::thread;

/// Buffers between the threads; one more is being hashed and one being filled.
const DEPTH: usize = 4;

/// # Errors
/// `InstallFailed` where anything differs or cannot be read.
pub(super) fn compare(slot: SlotId, assignments: &[Assignment], control: &Control) -> Result<(), StepError> {
    for Assignment { image, place } in assignments {
        let reader = SlotReader::open(place).map_err(|error| fault::unusable(place, "open", &error))?;
        let found = digest(reader, place, image.size, control)?;
        if found != image.sha256 {
            return Err(fault::differs(place, image, &found));
        }
        tracing::debug!(%slot, class = image.class, bytes = image.size, "read back and compared");
    }
    Ok(())
}

fn digest(mut reader: SlotReader, place: &Path, size: u64, control: &Control) -> Result<String, StepError> {
    let (full, to_hash) = sync_channel(DEPTH);
    let (hashed, empty) = channel();
    for _ in 0..DEPTH + 2 {
        // The other end is in this function, hence open.
        let _ = hashed.send(AlignedBuffer::new());
    }
    let no_thread = |error: io::Error| fault::read(place, 0, &error);
    thread::scope(|scope| {
        let hasher = thread::Builder::new().name("read-back".to_owned());
        let hasher = hasher.spawn_scoped(scope, move || hash(&to_hash, &hashed)).map_err(no_thread)?;
        let read = feed(&mut reader, place, size, &full, &empty, control);
        drop(full);
        let digest = hasher.join().map_err(|_| no_thread(io::Error::other("the hashing thread panicked")))?;
        read.map(|()| digest)
    })
}

fn feed(
    reader: &mut SlotReader,
    place: &Path,
    size: u64,
    full: &SyncSender<(AlignedBuffer, usize)>,
    empty: &Receiver<AlignedBuffer>,
    control: &Control,
) -> Result<(), StepError> {
    let gone = || fault::read(place, 0, &io::Error::other("the hashing thread ended"));
    let mut left = size;
    while left > 0 {
        control.check()?;
        let wanted = usize::try_from(left).map_or(CAPACITY, |left| left.min(CAPACITY));
        let mut buffer = empty.recv().map_err(|_| gone())?;
        reader.fill(&mut buffer, wanted).map_err(|error| fault::read(place, reader.position(), &error))?;
        full.send((buffer, wanted)).map_err(|_| gone())?;
        left -= wanted as u64;
        control.add(wanted as u64);
    }
    Ok(())
}

fn hash(full: &Receiver<(AlignedBuffer, usize)>, empty: &Sender<AlignedBuffer>) -> String {
    let mut hash = Sha256::new();
    for (buffer, length) in full {
        hash.update(buffer.bytes().get(..length).unwrap_or_default());
        // Nobody waits for the last ones.
        let _ = empty.send(buffer);
    }
    hex::encode(hash.finalize())
}
