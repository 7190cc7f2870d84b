//! Where the images lie inside the squashfs.
//!
//! The metadata is parsed by `backhand`, behind three guards: it is read through the hash tree, so that only a
//! trusted signer can shape it; sizes are bounded before anything is read into memory; and the parser runs on a
//! thread of its own, so that a defect in it ends in an error and not in a crash.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use backhand::compression::Compressor;
use backhand::kind::{Kind, LE_V4_0};
use backhand::{
    BackhandError, DataSize, FilesystemReader, Fragment, InnerNode, Squashfs, SquashfsFileReader, SuperBlock,
};

use crate::container::BLOCK;
use crate::image::Blocks;
use crate::pipeline::Job;
use crate::source::{CheckedStream, Source};
use crate::verity::Checker;
use crate::{Error, Image, Malformed};

/// Uncompressed metadata of inodes and directories together, in blocks of 8 KiB: enough for an image of 256 GiB
/// in data blocks of 128 KiB.
const MAX_METADATA_BLOCKS: u32 = 1024;
/// A bundle holds a few files; deep trees of directories would exhaust the parser's stack.
const MAX_INODES: u32 = 1024;
const MAX_FRAGMENTS: u32 = 65_536;
const PARSER_STACK: usize = 8 << 20;
/// A table that is not there.
const NO_TABLE: u64 = u64::MAX;
/// Index of a file without a tail in a fragment.
const NO_FRAGMENT: usize = 0xffff_ffff;

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
            let end = stored.start.saturating_add(u64::from(stored.size.size()));
            let blocks = stored.start / BLOCK as u64..end.div_ceil(BLOCK as u64);
            match used.last_mut() {
                _ if stored.size.size() == 0 => {}
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
    /// Bytes, and whether they are compressed; 0 is a hole.
    pub(crate) size: DataSize,
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
    let parser = thread::Builder::new().name("squashfs".to_owned()).stack_size(PARSER_STACK);
    thread::scope(|scope| {
        let parser = parser.spawn_scoped(scope, || parse(checker, images));
        let parser = parser.map_err(Error::io("start a thread"))?;
        parser.join().unwrap_or_else(|_| Err(Error::squashfs("its metadata makes no sense")))
    })
}

/// What the tree does not confirm comes before what the parser made of it.
fn parse(checker: Checker, images: &[Image]) -> Result<Layout, Error> {
    let stream = CheckedStream::new(checker);
    let fault = stream.fault();
    read(stream, images).map_err(|error| fault.take().unwrap_or(error))
}

fn read(mut stream: CheckedStream, images: &[Image]) -> Result<Layout, Error> {
    let superblock = bounded(&mut stream)?;
    stream.seek(SeekFrom::Start(0))?;
    let filesystem = Squashfs::from_reader_with_offset(stream, 0)
        .and_then(Squashfs::into_filesystem_reader)
        .map_err(refused)?;
    let mut files = BTreeMap::new();
    for image in images {
        let file = file(&filesystem, &superblock, image)?;
        files.insert(image.filename.clone(), Arc::new(file));
    }
    let block_size = superblock.block_size as usize;
    Ok(Layout { compressor: superblock.compressor, block_size, files })
}

/// Reads the superblock and refuses what would make the parser read without a bound.
fn bounded(stream: &mut CheckedStream) -> Result<SuperBlock, Error> {
    let kind = Kind::from_const(LE_V4_0).map_err(|_| Error::squashfs("its version is not 4.0"))?;
    let (superblock, _) = Squashfs::superblock_and_compression_options(stream, &kind).map_err(refused)?;
    if !matches!(superblock.compressor, Compressor::Gzip | Compressor::Xz | Compressor::Zstd) {
        return Err(Error::squashfs("it is compressed otherwise than with gzip, xz or zstd"));
    }
    if superblock.inode_count > MAX_INODES || superblock.frag_count > MAX_FRAGMENTS {
        return Err(Error::squashfs("it holds too many files"));
    }
    let table_after_directories = match superblock {
        SuperBlock { frag_count: 1.., frag_table, .. } if frag_table != NO_TABLE => frag_table,
        SuperBlock { export_table, .. }
            if superblock.nfs_export_table_exists() && export_table != NO_TABLE =>
        {
            export_table
        }
        SuperBlock { id_table, .. } => id_table,
    };
    let directories_end = read_u64(stream, table_after_directories)?;
    let mut budget = MAX_METADATA_BLOCKS;
    count_blocks(stream, superblock.inode_table, superblock.dir_table, &mut budget)?;
    count_blocks(stream, superblock.dir_table, directories_end, &mut budget)?;
    Ok(superblock)
}

