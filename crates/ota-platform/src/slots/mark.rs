//! Noticing that somebody has written to a slot.

use rustix::fs::{FileType, major, minor, stat};
use std::fs;
use std::io;
use std::path::Path;

/// A text that is another one after any write: for a file its identity and times, for a block device how much the kernel has
/// written to it.
pub(super) fn of(place: &Path) -> io::Result<String> {
    let found = stat(place)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::BlockDevice {
        let (dev, ino, size) = (found.st_dev, found.st_ino, found.st_size);
        let (modified, changed) =
            ((found.st_mtime, found.st_mtime_nsec), (found.st_ctime, found.st_ctime_nsec));
        return Ok(format!("{dev}:{ino}:{size}:{modified:?}:{changed:?}"));
    }
    let device = found.st_rdev;
    let statistics = format!("/sys/dev/block/{}:{}/stat", major(device), minor(device));
    let text = fs::read_to_string(statistics)?;
    // Writes that were completed, merged, and their sectors.
    let written: Vec<_> = text.split_ascii_whitespace().skip(4).take(3).collect();
    Ok(format!("{device}:{}", written.join(":")))
}
