//! The dm-verity hash tree: version 1, SHA-256, blocks of 4096 bytes, salt before each block, no superblock.
//!
//! It stands right behind the data, the level of the root first, the level whose hashes are those of the data
//! last. A block holds 128 hashes, an incomplete one is filled up with zeros.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::container::BLOCK;
use crate::manifest::Verity;
use crate::payload::{Aligned, Payload};
use crate::progress::Meter;
use crate::{Error, Malformed};

/// Hashes in a block of the tree.
const FANOUT: u64 = (BLOCK / DIGEST) as u64;
const DIGEST: usize = 32;
/// Read and hashed at once, in bytes: a multiple of [`BLOCK`].
const CHUNK: usize = 1 << 20;

/// Where the levels of a tree are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of data, a multiple of [`BLOCK`].
    pub(crate) data: u64,
    /// From the level above the data to that of the root.
    levels: Vec<Level>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Level {
    /// Of its first block, in bytes from the start of the file.
    offset: u64,
    blocks: u64,
}

impl Shape {
    /// The tree over `data` bytes. At least two blocks: a single one has a root but no tree, and RAUC refuses it.
    pub(crate) fn over(data: u64) -> Option<Self> {
        let mut blocks = data / BLOCK as u64;
        if !data.is_multiple_of(BLOCK as u64) || blocks < 2 {
            return None;
        }
        let mut counts = Vec::new();
        while blocks > 1 {
            blocks = blocks.div_ceil(FANOUT);
            counts.push(blocks);
        }
        let mut offset = data;
        let mut levels = Vec::with_capacity(counts.len());
        for blocks in counts.into_iter().rev() {
            levels.push(Level { offset, blocks });
            offset = offset.checked_add(blocks.checked_mul(BLOCK as u64)?)?;
        }
        levels.reverse();
        Some(Self { data, levels })
    }

    /// The tree that ends a payload, its size as the manifest has it.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless data and tree fill the payload exactly.
    pub(crate) fn within(payload: u64, tree: u64) -> Result<Self, Error> {
        let data = payload.checked_sub(tree);
        let shape = data.and_then(Self::over).filter(|shape| shape.size() == tree);
        shape.ok_or_else(|| Malformed::TreeSize { payload, tree }.into())
    }

    /// Bytes of the tree.
    pub(crate) fn size(&self) -> u64 {
        self.levels.iter().map(|level| level.blocks * BLOCK as u64).sum()
    }
}

/// Hashes blocks with a salt.
#[derive(Clone)]
struct Hasher {
    salted: Sha256,
}

impl Hasher {
    fn new(salt: &[u8; DIGEST]) -> Self {
        Self { salted: Sha256::new_with_prefix(salt) }
    }

    fn digest(&self, block: &[u8]) -> [u8; DIGEST] {
        let mut hash = self.salted.clone();
        hash.update(block);
        hash.finalize().into()
    }
}

/// Compares data with the signed root, by the tree in the file.
///
/// Of each level it holds the block last used, itself compared with the level above. Data that is checked from
/// start to end makes it load and compare every block of the tree exactly once.
#[derive(Clone)]
pub(crate) struct Checker {
    payload: Arc<Payload>,
    shape: Arc<Shape>,
    root: [u8; DIGEST],
    hasher: Hasher,
    held: Vec<Held>,
}

#[derive(Clone)]
struct Held {
    index: Option<u64>,
    hashes: Vec<u8>,
}

impl Checker {
    pub(crate) fn new(payload: Arc<Payload>, shape: Arc<Shape>, verity: &Verity) -> Self {
        let held = vec![Held { index: None, hashes: vec![0; BLOCK] }; shape.levels.len()];
        Self { payload, shape, root: verity.root, hasher: Hasher::new(&verity.salt), held }
    }

    /// Bytes of data that the tree covers.
    pub(crate) fn data(&self) -> u64 {
        self.shape.data
    }

