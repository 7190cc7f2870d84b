//! What a path stands for in the end, whatever names and links lead to it.

use rustix::fs::{major, makedev, minor};
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

    /// By the numbers of a device, as `/proc/self/mountinfo` has them.
    fn of_numbers(numbers: &str) -> Option<Self> {
        let (major, minor) = numbers.split_once(':')?;
        Some(Self::Block { device: makedev(major.parse().ok()?, minor.parse().ok()?) })
    }

    fn backing_file(self) -> Option<Self> {
        let Self::Block { device } = self else { return None };
        let place = format!("/sys/dev/block/{}:{}/loop/backing_file", major(device), minor(device));
        let path = fs::read_to_string(place).ok()?;
        Self::of_path(Path::new(path.trim_end_matches('\n'))).ok()
    }
}

/// Where the kernel says what is mounted, a line each: the third word has the numbers of the device.
const MOUNTS: &str = "/proc/self/mountinfo";

/// The devices that are mounted anywhere.
pub(super) fn mounted() -> io::Result<Vec<Identity>> {
    let text = fs::read_to_string(MOUNTS)?;
    Ok(text.lines().filter_map(|line| Identity::of_numbers(line.split(' ').nth(2)?)).collect())
}

/// Whether the file or block device is mounted, under whatever name.
///
/// # Errors
/// When that cannot be told.
pub fn is_mounted(place: &Path) -> io::Result<bool> {
    let identity = Identity::of_path(place)?;
    let mounted = mounted()?;
    let found = |one: Identity| mounted.iter().any(|other| *other == one || other.storage() == one);
    Ok(found(identity) || found(identity.storage()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_root_is_mounted_and_a_fresh_file_is_not() {
        let root = fs::metadata("/").unwrap().dev();
        assert!(mounted().unwrap().contains(&Identity::Block { device: root }));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_mounted(file.path()).unwrap());
        assert!(is_mounted(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn numbers_of_a_device_are_understood() {
        assert_eq!(Identity::of_numbers("179:2"), Some(Identity::Block { device: makedev(179, 2) }));
        assert_eq!(Identity::of_numbers("179"), None);
        assert_eq!(Identity::of_numbers("x:2"), None);
    }
}
