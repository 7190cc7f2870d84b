//! Where the images lie inside the squashfs.
//!
//! Only what leads to them is read: the root directory, their inodes, their fragments; and all of it through the hash tree. No field
//! sizes anything before it was held against what the manifest has signed, so that neither memory nor time depend on what a squashfs
//! claims beside that.

mod metadata;
mod superblock;
mod tree;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use backhand::compression::Compressor;

use crate::container::BLOCK;
use crate::image::Blocks;
use crate::pipeline::Job;
use crate::source::Source;
use crate::verity::Checker;
use crate::{Error, Image, Malformed};
use superblock::Superblock;
use tree::{MOST_BLOCKS, Tree};

/// What is needed to read the images.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) compressor: Compressor,
    /// Bytes of a full data block, at most 1 MiB.
    pub(crate) block_size: usize,
    /// By file name.
    files: BTreeMap<String, Arc<FileLayout>>,
}

impl Layout {
    /// The blocks of an image, compared by `checker` when they are read.
    ///
    /// # Errors
    /// [`Error::Malformed`] for an image that is not one of those that were located.
    pub(crate) fn job<'a>(&self, image: &'a Image, checker: &Checker) -> Result<Job<'a>, Error> {
        let file = self.files.get(&image.filename);
        let file = file.ok_or_else(|| Malformed::MissingImage(image.filename.clone()))?;
        let blocks =
            Blocks::new(self.compressor, self.block_size, Arc::clone(file), Source::new(checker.clone()));
        Ok(Job { image, blocks })
    }

    /// The blocks of the payload, of `end` in all, that belong to no file: in order, what [`Layout::job`]s never read.
    pub(crate) fn gaps(&self, end: u64) -> Vec<Range<u64>> {
        let mut used: Vec<_> = self.files.values().flat_map(|file| file.used()).collect();
        used.sort_unstable_by_key(|range| range.start);
        let mut gaps = Vec::new();
        let mut next = 0;
        for range in used {
            if range.start > next {
                gaps.push(next..range.start);
            }
            next = next.max(range.end);
        }
        if next < end {
            gaps.push(next..end);
        }
        gaps
    }
}

/// Where the content of one file lies.
#[derive(Debug)]
pub(crate) struct FileLayout {
    /// Length in bytes.
    pub(crate) len: u64,
    /// Without the tail.
    pub(crate) blocks: Vec<Stored>,
    pub(crate) tail: Option<Tail>,
}

impl FileLayout {
    /// The blocks of the payload in which the content lies; what is contiguous is one range.
    fn used(&self) -> Vec<Range<u64>> {
        let mut used: Vec<Range<u64>> = Vec::new();
        for stored in self.blocks.iter().chain(self.tail.as_ref().map(|tail| &tail.stored)) {
            let end = stored.start.saturating_add(u64::from(stored.size.stored()));
            let blocks = stored.start / BLOCK as u64..end.div_ceil(BLOCK as u64);
            match used.last_mut() {
                _ if stored.size.stored() == 0 => {}
                Some(last) if (last.start..=last.end).contains(&blocks.start) => {
                    last.end = last.end.max(blocks.end)
                }
                _ => used.push(blocks),
            }
        }
        used
    }
}

/// A block as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    /// Of its first byte, from the start of the squashfs.
    pub(crate) start: u64,
    pub(crate) size: BlockSize,
}

/// Bytes of a block as it is stored, and whether they are compressed; 0 is a hole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockSize(u32);

impl BlockSize {
    /// Set when the bytes are as they were.
    const UNCOMPRESSED: u32 = 1 << 24;

    pub(crate) fn stored(self) -> u32 {
        self.0 & !Self::UNCOMPRESSED
    }

    pub(crate) fn uncompressed(self) -> bool {
        self.0 & Self::UNCOMPRESSED != 0
    }
}

/// The end of a file, stored together with the ends of others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    pub(crate) stored: Stored,
    /// Of this file's bytes in the decompressed fragment.
    pub(crate) skip: usize,
}

/// Finds the images of a manifest.
///
/// # Errors
/// [`Error::Malformed`] where the squashfs is damaged, lacks an image or has it in another size, [`Error::Io`].
pub(crate) fn locate(checker: Checker, images: &[Image]) -> Result<Layout, Error> {
    let mut source = Source::new(checker);
    let superblock = Superblock::read(&mut source)?;
    let mut tree = Tree { source: &mut source, superblock, blocks_left: MOST_BLOCKS };
    let mut files = BTreeMap::new();
    for image in images {
        let file = tree.file(image)?;
        require_sound(&file, &superblock)?;
        files.insert(image.filename.clone(), Arc::new(file));
    }
    let block_size = superblock.block_size as usize;
    Ok(Layout { compressor: superblock.compressor, block_size, files })
}

/// Blocks must lie within the squashfs.
fn require_sound(file: &FileLayout, superblock: &Superblock) -> Result<(), Error> {
    let out_of_bounds = |stored: &Stored| {
        let size = stored.size.stored();
        let end = stored.start.checked_add(u64::from(size));
        size > superblock.block_size || size != 0 && end.is_none_or(|end| end > superblock.bytes_used)
    };
    let tail = file.tail.as_ref().map(|tail| &tail.stored);
    let tail_is_hole = tail.is_some_and(|tail| tail.size.stored() == 0);
    if tail_is_hole || file.blocks.iter().chain(tail).any(out_of_bounds) {
        return Err(Error::squashfs("a block of a file is out of bounds"));
    }
    Ok(())
}