    /// Compares whole blocks of data, the first of which is block `first`.
    ///
    /// # Errors
    /// [`Error::Malformed`] where a block of data or tree is not the signed one, [`Error::Io`].
    pub(crate) fn check(&mut self, first: u64, data: &[u8]) -> Result<(), Error> {
        for (block, bytes) in (first..).zip(data.chunks(BLOCK)) {
            let expected = self.expected(0, block)?;
            if self.hasher.digest(bytes) != expected {
                return Err(Malformed::DataMismatch { block }.into());
            }
        }
        Ok(())
    }

    /// Reads and compares whole blocks.
    pub(crate) fn read(&mut self, first: u64, data: &mut [u8]) -> Result<(), Error> {
        let offset = first.saturating_mul(BLOCK as u64);
        self.payload.read_exact_at(data, offset).map_err(Error::io("read the payload of the bundle"))?;
        self.check(first, data)
    }

    /// The hash that block `index` of what lies below `level` must have.
    fn expected(&mut self, level: usize, index: u64) -> Result<[u8; DIGEST], Error> {
        if level == self.shape.levels.len() {
            return Ok(self.root);
        }
        let (block, slot) = (index / FANOUT, index % FANOUT);
        if self.held.get(level).is_none_or(|held| held.index != Some(block)) {
            self.load(level, block)?;
        }
        let hashes = self.held.get(level).map(|held| held.hashes.as_chunks::<DIGEST>().0);
        let hash = hashes.and_then(|hashes| hashes.get(usize::try_from(slot).ok()?));
        hash.copied().ok_or_else(|| Malformed::TreeMismatch { level, block }.into())
    }

    fn load(&mut self, level: usize, block: u64) -> Result<(), Error> {
        let expected = self.expected(level + 1, block)?;
        let mismatch = || Malformed::TreeMismatch { level, block };
        let place = self.shape.levels.get(level).filter(|place| block < place.blocks).ok_or_else(mismatch)?;
        let held = self.held.get_mut(level).ok_or_else(mismatch)?;
        held.index = None;
        let offset = place.offset + block * BLOCK as u64;
        let read = self.payload.read_exact_at(&mut held.hashes, offset);
        read.map_err(Error::io("read the hash tree of the bundle"))?;
        if self.hasher.digest(&held.hashes) != expected {
            return Err(mismatch().into());
        }
        held.index = Some(block);
        Ok(())
    }
}

/// Compares these blocks of the data, and with them the blocks of the tree above them.
///
/// # Errors
/// As [`Checker::check`], and [`Error::Cancelled`].
pub(crate) fn check_blocks(
    mut checker: Checker,
    ranges: &[Range<u64>],
    meter: &Meter<'_>,
) -> Result<(), Error> {
    let mut chunk = Aligned::default();
    for range in ranges {
        for first in range.clone().step_by(CHUNK / BLOCK) {
            let blocks =
                usize::try_from(range.end - first).map_or(CHUNK / BLOCK, |left| left.min(CHUNK / BLOCK));
            let part = chunk.first(blocks * BLOCK);
            checker.read(first, part)?;
            meter.advance(part.len())?;
        }
    }
    Ok(())
}

/// Writes the tree over the `shape.data` bytes that `file` holds behind them, level by level in constant memory,
/// and returns the root. Leaves the position at the end of the tree.
///
/// # Errors
/// The system's.
pub(crate) fn append_tree(file: &mut File, shape: &Shape, salt: &[u8; DIGEST]) -> io::Result<[u8; DIGEST]> {
    let hasher = Hasher::new(salt);
    let mut below = Level { offset: 0, blocks: shape.data / BLOCK as u64 };
    for level in &shape.levels {
        write_level(file, &hasher, below, level.offset)?;
        below = *level;
    }
    let mut top = [0; BLOCK];
    file.read_exact_at(&mut top, below.offset)?;
    file.seek(SeekFrom::Start(shape.data + shape.size()))?;
    Ok(hasher.digest(&top))
}

