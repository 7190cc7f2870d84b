//! Writing a slot from its first byte on, in aligned parts, while the next part is gathered.
//!
//! Two threads write, each every other part: the device always has the next request. Where a part ends and where it belongs is
//! decided here alone, so their order does not matter.

use super::buffer::{ALIGNMENT, AlignedBuffer, CAPACITY};
use super::device::{leave_direct, open, refuses_direct, size};
use super::identity::Identity;
use rustix::fs::{Advice, OFlags, fadvise};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Requests that the device has at once.
const WRITERS: usize = 2;
/// One being filled, and for each thread one being written and one waiting.
const BUFFERS: usize = 1 + 2 * WRITERS;
/// Dirty bytes after which write-back is started where direct I/O is not to be had.
const WRITE_BACK: u64 = 8 << 20;

/// A write that failed, and at which byte of the slot.
#[derive(Debug)]
pub(crate) struct WriteFault {
    pub(crate) offset: u64,
    pub(crate) error: io::Error,
}

/// Writes one slot.
#[derive(Debug)]
pub(crate) struct SlotWriter {
    slot: Arc<Slot>,
    filling: AlignedBuffer,
    filled: usize,
    /// Where the part that is being filled belongs.
    offset: u64,
    threads: Vec<Thread>,
    used: Sender<AlignedBuffer>,
    free: Receiver<AlignedBuffer>,
}

#[derive(Debug)]
struct Thread {
    parts: SyncSender<Part>,
    handle: JoinHandle<Result<(), WriteFault>>,
}

/// A full buffer and where it belongs.
#[derive(Debug)]
struct Part {
    buffer: AlignedBuffer,
    offset: u64,
}

impl SlotWriter {
    /// Opens an existing slot. A block device is claimed for us alone: one that is mounted, or part of which is, is refused by
    /// the kernel.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let claim =
            if fs::metadata(path)?.file_type().is_block_device() { OFlags::EXCL } else { OFlags::empty() };
        let (file, direct) = open(path, true, claim)?;
        let slot = Arc::new(Slot { file, direct: AtomicBool::new(direct), dirty: AtomicU64::new(0) });
        let (used, free) = channel();
        for _ in 1..BUFFERS {
            // The receiver is right here.
            let _ = used.send(AlignedBuffer::new());
        }
        let filling = AlignedBuffer::new();
        Ok(Self { slot, filling, filled: 0, offset: 0, threads: Vec::new(), used, free })
    }

    pub(crate) fn identity(&self) -> io::Result<Identity> {
        Identity::of_file(&self.slot.file)
    }

    pub(crate) fn size(&self) -> io::Result<u64> {
        size(&self.slot.file)
    }

    /// Takes the next bytes. What fails may be bytes that were taken before.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), WriteFault> {
        while !bytes.is_empty() {
            let room = self.filling.bytes_mut().get_mut(self.filled..).unwrap_or_default();
            let count = room.len().min(bytes.len());
            let (now, later) = bytes.split_at(count);
            if let Some(place) = room.get_mut(..count) {
                place.copy_from_slice(now);
            }
            self.filled += count;
            bytes = later;
            if self.filled == CAPACITY {
                self.pass_on()?;
            }
        }
        Ok(())
    }

    /// Writes what is left and waits until all of it is on the device.
    pub(crate) fn finish(mut self) -> Result<(), WriteFault> {
        self.join()?;
        let rest = self.filling.bytes().get(..self.filled).unwrap_or_default();
        self.slot.write(rest, self.offset)?;
        let offset = self.offset + self.filled as u64;
        self.slot.file.sync_data().map_err(|error| WriteFault { offset, error })
    }

    /// Gives the full buffer to the thread whose turn it is.
    fn pass_on(&mut self) -> Result<(), WriteFault> {
        if self.threads.len() < WRITERS {
            let thread = self.spawn().map_err(|error| WriteFault { offset: self.offset, error })?;
            self.threads.push(thread);
        }
        let Ok(next) = self.free.recv() else { return self.join() };
        let part = Part { buffer: std::mem::replace(&mut self.filling, next), offset: self.offset };
        let turn = (self.offset / CAPACITY as u64) % WRITERS as u64;
        let thread = usize::try_from(turn).ok().and_then(|turn| self.threads.get(turn));
        let taken = thread.is_some_and(|thread| thread.parts.send(part).is_ok());
        self.offset += CAPACITY as u64;
        self.filled = 0;
        // A thread that takes no part has failed.
        if taken { Ok(()) } else { self.join() }
    }

    fn spawn(&self) -> io::Result<Thread> {
        let (parts, given) = sync_channel::<Part>(1);
        let (slot, used) = (Arc::clone(&self.slot), self.used.clone());
        let work = move || {
            for Part { buffer, offset } in given {
                let written = slot.write(buffer.bytes(), offset);
                // Given back also after a failure: whoever waits for a free one goes on, and finds that this thread takes no
                // more. Nobody fills it again once the writing has been given up.
                let _ = used.send(buffer);
                written?;
            }
            Ok(())
        };
        let handle = Builder::new().name("slot-write".to_owned()).spawn(work)?;
        Ok(Thread { parts, handle })
    }

    /// Lets the threads write what they have, and says what the first of them met.
    fn join(&mut self) -> Result<(), WriteFault> {
        let offset = self.offset;
        let handles: Vec<_> = self.threads.drain(..).map(|thread| thread.handle).collect();
        let panicked = || WriteFault { offset, error: io::Error::other("a writing thread panicked") };
        let results = handles.into_iter().map(|handle| handle.join().unwrap_or_else(|_| Err(panicked())));
        let faults = results.filter_map(Result::err);
        faults.min_by_key(|fault| fault.offset).map_or(Ok(()), Err)
    }
}