/// Walks metadata blocks by their lengths; they must end exactly at `end`.
fn count_blocks(stream: &mut CheckedStream, start: u64, end: u64, budget: &mut u32) -> Result<(), Error> {
    let mut position = start;
    while position < end {
        *budget = budget.checked_sub(1).ok_or_else(|| Error::squashfs("its metadata is too long"))?;
        stream.seek(SeekFrom::Start(position))?;
        let mut header = [0; 2];
        stream.read_exact(&mut header).map_err(short)?;
        let stored = u64::from(u16::from_le_bytes(header) & 0x7fff);
        position = position.saturating_add(2 + stored);
    }
    if position == end { Ok(()) } else { Err(Error::squashfs("its tables overlap")) }
}

fn read_u64(stream: &mut CheckedStream, offset: u64) -> Result<u64, Error> {
    stream.seek(SeekFrom::Start(offset))?;
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes).map_err(short)?;
    Ok(u64::from_le_bytes(bytes))
}

/// An end of file is the squashfs' fault, not the system's.
fn short(error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return Error::squashfs("it points beyond its end");
    }
    error.into()
}

fn refused(error: BackhandError) -> Error {
    Error::squashfs(match error {
        BackhandError::StdIo(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it points beyond its end"
        }
        BackhandError::UnsupportedSquashfsVersion(..) => "its version is not 4.0",
        _ => "its metadata makes no sense",
    })
}

fn file(
    filesystem: &FilesystemReader<'_>,
    superblock: &SuperBlock,
    image: &Image,
) -> Result<FileLayout, Error> {
    let path = Path::new("/").join(&image.filename);
    let node = filesystem.files().find(|node| node.fullpath == path);
    let Some(InnerNode::File(file)) = node.map(|node| &node.inner) else {
        return Err(Malformed::MissingImage(image.filename.clone()).into());
    };
    let len = file.file_len() as u64;
    if len != image.size {
        let (filename, expected) = (image.filename.clone(), image.size);
        return Err(Malformed::ImageSize { filename, found: len, expected }.into());
    }
    let layout = FileLayout {
        len,
        blocks: stored(file.blocks_start(), file.block_sizes())?,
        tail: tail(filesystem.fragments.as_deref(), file)?,
    };
    require_sound(&layout, superblock)?;
    Ok(layout)
}

/// Blocks lie one behind the other.
fn stored(start: u64, sizes: &[DataSize]) -> Result<Vec<Stored>, Error> {
    let mut next = start;
    let mut blocks = Vec::with_capacity(sizes.len());
    for size in sizes {
        blocks.push(Stored { start: next, size: *size });
        let end = next.checked_add(u64::from(size.size()));
        next = end.ok_or_else(|| Error::squashfs("a block of a file is out of bounds"))?;
    }
    Ok(blocks)
}

fn tail(fragments: Option<&[Fragment]>, file: &SquashfsFileReader) -> Result<Option<Tail>, Error> {
    if file.frag_index() == NO_FRAGMENT {
        return Ok(None);
    }
    let fragment = fragments.and_then(|fragments| fragments.get(file.frag_index()));
    let fragment = fragment.ok_or_else(|| Error::squashfs("a fragment is missing"))?;
    let skip = file.block_offset() as usize;
    Ok(Some(Tail { stored: Stored { start: fragment.start, size: fragment.size }, skip }))
}

/// Blocks must make up exactly the length and lie within the squashfs.
fn require_sound(file: &FileLayout, superblock: &SuperBlock) -> Result<(), Error> {
    let block = u64::from(superblock.block_size);
    let blocks = if file.tail.is_some() { file.len / block } else { file.len.div_ceil(block) };
    let tail_empty = file.tail.is_some() && file.len.is_multiple_of(block);
    if file.blocks.len() as u64 != blocks || tail_empty {
        return Err(Error::squashfs("a file's blocks do not make up its length"));
    }
    let out_of_bounds = |stored: &Stored| {
        let size = stored.size.size();
        let end = stored.start.checked_add(u64::from(size));
        size > superblock.block_size || size != 0 && end.is_none_or(|end| end > superblock.bytes_used)
    };
    let tail = file.tail.as_ref().map(|tail| &tail.stored);
    let tail_is_hole = tail.is_some_and(|tail| tail.size.size() == 0);
    if tail_is_hole || file.blocks.iter().chain(tail).any(out_of_bounds) {
        return Err(Error::squashfs("a block of a file is out of bounds"));
    }
    Ok(())
}
