//! Writing a pack: large appends, early write-back, an eye on the room that is left.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU64;

use rustix::fs::{Advice, fadvise};

use crate::error::{Error, while_};
use crate::files::Files;

/// Bytes are gathered to writes of this size.
const WRITE_BYTES: usize = 1 << 20;
/// After so many the disk is told to start, and the free room is looked at.
const STEP_BYTES: u64 = 8 << 20;

/// A pack that no manifest names yet. Its file is made with the first byte, thus a snapshot of known chunks
/// has none.
pub(crate) struct PackWriter<'a> {
    files: &'a Files,
    pub number: u64,
    keep_free: u64,
    file: Option<File>,
    gathered: Vec<u8>,
    written: u64,
    /// Up to where the disk was told to start.
    started: u64,
}

impl<'a> PackWriter<'a> {
    pub fn new(files: &'a Files, number: u64, keep_free: u64) -> Self {
        Self { files, number, keep_free, file: None, gathered: Vec::new(), written: 0, started: 0 }
    }

    /// Appends a chunk's bytes and says at which offset they lie.
    pub fn append(&mut self, bytes: &[u8]) -> Result<u64, Error> {
        let offset = self.length();
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= WRITE_BYTES {
            self.write_out()?;
        }
        if self.written - self.started >= STEP_BYTES {
            self.step()?;
        }
        Ok(offset)
    }

    /// Bytes appended so far.
    pub fn length(&self) -> u64 {
        self.written + self.gathered.len() as u64
    }

    fn write_out(&mut self) -> Result<(), Error> {
        let path = self.files.pack(self.number);
        let write = || -> io::Result<()> {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(File::options().write(true).create_new(true).open(path)?),
            };
            file.write_all(&self.gathered)
        };
        write().map_err(while_("write the pack"))?;
        self.written += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }

    /// Dirty pages are sent to the disk now, while there is still something to compute, and not all in the
    /// last sync. It is an advice: a file system without write-back ignores it.
    fn step(&mut self) -> Result<(), Error> {
        if let Some(file) = &self.file {
            let length = NonZeroU64::new(self.written - self.started);
            let _ = fadvise(file, self.started, length, Advice::DontNeed);
        }
        self.started = self.written;
        self.check_room()
    }

    pub fn check_room(&self) -> Result<(), Error> {
        match self.files.free_bytes()? < self.keep_free {
            true => Err(Error::NoSpace),
            false => Ok(()),
        }
    }

    /// Puts the bytes on the disk. Their name in the directory is synced by whoever publishes a manifest.
    pub fn finish(&mut self) -> Result<(), Error> {
        if !self.gathered.is_empty() {
            self.write_out()?;
        }
        if let Some(file) = &self.file {
            file.sync_data().map_err(while_("sync the pack"))?;
        }
        self.check_room()
    }

    /// Removes what was written. What cannot be removed is left to the next sweep.
    pub fn abandon(self) {
        if self.file.is_some() {
            let _ = self.files.remove_pack(self.number);
        }
    }
}