/// Nothing is written any more once this is gone.
impl Drop for SlotWriter {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// What the threads write to.
#[derive(Debug)]
struct Slot {
    file: File,
    direct: AtomicBool,
    /// Bytes in the page cache whose write-back was not started.
    dirty: AtomicU64,
}

impl Slot {
    /// Writes `bytes`, which lie in an aligned buffer, at `offset`, a multiple of [`CAPACITY`].
    fn write(&self, bytes: &[u8], offset: u64) -> Result<(), WriteFault> {
        let mut done = 0;
        while done < bytes.len() {
            let position = offset + done as u64;
            let count = self.write_some(bytes.get(done..).unwrap_or_default(), position);
            done += count.map_err(|error| WriteFault { offset: position, error })?;
        }
        self.start_write_back(bytes.len() as u64);
        Ok(())
    }

    fn write_some(&self, pending: &[u8], position: u64) -> io::Result<usize> {
        let direct = self.direct.load(Relaxed);
        if direct && pending.len() < ALIGNMENT {
            // The end of an image that is no multiple of a sector.
            return self.leave_direct();
        }
        let whole = if direct { pending.len() - pending.len() % ALIGNMENT } else { pending.len() };
        match self.file.write_at(pending.get(..whole).unwrap_or_default(), position) {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                // After a short write the rest is not aligned any more.
                if direct && count % ALIGNMENT != 0 {
                    self.leave_direct()?;
                }
                Ok(count)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(error) if direct && refuses_direct(&error) => self.leave_direct(),
            Err(error) => Err(error),
        }
    }

    /// Writes through the page cache from now on; has written nothing itself.
    fn leave_direct(&self) -> io::Result<usize> {
        leave_direct(&self.file)?;
        self.direct.store(false, Relaxed);
        Ok(0)
    }

    /// Without direct I/O, dirty pages would pile up and be written all at once by the final sync. On Linux this advice starts
    /// the write-back of dirty pages and drops clean ones; it is advice, so a refusal costs nothing but time.
    fn start_write_back(&self, written: u64) {
        if self.direct.load(Relaxed) {
            return;
        }
        if self.dirty.fetch_add(written, Relaxed) + written >= WRITE_BACK {
            self.dirty.store(0, Relaxed);
            let _ = fadvise(&self.file, 0, None, Advice::DontNeed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whichever parts are under way when the threads give up: whoever fills the next one is told, and does not wait for ever.
    #[test]
    fn a_device_that_fails_ends_the_writing() {
        let part = vec![0; CAPACITY];
        for _ in 0..100 {
            let mut writer = SlotWriter::open(Path::new("/dev/full")).unwrap();
            let fault = (0..2 * BUFFERS).find_map(|_| writer.push(&part).err());
            assert_eq!(fault.map(|fault| fault.error.kind()), Some(ErrorKind::StorageFull));
        }
    }
}
