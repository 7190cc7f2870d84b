//! Memory as direct I/O wants it.

/// Alignment of memory, offsets and lengths that every block device accepts for direct I/O: its largest sector, a page.
pub(crate) const ALIGNMENT: usize = 4096;

/// Bytes of a buffer: one write of it costs a device little more than its data.
pub(crate) const CAPACITY: usize = 1 << 20;

/// [`CAPACITY`] bytes that begin at a multiple of [`ALIGNMENT`].
#[derive(Debug)]
pub(crate) struct AlignedBuffer {
    /// Never grown after it was made: its place in memory must not change.
    storage: Vec<u8>,
    start: usize,
}

impl AlignedBuffer {
    pub(crate) fn new() -> Self {
        let storage = vec![0; CAPACITY + ALIGNMENT];
        // `usize::MAX` says that it cannot be known; then the kernel refuses direct I/O, and buffered I/O is used.
        let start = Some(storage.as_ptr().align_offset(ALIGNMENT)).filter(|start| *start < ALIGNMENT);
        Self { storage, start: start.unwrap_or_default() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.storage.get(self.start..self.start + CAPACITY).unwrap_or_default()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.start..self.start + CAPACITY).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_buffer_is_aligned_and_full_size() {
        for _ in 0..20 {
            let mut buffer = AlignedBuffer::new();
            assert_eq!(buffer.bytes().as_ptr() as usize % ALIGNMENT, 0);
            assert_eq!((buffer.bytes().len(), buffer.bytes_mut().len()), (CAPACITY, CAPACITY));
        }
    }
}
