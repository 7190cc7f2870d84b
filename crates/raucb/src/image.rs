//! Decompressing the blocks of one image.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use backhand::compression::{CompressionAction, Compressor, DefaultCompressor};

use crate::Error;
use crate::source::Source;
use crate::squashfs::{FileLayout, Stored};

/// The blocks of one image, to be decompressed in any order. Its source holds one as stored, at most 1 MiB.
#[derive(Clone)]
pub(crate) struct Blocks {
    compressor: Compressor,
    block_size: usize,
    file: Arc<FileLayout>,
    source: Source,
}

impl Blocks {
    pub(crate) fn new(
        compressor: Compressor,
        block_size: usize,
        file: Arc<FileLayout>,
        source: Source,
    ) -> Self {
        Self { compressor, block_size, file, source }
    }

    pub(crate) fn count(&self) -> usize {
        self.file.blocks.len() + usize::from(self.file.tail.is_some())
    }

    /// Decompresses block `index` into `block`, replacing what that held; empty behind the last one.
    pub(crate) fn decode(&mut self, index: usize, block: &mut Vec<u8>) -> Result<(), Error> {
        block.clear();
        let before = (index as u64).saturating_mul(self.block_size as u64);
        let left = self.file.len.saturating_sub(before);
        let len = usize::try_from(left).map_or(self.block_size, |left| left.min(self.block_size));
        match (self.file.blocks.get(index).copied(), self.file.tail) {
            _ if len == 0 => Ok(()),
            (Some(stored), _) if stored.size.stored() == 0 => {
                block.resize(len, 0);
                Ok(())
            }
            (Some(stored), _) => {
                self.decompress(stored, block)?;
                require(block.len() == len, "a block has the wrong length")
            }
            (None, Some(tail)) => {
                self.decompress(tail.stored, block)?;
                let end = tail.skip.saturating_add(len);
                require(end <= block.len(), "a fragment is too short")?;
                block.truncate(end);
                block.drain(..tail.skip);
                Ok(())
            }
            (None, None) => Err(Error::squashfs("a file's blocks do not make up its length")),
        }
    }

    /// Sizes were bounded by the block size when the file was found, hence so is what is allocated here.
    fn decompress(&mut self, stored: Stored, block: &mut Vec<u8>) -> Result<(), Error> {
        let bytes = self.source.read(stored.start, stored.size.stored() as usize)?;
        block.reserve_exact(self.block_size);
        if stored.size.uncompressed() {
            block.extend_from_slice(bytes);
            return Ok(());
        }
        DefaultCompressor
            .decompress(bytes, block, self.compressor)
            .map_err(|_| Error::squashfs("a block cannot be decompressed"))
    }
}

fn require(sound: bool, complaint: &'static str) -> Result<(), Error> {
    if sound { Ok(()) } else { Err(Error::squashfs(complaint)) }
}

/// Reads one image from start to end on the caller's thread, each block compared with the signed hash tree before it
/// is decompressed. Holds one block of the squashfs, at most 1 MiB, as stored and as decompressed.
///
/// [`BufRead`] gives the decompressed blocks without copying them. Its errors turn into [`Error`] with `Error::from`.
pub struct ImageReader {
    blocks: Blocks,
    next: usize,
    block: Vec<u8>,
    consumed: usize,
}

impl ImageReader {
    pub(crate) fn new(blocks: Blocks) -> Self {
        Self { blocks, next: 0, block: Vec::new(), consumed: 0 }
    }

    /// Length of the image in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blocks.file.len
    }
}

impl BufRead for ImageReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.consumed >= self.block.len() {
            self.consumed = 0;
            if let Err(error) = self.blocks.decode(self.next, &mut self.block) {
                // What a failed block has left behind is not for readers.
                self.block.clear();
                return Err(error.into());
            }
            self.next = self.next.saturating_add(1);
        }
        Ok(self.block.get(self.consumed..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.consumed = self.consumed.saturating_add(amount).min(self.block.len());
    }
}

impl Read for ImageReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
