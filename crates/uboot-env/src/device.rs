//! A copy's bytes on a file or block device.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};

use crate::config::Location;
use crate::error::Error;
use crate::write_protection::{Lifted, SYSFS_BLOCK};

/// The bytes of one copy. Offsets count from the start of the copy.
pub(crate) trait Area {
    /// For messages.
    fn path(&self) -> &Path;
    /// Fills `buffer` from the start of the copy.
    fn read(&self, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes`.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all written bytes are durable. Later reads come from the device, also after a failure.
    fn sync(&mut self) -> io::Result<()>;
}

/// What a device is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// An open copy on a regular file or a block device.
#[derive(Debug)]
pub(crate) struct Device {
    file: File,
    path: PathBuf,
    start: u64,
    size: usize,
    /// Dropped, and so put back, after the file is closed.
    _protection: Option<Lifted>,
}

impl Device {
    /// Opens an existing device. Refuses one that does not hold the whole copy: nothing is ever grown here.
    pub(crate) fn open(location: &Location, size: usize, access: Access) -> Result<Self, Error> {
        let path = &location.device;
        let protection = match access {
            Access::Read => None,
            Access::Write => {
                Lifted::lift(path, Path::new(SYSFS_BLOCK)).map_err(Error::io("unprotect", path))?
            }
        };
        let file = OpenOptions::new()
            .read(true)
            .write(access == Access::Write)
            .open(path)
            .map_err(Error::io("open", path))?;
        let start = start(&file, location, size)?;
        Ok(Self { file, path: path.clone(), start, size, _protection: protection })
    }

    /// Whether both share bytes of one file or block device, under whatever names they were opened.
    pub(crate) fn overlaps(&self, other: &Self) -> Result<bool, Error> {
        let near = self.start.abs_diff(other.start) < self.size.max(other.size) as u64;
        Ok(near && self.identity()? == other.identity()?)
    }

    fn identity(&self) -> Result<(u64, u64), Error> {
        let metadata = self.file.metadata().map_err(Error::io("inspect", &self.path))?;
        let is_block_device = metadata.file_type().is_block_device();
        Ok(if is_block_device { (metadata.rdev(), 0) } else { (metadata.dev(), metadata.ino()) })
    }
}

/// Creates the file where it is missing and grows it to hold the copy. Block devices are left as they are.
pub(crate) fn provision(location: &Location) -> Result<(), Error> {
    let path = &location.device;
    let in_dev = path.parent() == Some(Path::new("/dev"));
    let Ok(offset) = u64::try_from(location.offset) else { return Ok(()) };
    if in_dev {
        // A mistyped device must not become a file of that name.
        return Ok(());
    }
    let end = offset.saturating_add(location.size);
    let grow = || {
        let existed = path.try_exists()?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.len() < end {
            file.set_len(end)?;
            file.sync_all()?;
        }
        match path.parent() {
            Some(parent) if !existed => {
                File::open(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?.sync_all()
            }
            _ => Ok(()),
        }
    };
    grow().map_err(Error::io("create", path))
}

/// First byte of the copy on the device, checked to be followed by `size` bytes.
fn start(file: &File, location: &Location, size: usize) -> Result<u64, Error> {
    let path = &location.device;
    let kind = file.metadata().map_err(Error::io("inspect", path))?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err(Error::UnsupportedDevice { path: path.clone() });
    }
    let mut handle = file;
    let length = handle.seek(SeekFrom::End(0)).map_err(Error::io("measure", path))?;
    let start = match u64::try_from(location.offset) {
        Ok(offset) => Some(offset),
        Err(_) => length.checked_sub(location.offset.unsigned_abs()),
    };
    start
        .filter(|start| start.checked_add(size as u64).is_some_and(|end| end <= length))
        .ok_or_else(|| Error::OutsideDevice { path: path.clone(), offset: location.offset, size, length })
}

impl Area for Device {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, self.start)
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let at = self.start.checked_add(offset as u64).ok_or(ErrorKind::InvalidInput)?;
        self.file.write_all_at(bytes, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        let result = self.file.sync_data();
        // Advice, and only that: where the kernel drops the cached pages, the read-back really reads the device, and
        // pages whose write failed do not pass for what is stored.
        let _ = fadvise(&self.file, 0, None, Advice::DontNeed);
        result
    }
}