/// Writes the hashes of `below` to `offset` and fills up the last block.
fn write_level(file: &File, hasher: &Hasher, below: Level, offset: u64) -> io::Result<()> {
    let mut source = BufReader::with_capacity(CHUNK, At { file, position: below.offset });
    let mut level = BufWriter::with_capacity(CHUNK, At { file, position: offset });
    let mut block = [0; BLOCK];
    for _ in 0..below.blocks {
        source.read_exact(&mut block)?;
        level.write_all(&hasher.digest(&block))?;
    }
    for _ in below.blocks..below.blocks.next_multiple_of(FANOUT) {
        level.write_all(&[0; DIGEST])?;
    }
    level.flush()
}

/// A position of its own in a shared file.
struct At<'a> {
    file: &'a File,
    position: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Write for At<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data of `blocks` blocks with its tree, and what a manifest would say about it.
    fn built(blocks: u64) -> (Arc<File>, Arc<Shape>, Verity) {
        let mut file = tempfile::tempfile().unwrap();
        for block in 0..blocks {
            file.write_all(&[(block % 251) as u8; BLOCK]).unwrap();
        }
        let shape = Shape::over(blocks * BLOCK as u64).unwrap();
        let salt = [7; 32];
        let root = append_tree(&mut file, &shape, &salt).unwrap();
        assert_eq!(file.metadata().unwrap().len(), shape.data + shape.size());
        assert_eq!(file.stream_position().unwrap(), shape.data + shape.size());
        let verity = Verity { root, salt, size: shape.size() };
        (Arc::new(file), Arc::new(shape), verity)
    }

    fn check(built: &(Arc<File>, Arc<Shape>, Verity)) -> Result<(), Error> {
        let payload = Payload::new(built.0.try_clone().unwrap());
        let checker = Checker::new(Arc::new(payload), Arc::clone(&built.1), &built.2);
        let blocks = built.1.data / BLOCK as u64;
        // In two parts, as what lies between images is.
        check_blocks(checker, &[0..blocks / 2, blocks / 2..blocks], &Meter::new(built.1.data, &()))
    }

    fn flip(file: &File, offset: u64) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
    }

    #[test]
    fn shapes_have_the_sizes_of_dm_verity() {
        for (blocks, tree) in [(2, 1), (128, 1), (129, 3), (128 * 128, 129), (128 * 128 + 1, 129 + 3)] {
            let shape = Shape::over(blocks * BLOCK as u64).unwrap();
            assert_eq!(shape.size(), tree * BLOCK as u64, "{blocks} blocks");
        }
        assert_eq!(Shape::over(0), None);
        assert_eq!(Shape::over(BLOCK as u64), None);
        assert_eq!(Shape::over(3 * BLOCK as u64 - 1), None);
    }

    #[test]
    fn a_tree_must_fill_the_payload() {
        let shape = Shape::over(129 * BLOCK as u64).unwrap();
        let payload = shape.data + shape.size();
        assert_eq!(Shape::within(payload, shape.size()).unwrap(), shape);
        for tree in [0, 1, BLOCK as u64, shape.size() + BLOCK as u64, payload, payload + 1, u64::MAX] {
            let error = Shape::within(payload, tree).unwrap_err();
            assert!(matches!(error, Error::Malformed(Malformed::TreeSize { .. })), "{tree}");
        }
    }

    #[test]
    fn accepts_its_own_and_refuses_any_flipped_bit() {
        for blocks in [2, 127, 128, 129, 300] {
            let built = built(blocks);
            check(&built).unwrap();
            let len = built.1.data + built.1.size();
            // An odd stride visits every block and, in turn, every place in a block.
            for offset in (0..len).step_by(BLOCK - 31).chain([len - 1]) {
                flip(&built.0, offset);
                let error = check(&built).unwrap_err();
                match offset < built.1.data {
                    true => assert!(matches!(error, Error::Malformed(Malformed::DataMismatch { block })
                        if block == offset / BLOCK as u64)),
                    false => assert!(matches!(error, Error::Malformed(Malformed::TreeMismatch { .. }))),
                }
                flip(&built.0, offset);
            }
            check(&built).unwrap();
        }
    }

    #[test]
    fn root_and_salt_count() {
        let mut built = built(200);
        built.2.root[31] ^= 1;
        assert!(check(&built).is_err());
        built.2.root[31] ^= 1;
        built.2.salt[0] ^= 1;
        assert!(check(&built).is_err());
    }
}
