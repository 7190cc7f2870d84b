//! Noticing that somebody has written to a slot.

use rustix::fs::{FileType, stat};
use std::io;
use std::path::Path;

/// A text that is another one after any write to a file: its identity, size and times. `None` for anything else: what the kernel
/// counts for a block device misses what is not flushed yet, what goes through the whole disk, and all where counting is off.
pub(super) fn of(place: &Path) -> io::Result<Option<String>> {
    let found = stat(place)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let (dev, ino, size) = (found.st_dev, found.st_ino, found.st_size);
    let (modified, changed) = ((found.st_mtime, found.st_mtime_nsec), (found.st_ctime, found.st_ctime_nsec));
    Ok(Some(format!("{dev}:{ino}:{size}:{modified:?}:{changed:?}")))
}
