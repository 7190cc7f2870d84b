//! A slot's file or block device, opened past the page cache, and read.

use super::buffer::{ALIGNMENT, AlignedBuffer};
use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Length of a file or block device in bytes.
pub(crate) fn size(mut file: &File) -> io::Result<u64> {
    file.seek(SeekFrom::End(0))
}

/// Reads a slot from the device and not from the page cache.
#[derive(Debug)]
pub(crate) struct SlotReader {
    file: File,
    direct: bool,
}

impl SlotReader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (file, direct) = open(path, false, OFlags::empty())?;
        let reader = Self { file, direct };
        if !direct {
            reader.drop_cache()?;
        }
        Ok(reader)
    }

    /// Reads `wanted` bytes, at most a buffer's capacity, from `offset` on to the start of `buffer`. `offset` is a multiple of
    /// [`ALIGNMENT`].
    ///
    /// # Errors
    /// `UnexpectedEof` where the slot is shorter.
    pub(crate) fn fill(&mut self, buffer: &mut AlignedBuffer, offset: u64, wanted: usize) -> io::Result<()> {
        let mut done = 0;
        while done < wanted {
            if self.direct && done % ALIGNMENT != 0 {
                self.leave_direct()?;
            }
            let end = if self.direct { wanted.next_multiple_of(ALIGNMENT) } else { wanted };
            let room = buffer.bytes_mut().get_mut(done..end).unwrap_or_default();
            match self.file.read_at(room, offset + done as u64) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.direct && refuses_direct(&error) => self.leave_direct()?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn leave_direct(&mut self) -> io::Result<()> {
        self.direct = false;
        leave_direct(&self.file)?;
        self.drop_cache()
    }

    /// Only clean pages are dropped, hence the sync before.
    fn drop_cache(&self) -> io::Result<()> {
        self.file.sync_data()?;
        Ok(fadvise(&self.file, 0, None, Advice::DontNeed)?)
    }
}

/// Opens for writing or reading, past the page cache where that is possible; says whether it is.
pub(super) fn open(path: &Path, write: bool, extra: OFlags) -> io::Result<(File, bool)> {
    let with = |flags: OFlags| {
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        OpenOptions::new().read(!write).write(write).custom_flags(flags).open(path)
    };
    match with(extra | OFlags::DIRECT) {
        Ok(file) => Ok((file, true)),
        Err(error) if refuses_direct(&error) => Ok((with(extra)?, false)),
        Err(error) => Err(error),
    }
}

pub(super) fn leave_direct(file: &File) -> io::Result<()> {
    Ok(fcntl_setfl(file, fcntl_getfl(file)? - OFlags::DIRECT)?)
}

/// How a file system or driver without direct I/O, or with a coarser alignment than ours, answers.
pub(super) fn refuses_direct(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::INVAL | Errno::OPNOTSUPP))
}
