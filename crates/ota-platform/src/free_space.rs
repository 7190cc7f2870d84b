//! How much a disk still takes.

use rustix::fs::statvfs;
use std::io;
use std::path::Path;

/// Bytes that can still be written to the disk of `directory`.
///
/// # Errors
/// When the disk cannot be asked.
pub fn free_bytes(directory: &Path) -> io::Result<u64> {
    let space = statvfs(directory)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}
