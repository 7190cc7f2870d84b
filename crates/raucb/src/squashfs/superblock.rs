//! The first 96 bytes of a squashfs 4.0.

use backhand::compression::Compressor;

use crate::Error;
use crate::source::Source;

const MAGIC: [u8; 4] = *b"hsqs";
const VERSION: [u16; 2] = [4, 0];
const LEN: usize = 96;
/// Bytes of a full data block.
const BLOCK_SIZES: std::ops::RangeInclusive<u32> = 4096..=1 << 20;

/// What is needed of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Superblock {
    pub(super) block_size: u32,
    pub(super) compressor: Compressor,
    /// Where the root's inode is: the start of its block in the table, shifted by 16, and the offset in it.
    pub(super) root_inode: u64,
    pub(super) bytes_used: u64,
    pub(super) inode_table: u64,
    pub(super) directory_table: u64,
    pub(super) fragment_table: u64,
    pub(super) fragments: u32,
}

impl Superblock {
    pub(super) fn read(source: &mut Source) -> Result<Self, Error> {
        let mut fields = Fields(source.read(0, LEN)?);
        if fields.array() != Some(MAGIC) {
            return Err(Error::squashfs("it does not begin as one"));
        }
        let superblock =
            Self::of(&mut fields).ok_or_else(|| Error::squashfs("its metadata makes no sense"))?;
        superblock.ok_or_else(|| Error::squashfs("its version or compression is none that is read"))
    }

    /// Of what follows the magic. Inside, `None` for another version or compression.
    fn of(fields: &mut Fields<'_>) -> Option<Option<Self>> {
        let [_inodes, _time, block_size, fragments] =
            [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        let compressor = match fields.u16()? {
            1 => Some(Compressor::Gzip),
            4 => Some(Compressor::Xz),
            6 => Some(Compressor::Zstd),
            _ => None,
        };
        let [block_log, _flags, _ids] = [fields.u16()?, fields.u16()?, fields.u16()?];
        let version = [fields.u16()?, fields.u16()?];
        let [root_inode, bytes_used] = [fields.u64()?, fields.u64()?];
        let [_ids, _attributes, inode_table] = [fields.u64()?, fields.u64()?, fields.u64()?];
        let [directory_table, fragment_table] = [fields.u64()?, fields.u64()?];
        let sound =
            BLOCK_SIZES.contains(&block_size) && 1_u32.checked_shl(block_log.into()) == Some(block_size);
        let Some(compressor) = compressor.filter(|_| version == VERSION) else { return Some(None) };
        sound.then_some(Some(Self {
            block_size,
            compressor,
            root_inode,
            bytes_used,
            inode_table,
            directory_table,
            fragment_table,
            fragments,
        }))
    }
}

/// Little-endian fields, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
