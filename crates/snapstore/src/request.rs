//! What a caller asks for, and its bounds.

use std::collections::HashSet;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::error::Error;

/// Longest metadata, in bytes of JSON.
pub const MAX_METADATA: usize = 1 << 20;
/// Most images in one snapshot.
pub const MAX_IMAGES: usize = 64;
/// Longest name of an image, in bytes.
pub const MAX_NAME: usize = 64;

/// A store's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Most bytes that the images of one snapshot may have together, 64 GiB by default. It bounds what a
    /// manifest may claim, and with it the memory that reading one takes: about 64 bytes for each chunk.
    pub max_logical_bytes: u64,
    /// Length of the chunks of new snapshots: a power of two from 16 KiB to 1 MiB, 64 KiB by default.
    /// Snapshots with chunks of another length stay readable, but share nothing with these.
    pub chunk_bytes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_logical_bytes: 64 << 30, chunk_bytes: 64 << 10 }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match valid_chunk_bytes(self.chunk_bytes) {
            true => Ok(()),
            false => Err(Error::Invalid("chunks have 16 KiB to 1 MiB, a power of two")),
        }
    }
}

pub(crate) fn valid_chunk_bytes(bytes: u32) -> bool {
    bytes.is_power_of_two() && (16 << 10..=1 << 20).contains(&bytes)
}

/// One image to take into a snapshot.
#[derive(Debug, Clone)]
pub struct ImageSource {
    /// How it is asked for later: 1 to 64 bytes, unique in the snapshot.
    pub name: String,
    /// A file or a block device.
    pub path: PathBuf,
    /// How many bytes of it are taken, from the first on.
    pub length: u64,
}

/// A snapshot to take.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// 1 to 64 of `a-z`, `0-9` and `-`.
    pub id: String,
    /// The caller's own words about the snapshot, given back by [`Store::list`](crate::Store::list); at most
    /// [`MAX_METADATA`] bytes of JSON.
    pub metadata: Map<String, Value>,
    /// At most [`MAX_IMAGES`], kept in this order.
    pub images: Vec<ImageSource>,
    /// So many bytes of the file system stay free, or [`Error::NoSpace`] ends the snapshot.
    pub keep_free: u64,
}

impl Request {
    /// The metadata as they are stored, once everything is within its bounds.
    pub(crate) fn check(&self, options: &Options) -> Result<Vec<u8>, Error> {
        if !valid_id(&self.id) {
            return Err(Error::Invalid("an id has 1 to 64 of a-z, 0-9 and '-'"));
        }
        if self.images.len() > MAX_IMAGES {
            return Err(Error::Invalid("too many images"));
        }
        let mut names = HashSet::new();
        if !self.images.iter().all(|image| valid_name(&image.name) && names.insert(&image.name)) {
            return Err(Error::Invalid("an image's name has 1 to 64 bytes and is unique"));
        }
        let total = self.images.iter().try_fold(0_u64, |total, image| total.checked_add(image.length));
        if total.is_none_or(|total| total > options.max_logical_bytes) {
            return Err(Error::Invalid("the images are larger than the store takes"));
        }
        match serde_json::to_vec(&self.metadata) {
            Ok(metadata) if metadata.len() <= MAX_METADATA => Ok(metadata),
            _ => Err(Error::Invalid("metadata have at most 1 MiB")),
        }
    }

    /// [`check`](Self::check) has made sure that it does not overflow.
    pub(crate) fn total(&self) -> u64 {
        self.images.iter().map(|image| image.length).sum()
    }
}

pub(crate) fn valid_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

pub(crate) fn valid_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
}
