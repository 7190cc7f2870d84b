//! The thread that adds a part to an upload, and says durably how far it is.

use super::UploadDirectory;
use super::resumable::{Entry, Turn};
use bytes::Bytes;
use rustix::fs::{Advice, fadvise};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

/// Bytes that are gathered for one write.
const GATHERED: usize = 1 << 20;
/// Age of bytes that nothing vouches for yet at which they are settled, as soon as more come.
const SETTLE_EVERY: Duration = Duration::from_millis(500);
/// Bytes that nothing vouches for yet, at most.
const MOST_UNSETTLED: u64 = 32 << 20;

/// Writes until the sender is gone. What has come is on the disk when this returns, unless the disk fails.
pub(super) fn write(
    directory: &UploadDirectory,
    entry: &Entry,
    turn: Turn,
    mut pieces: Receiver<Bytes>,
) -> io::Result<()> {
    let mut part = Part::open(directory, entry, turn)?;
    while let Some(bytes) = pieces.blocking_recv() {
        part.add(&bytes)?;
    }
    part.settle()
}

struct Part<'a> {
    directory: &'a UploadDirectory,
    entry: &'a Entry,
    turn: Turn,
    file: File,
    gathered: Vec<u8>,
    /// Bytes that came since the last settlement.
    unsettled: u64,
    settled_at: Instant,
}

impl<'a> Part<'a> {
    /// What nothing vouches for is cut off: it may be anything after a power cut.
    fn open(directory: &'a UploadDirectory, entry: &'a Entry, turn: Turn) -> io::Result<Self> {
        let path = entry.place().bytes();
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        let offset = entry.offset();
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        let gathered = Vec::with_capacity(GATHERED);
        Ok(Self { directory, entry, turn, file, gathered, unsettled: 0, settled_at: Instant::now() })
    }

    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unsettled == 0 {
            self.settled_at = Instant::now();
        }
        self.gathered.extend_from_slice(bytes);
        self.unsettled += bytes.len() as u64;
        if self.unsettled >= MOST_UNSETTLED || self.settled_at.elapsed() >= SETTLE_EVERY {
            return self.settle();
        }
        if self.gathered.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }

    /// Bytes first, then the claim about them.
    fn settle(&mut self) -> io::Result<()> {
        if self.unsettled == 0 {
            return Ok(());
        }
        self.flush()?;
        self.file.sync_data()?;
        // Advice; a refusal costs nothing but memory.
        let _ = fadvise(&self.file, 0, None, Advice::DontNeed);
        self.entry.grow(self.unsettled)?;
        self.turn.wrote(self.unsettled);
        self.unsettled = 0;
        self.settled_at = Instant::now();
        self.directory.require_reserve()
    }
}
