//! From the root directory to the blocks of a file in it.

use super::metadata::Metadata;
use super::superblock::Superblock;
use super::{BlockSize, FileLayout, Stored, Tail};
use crate::source::Source;
use crate::{Error, Image, Malformed};

/// Bytes of the root directory's listing: a bundle holds a few files.
const LONGEST_LISTING: u32 = 1 << 20;
/// Of all images together: enough for 256 GiB in blocks of 128 KiB.
pub(super) const MOST_BLOCKS: u64 = 2 << 20;
/// What the length of a listing counts beside its bytes.
const DOTS: u32 = 3;
/// Of a file without a tail in a fragment.
const NO_FRAGMENT: u32 = u32::MAX;
/// Fragments in one block of their table, and bytes of one.
const FRAGMENTS: u32 = 512;
const FRAGMENT: u32 = 16;

// Kinds of inodes.
const DIRECTORY: u16 = 1;
const FILE: u16 = 2;
const LONG_DIRECTORY: u16 = 8;
const LONG_FILE: u16 = 9;

/// Reads the tree of one squashfs.
pub(super) struct Tree<'a> {
    pub(super) source: &'a mut Source,
    pub(super) superblock: Superblock,
    /// Blocks that images may still have.
    pub(super) blocks_left: u64,
}

/// Where an inode is: the start of its block in the table, and its offset in the block.
#[derive(Clone, Copy)]
struct Place {
    block: u64,
    offset: u16,
}

impl Tree<'_> {
    /// Where the content of an image lies.
    pub(super) fn file(&mut self, image: &Image) -> Result<FileLayout, Error> {
        let missing = || Malformed::MissingImage(image.filename.clone());
        let place = self.find(image.filename.as_bytes())?.ok_or_else(missing)?;
        let (block_size, left) = (u64::from(self.superblock.block_size), self.blocks_left);
        let mut inode = self.inode(place)?;
        let (start, len, fragment, skip) = match inode.u16()? {
            FILE => {
                inode.skip::<14>()?;
                let (start, fragment, skip) = (inode.u32()?, inode.u32()?, inode.u32()?);
                (u64::from(start), u64::from(inode.u32()?), fragment, skip)
            }
            LONG_FILE => {
                inode.skip::<14>()?;
                let (start, len) = (inode.u64()?, inode.u64()?);
                // Length of its holes, and number of its names.
                inode.skip::<12>()?;
                let (fragment, skip) = (inode.u32()?, inode.u32()?);
                inode.skip::<4>()?;
                (start, len, fragment, skip)
            }
            _ => return Err(missing().into()),
        };
        // From here on nothing is larger than what was signed.
        if len != image.size {
            let (filename, expected) = (image.filename.clone(), image.size);
            return Err(Malformed::ImageSize { filename, found: len, expected }.into());
        }
        let whole = fragment == NO_FRAGMENT;
        let count = if whole { len.div_ceil(block_size) } else { len / block_size };
        if !whole && len.is_multiple_of(block_size) {
            return Err(Error::squashfs("a file's blocks do not make up its length"));
        }
        if count > left {
            return Err(Error::squashfs("its images have too many blocks"));
        }
        let blocks = blocks(&mut inode, start, count)?;
        self.blocks_left = left - count;
        let tail = match whole {
            true => None,
            false => Some(Tail { stored: self.fragment(fragment)?, skip: skip as usize }),
        };
        Ok(FileLayout { len, blocks, tail })
    }

    /// The inode of a name in the root directory, where it is the name of a file.
    fn find(&mut self, wanted: &[u8]) -> Result<Option<Place>, Error> {
        let root = self.superblock.root_inode;
        let offset = u16::try_from(root & 0xffff).unwrap_or_default();
        let mut inode = self.inode(Place { block: root >> 16, offset })?;
        let (block, len, offset) = match inode.u16()? {
            DIRECTORY => {
                inode.skip::<14>()?;
                let block = inode.u32()?;
                inode.skip::<4>()?;
                (block, u32::from(inode.u16()?), inode.u16()?)
            }
            LONG_DIRECTORY => {
                inode.skip::<18>()?;
                let (len, block) = (inode.u32()?, inode.u32()?);
                inode.skip::<6>()?;
                (block, len, inode.u16()?)
            }
            _ => return Err(Error::squashfs("its root is no directory")),
        };
        if len > LONGEST_LISTING {
            return Err(Error::squashfs("it holds too many files"));
        }
        let mut left = len.saturating_sub(DOTS);
        if left == 0 {
            return Ok(None);
        }
        let start = self.superblock.directory_table.saturating_add(block.into());
        let mut listing = Metadata::open(self.source, self.superblock.compressor, start, offset.into())?;
        let mut name = Vec::new();
        let too_short = || Error::squashfs("its metadata makes no sense");
        while left > 0 {
            let (entries, block) = (listing.u32()?, listing.u32()?);
            listing.skip::<4>()?;
            left = left.checked_sub(12).ok_or_else(too_short)?;
            for _ in 0..=entries {
                let offset = listing.u16()?;
                listing.skip::<2>()?;
                let (kind, len) = (listing.u16()?, usize::from(listing.u16()?) + 1);
                left = left.checked_sub(8 + len as u32).ok_or_else(too_short)?;
                name.resize(len, 0);
                listing.fill(&mut name)?;
                if name == wanted {
                    return Ok((kind == FILE).then_some(Place { block: block.into(), offset }));
                }
            }
        }
        Ok(None)
    }

    fn inode(&mut self, place: Place) -> Result<Metadata<'_>, Error> {
        let start = self.superblock.inode_table.saturating_add(place.block);
        Metadata::open(self.source, self.superblock.compressor, start, place.offset.into())
    }

    /// Where a fragment is stored.
    fn fragment(&mut self, index: u32) -> Result<Stored, Error> {
        if index >= self.superblock.fragments {
            return Err(Error::squashfs("a fragment is missing"));
        }
        let place = u64::from(index / FRAGMENTS) * 8;
        let mut start = [0; 8];
        start.copy_from_slice(self.source.read(self.superblock.fragment_table.saturating_add(place), 8)?);
        let offset = index % FRAGMENTS * FRAGMENT;
        let start = u64::from_le_bytes(start);
        let mut table = Metadata::open(self.source, self.superblock.compressor, start, offset as usize)?;
        Ok(Stored { start: table.u64()?, size: BlockSize(table.u32()?) })
    }
}

/// Blocks lie one behind the other, from `start` on.
fn blocks(inode: &mut Metadata<'_>, start: u64, count: u64) -> Result<Vec<Stored>, Error> {
    let mut next = start;
    // It grows with the sizes that are there.
    let mut blocks = Vec::new();
    for _ in 0..count {
        let size = BlockSize(inode.u32()?);
        blocks.push(Stored { start: next, size });
        let end = next.checked_add(u64::from(size.stored()));
        next = end.ok_or_else(|| Error::squashfs("a block of a file is out of bounds"))?;
    }
    Ok(blocks)
}
