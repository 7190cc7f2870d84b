//! The file that a download is written to.

use super::error::FetchError;
use crate::slots::buffer::ALIGNMENT;
use rustix::fs::{Advice, FallocateFlags, OFlags, fadvise, fallocate};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// An open part, past the page cache where the file system allows it.
#[derive(Debug)]
pub(super) struct Part {
    buffered: File,
    /// Takes whole blocks only.
    direct: Option<File>,
}

impl Part {
    /// Opens the part, cuts it to `offset` bytes and reserves blocks up to `length`.
    pub(super) fn open(path: &Path, offset: u64, length: u64) -> Result<Self, FetchError> {
        let open = |flags: OFlags| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .custom_flags(flags.bits().cast_signed())
                .open(path)
        };
        let action = "open the download";
        let buffered = open(OFlags::empty()).map_err(FetchError::storage(action))?;
        if buffered.metadata().map_err(FetchError::storage(action))?.len() > offset {
            buffered.set_len(offset).map_err(FetchError::storage(action))?;
        }
        reserve(&buffered, offset, length)?;
        Ok(Self { buffered, direct: open(OFlags::DIRECT).ok() })
    }

    pub(super) const fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    /// Writes `bytes` at `offset`. A device that wants larger blocks than ours gets buffered writes from then on.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let whole_blocks = bytes.len().is_multiple_of(ALIGNMENT) && offset.is_multiple_of(ALIGNMENT as u64);
        if whole_blocks && let Some(direct) = &self.direct {
            match direct.write_all_at(bytes, offset) {
                Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => self.direct = None,
                written => return written,
            }
        }
        self.buffered.write_all_at(bytes, offset)
    }

    /// Returns when all that was written is on the disk, and keeps nothing of it in memory.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.buffered.sync_data()?;
        if !self.is_direct() {
            // Advice; without it memory is only freed later.
            let _ = fadvise(&self.buffered, 0, None, Advice::DontNeed);
        }
        Ok(())
    }
}

/// Reserving finds out now that the disk is too small, and makes later writes cheaper. Not every file system can.
fn reserve(file: &File, offset: u64, length: u64) -> Result<(), FetchError> {
    let missing = length.saturating_sub(offset);
    if missing == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, offset, missing) {
        Err(error @ (Errno::NOSPC | Errno::DQUOT)) => {
            Err(FetchError::Storage { action: "reserve space for the download", source: error.into() })
        }
        // Writing will tell.
        _ => Ok(()),
    }
}
