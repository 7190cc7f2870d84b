//! Streaming one image out of the squashfs.

use std::io::{self, BufRead, Read};

use backhand::DataSize;
use backhand::compression::{CompressionAction, DefaultCompressor};

use crate::Error;
use crate::source::Source;
use crate::squashfs::{FileLayout, Layout, Tail};

/// Reads one image from start to end, holding one block of the squashfs (at most 1 MiB) as stored and as
/// decompressed.
///
/// [`BufRead`] gives the decompressed blocks without copying them.
pub struct ImageReader {
    decoder: Decoder,
    file: FileLayout,
    next: usize,
    /// Where the next block is stored.
    offset: u64,
    /// Bytes of the image that are not decompressed yet.
    left: u64,
    block: Vec<u8>,
    consumed: usize,
}

impl ImageReader {
    pub(crate) fn new(layout: &Layout, file: &FileLayout, source: Source) -> Self {
        let decoder = Decoder {
            source,
            compressor: layout.compressor,
            block_size: layout.block_size,
            stored: Vec::new(),
        };
        let (offset, left) = (file.start, file.len);
        Self { decoder, file: file.clone(), next: 0, offset, left, block: Vec::new(), consumed: 0 }
    }

    /// Length of the image in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.file.len
    }

    /// Decompresses the next part into `block`, replacing what it held; empty at the end of the image.
    pub(crate) fn next_block(&mut self, block: &mut Vec<u8>) -> Result<(), Error> {
        block.clear();
        let len = usize::try_from(self.left)
            .map_or(self.decoder.block_size, |left| left.min(self.decoder.block_size));
        if len == 0 {
            return Ok(());
        }
        match (self.file.blocks.get(self.next), &self.file.tail) {
            (Some(stored), _) => {
                self.decoder.block(self.offset, *stored, len, block)?;
                self.offset = self.offset.saturating_add(u64::from(stored.size()));
                self.next += 1;
            }
            (None, Some(tail)) => self.decoder.tail(tail, len, block)?,
            (None, None) => return Err(Error::squashfs("a file's blocks do not make up its length")),
        }
        self.left -= len as u64;
        Ok(())
    }
}

impl BufRead for ImageReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.consumed >= self.block.len() {
            let mut block = std::mem::take(&mut self.block);
            self.consumed = 0;
            self.next_block(&mut block)?;
            self.block = block;
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

/// Reads and decompresses blocks.
struct Decoder {
    source: Source,
    compressor: backhand::compression::Compressor,
    block_size: usize,
    stored: Vec<u8>,
}

impl Decoder {
    /// A data block of `len` bytes: a hole, as it is, or compressed.
    fn block(&mut self, offset: u64, stored: DataSize, len: usize, block: &mut Vec<u8>) -> Result<(), Error> {
        if stored.size() == 0 {
            block.resize(len, 0);
            return Ok(());
        }
        self.decode(offset, stored, block)?;
        if block.len() == len { Ok(()) } else { Err(Error::squashfs("a block has the wrong length")) }
    }

    /// The end of a file, `len` bytes of a fragment.
    fn tail(&mut self, tail: &Tail, len: usize, block: &mut Vec<u8>) -> Result<(), Error> {
        self.decode(tail.start, tail.stored, block)?;
        let end = tail.skip.checked_add(len).filter(|end| *end <= block.len());
        block.truncate(end.ok_or_else(|| Error::squashfs("a fragment is too short"))?);
        block.drain(..tail.skip);
        Ok(())
    }

    /// Sizes were bounded by the block size when the file was found, hence so is what is allocated here.
    fn decode(&mut self, offset: u64, stored: DataSize, block: &mut Vec<u8>) -> Result<(), Error> {
        let len = stored.size() as usize;
        if stored.uncompressed() {
            block.resize(len, 0);
            return self.source.read_exact_at(block, offset);
        }
        self.stored.resize(len, 0);
        self.source.read_exact_at(&mut self.stored, offset)?;
        block.reserve_exact(self.block_size);
        DefaultCompressor
            .decompress(&self.stored, block, self.compressor)
            .map_err(|_| Error::squashfs("a block cannot be decompressed"))
    }
}
