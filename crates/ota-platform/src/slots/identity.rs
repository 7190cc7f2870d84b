//! What a path stands for in the end, whatever names and links lead to it.

use rustix::fs::{major, minor};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Loop devices on files on loop devices …: nobody stacks more.
const MAX_DEPTH: usize = 8;

/// A file or block device, by the kernel's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    File { device: u64, inode: u64 },
    Block { device: u64 },
}

impl Identity {
    pub(crate) fn of_path(path: &Path) -> io::Result<Self> {
        Self::of(&fs::metadata(path)?)
    }

    /// Of what is really open: between a look at a path and its opening the path may have changed.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        Self::of(&file.metadata()?)
    }

    /// The block device that holds the root file system, where one holds it directly.
    pub(crate) fn of_running_root() -> io::Result<Self> {
        Ok(Self::Block { device: fs::metadata("/")?.dev() })
    }

    /// Follows a loop device to the file that holds its bytes.
    pub(crate) fn storage(self) -> Self {
        let mut identity = self;
        for _ in 0..MAX_DEPTH {
            match identity.backing_file() {
                Some(file) => identity = file,
                None => break,
            }
        }
        identity
    }

    fn of(metadata: &Metadata) -> io::Result<Self> {
        let kind = metadata.file_type();
        if kind.is_block_device() {
            Ok(Self::Block { device: metadata.rdev() })
        } else if kind.is_file() {
            Ok(Self::File { device: metadata.dev(), inode: metadata.ino() })
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a block device"))
        }
    }

    fn backing_file(self) -> Option<Self> {
        let Self::Block { device } = self else { return None };
        let place = format!("/sys/dev/block/{}:{}/loop/backing_file", major(device), minor(device));
        let path = fs::read_to_string(place).ok()?;
        Self::of_path(Path::new(path.trim_end_matches('\n'))).ok()
    }
}
