//! Reading the file of a bundle, past the page cache where it can be: what is read once need not be kept, and filling the cache
//! and copying out of it cost more processor time than the disk does.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::container::BLOCK;

/// The file of a bundle, opened twice.
#[derive(Debug)]
pub(crate) struct Payload {
    file: File,
    /// The same one, for direct I/O.
    direct: Option<File>,
}

impl Payload {
    pub(crate) fn new(file: File) -> Self {
        // By its descriptor: the path may lead elsewhere by now.
        let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = OFlags::DIRECT.bits().cast_signed();
        let direct = OpenOptions::new().read(true).custom_flags(flags).open(itself).ok();
        Self { file, direct }
    }

    /// Fills `buffer` from `offset` on.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if let Some(direct) = self.direct.as_ref().filter(|_| is_aligned(buffer, offset)) {
            match direct.read_exact_at(buffer, offset) {
                // A device that wants larger blocks than ours, or a short read in between.
                Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {}
                read => return read,
            }
        }
        self.file.read_exact_at(buffer, offset)
    }
}

fn is_aligned(buffer: &[u8], offset: u64) -> bool {
    let start = buffer.as_ptr().align_offset(BLOCK);
    start == 0 && buffer.len().is_multiple_of(BLOCK) && offset.is_multiple_of(BLOCK as u64)
}

/// Memory that begins at a multiple of [`BLOCK`], as direct I/O wants it.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    storage: Vec<u8>,
}

impl Aligned {
    /// The first `len` bytes, whatever they hold.
    pub(crate) fn first(&mut self, len: usize) -> &mut [u8] {
        if self.storage.len() < len.saturating_add(BLOCK) {
            self.storage = vec![0; len.saturating_add(BLOCK)];
        }
        // It may be impossible to tell; then reading goes through the page cache.
        let start = Some(self.storage.as_ptr().align_offset(BLOCK)).filter(|start| *start < BLOCK);
        let start = start.unwrap_or_default();
        self.storage.get_mut(start..start + len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn aligned_or_not_the_same_bytes_are_read() {
        let content: Vec<u8> = (0..5 * BLOCK + 77).map(|index| (index % 253) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let payload = Payload::new(file);
        let mut memory = Aligned::default();
        for (offset, len) in [(0, BLOCK), (BLOCK, 3 * BLOCK), (1, BLOCK), (BLOCK, 5), (0, content.len())] {
            let buffer = memory.first(len);
            assert_eq!(buffer.as_ptr().align_offset(BLOCK), 0);
            payload.read_exact_at(buffer, offset as u64).unwrap();
            assert!(buffer == &content[offset..offset + len], "{offset} {len}");
        }
        // The last block of the file is not a whole one.
        let beyond = payload.read_exact_at(memory.first(BLOCK), 5 * BLOCK as u64).unwrap_err();
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    }
}
