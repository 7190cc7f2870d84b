//! Blocks of a download on their way from the network to hash and disk.

use crate::slots::buffer::{AlignedBuffer, CAPACITY};
use tokio::sync::mpsc::UnboundedSender;

/// A buffer that is being filled.
#[derive(Debug)]
pub(super) struct Filling {
    buffer: AlignedBuffer,
    len: usize,
}

impl Filling {
    pub(super) fn new(buffer: AlignedBuffer) -> Self {
        Self { buffer, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_full(&self) -> bool {
        self.len == CAPACITY
    }

    /// Takes as much of `bytes` as there is room for and returns how much that was.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let room = self.buffer.bytes_mut().get_mut(self.len..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        for (place, bytes) in room.get_mut(..count).into_iter().zip(bytes.get(..count)) {
            place.copy_from_slice(bytes);
        }
        self.len += count;
        count
    }

    /// What was filled in from `start` on.
    pub(super) fn tail(&self, start: usize) -> &[u8] {
        self.buffer.bytes().get(start..self.len).unwrap_or_default()
    }

    /// Ends the filling at `len` bytes, which belong at `offset` of the file. The buffer goes `home` when nobody needs it.
    pub(super) fn seal(self, len: usize, offset: u64, home: UnboundedSender<AlignedBuffer>) -> Block {
        Block { buffer: Some(self.buffer), len: len.min(self.len), offset, home }
    }
}

/// Bytes of a download. Its buffer is used again as soon as the last of its readers dropped it.
#[derive(Debug)]
pub(super) struct Block {
    buffer: Option<AlignedBuffer>,
    len: usize,
    offset: u64,
    home: UnboundedSender<AlignedBuffer>,
}

impl Block {
    pub(super) fn bytes(&self) -> &[u8] {
        let all = self.buffer.as_ref().map(AlignedBuffer::bytes).unwrap_or_default();
        all.get(..self.len).unwrap_or_default()
    }

    /// Where they belong in the file.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            // Nobody is there to use it again once the download has ended.
            let _ = self.home.send(buffer);
        }
    }
}
