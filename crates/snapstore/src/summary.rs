//! What is told about the snapshots of a store.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::manifest::Manifest;

/// A snapshot, without its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// What [`Request::metadata`](crate::Request::metadata) said.
    pub metadata: Map<String, Value>,
    /// Names and lengths in bytes, in the order of the request.
    pub images: Vec<(String, u64)>,
    /// Order of creation: larger than that of every snapshot that was there.
    pub sequence: u64,
    /// Bytes of all images.
    pub logical_bytes: u64,
    /// Bytes in packs that no other snapshot uses: what its removal sets free, sooner or later.
    pub own_bytes: u64,
    /// BLAKE3 over id, order, metadata, images and the hashes of all chunks. Equal as long as the content is.
    pub root: [u8; 32],
}

/// An entry of [`Store::list`](crate::Store::list).
#[derive(Debug)]
pub enum Entry {
    /// Its manifest is whole; only [`Store::verify`](crate::Store::verify) knows about its chunks.
    Whole(Summary),
    /// Its manifest cannot be read, thus nothing of it. It can be removed.
    Damaged {
        /// Its id.
        id: String,
        /// Why it cannot be read.
        error: Error,
    },
}

/// In the order of the manifests.
pub(crate) fn summaries(manifests: &[Manifest]) -> Vec<Summary> {
    let own = own_bytes(manifests);
    let pairs = manifests.iter().zip(own);
    pairs.map(|(manifest, own_bytes)| Summary::new(manifest, own_bytes)).collect()
}

impl Summary {
    pub(crate) fn new(manifest: &Manifest, own_bytes: u64) -> Self {
        Self {
            id: manifest.id.clone(),
            metadata: manifest.metadata(),
            images: manifest.images.iter().map(|image| (image.name.clone(), image.length)).collect(),
            sequence: manifest.sequence,
            logical_bytes: manifest.logical_bytes(),
            own_bytes,
            root: manifest.root(),
        }
    }
}

fn own_bytes(manifests: &[Manifest]) -> Vec<u64> {
    // The only user of each stored chunk, or `None` when there are more.
    let mut users: HashMap<(u64, u64), (u32, Option<usize>)> = HashMap::new();
    for (index, manifest) in manifests.iter().enumerate() {
        for chunk in manifest.stored_chunks() {
            let user = users.entry((chunk.pack, chunk.offset)).or_insert((chunk.stored, Some(index)));
            if user.1 != Some(index) {
                user.1 = None;
            }
        }
    }
    let mut own = vec![0; manifests.len()];
    for (stored, user) in users.into_values() {
        if let Some(index) = user {
            own[index] += u64::from(stored);
        }
    }
    own
}
