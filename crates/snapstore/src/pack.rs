//! Chunks of one snapshot, one after the other in a file.

use crate::Error;
use crate::manifest::Stored;
use rustix::fs::statvfs;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes that are gathered for one write.
const GATHERED: usize = 1 << 20;

/// A pack that is being written.
pub(crate) struct PackWriter {
    file: File,
    directory: PathBuf,
    gathered: Vec<u8>,
    /// Where the next chunk begins.
    offset: u64,
    keep_free: u64,
}

impl PackWriter {
    pub(crate) fn create(path: &Path, directory: &Path, keep_free: u64) -> Result<Self, Error> {
        let file = File::create(path).map_err(Error::io("make a pack"))?;
        let gathered = Vec::with_capacity(GATHERED + crate::CHUNK);
        let writer = Self { file, directory: directory.to_owned(), gathered, offset: 0, keep_free };
        writer.check_room()?;
        Ok(writer)
    }

    /// Takes a chunk as it is to be stored.
    pub(crate) fn append(&mut self, bytes: &[u8], raw: bool) -> Result<Stored, Error> {
        let length = u32::try_from(bytes.len()).map_err(|_| Error::TooLarge("a chunk"))?;
        let stored = Stored { pack: 0, offset: self.offset, length, raw };
        self.gathered.extend_from_slice(bytes);
        self.offset += u64::from(length);
        if self.gathered.len() >= GATHERED {
            self.flush()?;
        }
        Ok(stored)
    }

    /// Writes what is left and waits until all of it is on the disk; returns its bytes.
    pub(crate) fn finish(mut self) -> Result<u64, Error> {
        self.flush()?;
        self.file.sync_all().map_err(Error::io("make a pack durable"))?;
        Ok(self.offset)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.check_room()?;
        self.file.write_all(&self.gathered).map_err(Error::io("write a pack"))?;
        self.gathered.clear();
        Ok(())
    }

    /// Others need the disk as well.
    fn check_room(&self) -> Result<(), Error> {
        let space =
            statvfs(&self.directory).map_err(|error| Error::io("ask for free space")(error.into()))?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        if free < self.keep_free.saturating_add(self.gathered.len() as u64) {
            Err(Error::NoSpace)
        } else {
            Ok(())
        }
    }
}
