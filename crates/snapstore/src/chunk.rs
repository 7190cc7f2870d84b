//! Chunks: what images are cut into, and how one lies in a pack.

use zstd::bulk::{Compressor, Decompressor};

/// BLAKE3 of a chunk's bytes.
pub(crate) type Hash = [u8; 32];

/// How many bytes of an image travel through the pipelines as one piece.
pub(crate) const BATCH_BYTES: usize = 1 << 20;

/// Compression has to keep up with the disk before all.
const LEVEL: i32 = 1;

/// How a chunk's bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Nothing is kept: the chunk is all zeros.
    Zero = 0,
    /// As they are.
    Raw = 1,
    /// One zstd frame, smaller than the chunk.
    Zstd = 2,
}

/// A chunk of an image and where its bytes are. Of an [`Encoding::Zero`] chunk every other field is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub hash: Hash,
    pub pack: u64,
    pub offset: u64,
    pub stored: u32,
    pub encoding: Encoding,
}

impl Chunk {
    pub const ZERO: Self = Self { hash: [0; 32], pack: 0, offset: 0, stored: 0, encoding: Encoding::Zero };

    /// One past its last byte in the pack; manifests that were read hold none that overflows.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.stored))
    }
}

pub(crate) fn hash(bytes: &[u8]) -> Hash {
    *blake3::hash(bytes).as_bytes()
}

/// Compared in pieces that the compiler makes vectors of; ends early, as most chunks do not begin with zeros.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(256).all(|piece| piece.iter().fold(0, |all, byte| all | byte) == 0)
}

pub(crate) fn compressor() -> std::io::Result<Compressor<'static>> {
    Compressor::new(LEVEL)
}

/// Appends `bytes` to `out` compressed and says how long they became; `None` when that would not make them
/// smaller.
pub(crate) fn compress(encoder: &mut Compressor<'_>, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let start = out.len();
    // A target one byte shorter than the chunk makes zstd fail exactly when nothing is gained.
    out.resize(start + bytes.len().saturating_sub(1), 0);
    let written = encoder.compress_to_buffer(bytes, &mut out[start..]).ok();
    out.truncate(start + written.unwrap_or(0));
    written
}

/// Fills `out` with the chunk that `stored` holds; `false` when that is not the chunk of this hash and
/// length.
pub(crate) fn decode(decoder: &mut Decompressor<'_>, chunk: &Chunk, stored: &[u8], out: &mut [u8]) -> bool {
    let whole = match chunk.encoding {
        Encoding::Zero => {
            out.fill(0);
            return true;
        }
        Encoding::Raw if stored.len() == out.len() => {
            out.copy_from_slice(stored);
            true
        }
        Encoding::Raw => false,
        Encoding::Zstd => decoder.decompress_to_buffer(stored, out).is_ok_and(|length| length == out.len()),
    };
    whole && hash(out) == chunk.hash
}
