//! A slot's file or block device, opened for writing or for reading past the page cache.

use super::buffer::{ALIGNMENT, AlignedBuffer, CAPACITY};
use super::identity::Identity;
use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Dirty bytes after which write-back is started where direct I/O is not to be had.
const WRITE_BACK: u64 = 8 << 20;

/// Length of a file or block device in bytes.
pub(crate) fn size(mut file: &File) -> io::Result<u64> {
    file.seek(SeekFrom::End(0))
}

/// Writes a slot from its first byte on, in aligned pieces.
#[derive(Debug)]
pub(crate) struct SlotWriter {
    file: File,
    direct: bool,
    buffer: AlignedBuffer,
    filled: usize,
    /// Bytes handed to the kernel.
    position: u64,
    /// Bytes whose write-back was started.
    started: u64,
}

impl SlotWriter {
    /// Opens an existing slot. A block device is claimed for us alone: one that is mounted, or part of which is, is refused by
    /// the kernel.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let claim =
            if fs::metadata(path)?.file_type().is_block_device() { OFlags::EXCL } else { OFlags::empty() };
        let (file, direct) = open(path, true, claim)?;
        Ok(Self { file, direct, buffer: AlignedBuffer::new(), filled: 0, position: 0, started: 0 })
    }

    pub(crate) fn identity(&self) -> io::Result<Identity> {
        Identity::of_file(&self.file)
    }

    pub(crate) fn size(&self) -> io::Result<u64> {
        size(&self.file)
    }

    /// Bytes that the kernel has taken; after an error, where it happened.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.buffer.bytes_mut().get_mut(self.filled..).unwrap_or_default();
            let count = room.len().min(bytes.len());
            let (now, later) = bytes.split_at(count);
            if let Some(place) = room.get_mut(..count) {
                place.copy_from_slice(now);
            }
            self.filled += count;
            bytes = later;
            if self.filled == CAPACITY {
                self.flush_buffer()?;
            }
        }
        Ok(())
    }

    /// Writes what is left and waits until all of it is on the device.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.flush_buffer()?;
        self.file.sync_data()
    }

    fn flush_buffer(&mut self) -> io::Result<()> {
        let mut done = 0;
        while done < self.filled {
            let pending = self.filled - done;
            if self.direct && pending < ALIGNMENT {
                // The end of an image that is no multiple of a sector.
                self.leave_direct()?;
            }
            let whole = if self.direct { pending - pending % ALIGNMENT } else { pending };
            let piece = self.buffer.bytes().get(done..done + whole).unwrap_or_default();
            match self.file.write_at(piece, self.position) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    done += count;
                    self.position += count as u64;
                    // After a short write the rest is not aligned any more.
                    if self.direct && count % ALIGNMENT != 0 {
                        self.leave_direct()?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.direct && refuses_direct(&error) => self.leave_direct()?,
                Err(error) => return Err(error),
            }
        }
        self.filled = 0;
        self.start_write_back();
        Ok(())
    }

    fn leave_direct(&mut self) -> io::Result<()> {
        self.direct = false;
        self.started = self.position;
        leave_direct(&self.file)
    }

    /// Without direct I/O, dirty pages would pile up and be written all at once by the final sync. On Linux this advice starts
    /// the write-back of dirty pages and drops clean ones; it is advice, so a refusal costs nothing but time.
    fn start_write_back(&mut self) {
        if !self.direct && self.position - self.started >= WRITE_BACK {
            let _ = fadvise(
                &self.file,
                self.started,
                NonZeroU64::new(self.position - self.started),
                Advice::DontNeed,
            );
            self.started = self.position;
        }
    }
}

/// Reads a slot from its first byte on, from the device and not from the page cache.
#[derive(Debug)]
pub(crate) struct SlotReader {
    file: File,
    direct: bool,
    position: u64,
}

impl SlotReader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (file, direct) = open(path, false, OFlags::empty())?;
        let reader = Self { file, direct, position: 0 };
        if !direct {
            reader.drop_cache()?;
        }
        Ok(reader)
    }

    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Reads the next `wanted` bytes, at most [`CAPACITY`], to the start of `buffer`.
    ///
    /// # Errors
    /// `UnexpectedEof` where the slot is shorter.
    pub(crate) fn fill(&mut self, buffer: &mut AlignedBuffer, wanted: usize) -> io::Result<()> {
        let mut done = 0;
        while done < wanted {
            if self.direct && done % ALIGNMENT != 0 {
                self.leave_direct()?;
            }
            let end = if self.direct { wanted.next_multiple_of(ALIGNMENT) } else { wanted };
            let room = buffer.bytes_mut().get_mut(done..end).unwrap_or_default();
            match self.file.read_at(room, self.position + done as u64) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.direct && refuses_direct(&error) => self.leave_direct()?,
                Err(error) => return Err(error),
            }
        }
        self.position += wanted as u64;
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

fn open(path: &Path, write: bool, extra: OFlags) -> io::Result<(File, bool)> {
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

fn leave_direct(file: &File) -> io::Result<()> {
    Ok(fcntl_setfl(file, fcntl_getfl(file)? - OFlags::DIRECT)?)
}

/// How a file system or driver without direct I/O, or with a coarser alignment than ours, answers.
fn refuses_direct(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::INVAL | Errno::OPNOTSUPP))
}
