//! Metadata: a stream that lies in blocks of at most 8 KiB, each compressed by itself.

use backhand::compression::{CompressionAction, Compressor, DefaultCompressor};

use crate::Error;
use crate::source::Source;

/// Bytes of a block, uncompressed.
const BLOCK: usize = 8192;
/// Of the length of a block as it is stored: set when it is not compressed.
const UNCOMPRESSED: u16 = 1 << 15;

/// Reads metadata from some place on, a block at a time.
pub(super) struct Metadata<'a> {
    source: &'a mut Source,
    compressor: Compressor,
    block: Vec<u8>,
    /// What of the block was read.
    consumed: usize,
    /// Where the next block begins.
    next: u64,
}

impl<'a> Metadata<'a> {
    /// From byte `offset` of the block at `start` on.
    pub(super) fn open(
        source: &'a mut Source,
        compressor: Compressor,
        start: u64,
        offset: usize,
    ) -> Result<Self, Error> {
        let mut this =
            Self { source, compressor, block: Vec::with_capacity(BLOCK), consumed: 0, next: start };
        this.load()?;
        this.consumed = offset;
        Ok(this)
    }

    fn load(&mut self) -> Result<(), Error> {
        let mut header = [0; 2];
        header.copy_from_slice(self.source.read(self.next, 2)?);
        let header = u16::from_le_bytes(header);
        let stored = usize::from(header & !UNCOMPRESSED);
        let senseless = || Error::squashfs("its metadata makes no sense");
        let bytes = self.source.read(self.next.saturating_add(2), stored)?;
        self.block.clear();
        if header & UNCOMPRESSED == 0 {
            DefaultCompressor
                .decompress(bytes, &mut self.block, self.compressor)
                .map_err(|_| Error::squashfs("its metadata cannot be decompressed"))?;
        } else {
            self.block.extend_from_slice(bytes);
        }
        // An empty block would let the reading go on without an end.
        if self.block.is_empty() || self.block.len() > BLOCK {
            return Err(senseless());
        }
        self.consumed = 0;
        self.next = self.next.saturating_add(2 + stored as u64);
        Ok(())
    }

    /// Fills `bytes` with what comes next.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let mut filled = 0;
        while let Some(missing) = bytes.get_mut(filled..).filter(|missing| !missing.is_empty()) {
            let rest = self.block.get(self.consumed..).unwrap_or_default();
            if rest.is_empty() {
                self.load()?;
                continue;
            }
            let count = rest.len().min(missing.len());
            missing.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            filled += count;
            self.consumed += count;
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    /// Passes over so many bytes, which are few.
    pub(super) fn skip<const N: usize>(&mut self) -> Result<(), Error> {
        self.array::<N>().map(drop)
    }
}
