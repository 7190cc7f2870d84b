//! The manifest: which chunks a snapshot is made of, in their order.

use crate::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const MAGIC: &[u8; 8] = b"SNAPST\x01\n";
/// Bytes of a chunk's entry: hash, pack, offset, stored length.
const ENTRY: usize = 32 + 4 + 8 + 4;
const ROOT: usize = 32;
/// Bytes of the header's text, metadata included.
const LONGEST_HEADER: usize = 2 << 20;
/// The pack number of a chunk of zeros, which is in no pack.
const ZEROS: u32 = u32::MAX;
/// In the stored length: the chunk is not compressed.
const RAW: u32 = 1 << 31;

pub(crate) type Hash = [u8; 32];

/// Where a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere: it is all zeros.
    Zeros,
    Stored(Stored),
}

/// A chunk in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Index into the manifest's list of packs.
    pub pack: u32,
    pub offset: u64,
    /// Bytes in the pack.
    pub length: u32,
    pub raw: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub hash: Hash,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageEntry {
    pub name: String,
    /// Bytes.
    pub length: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub id: String,
    /// Order of creation.
    pub sequence: u64,
    pub metadata: Value,
    pub images: Vec<ImageEntry>,
    /// File names of the packs that the chunks are in.
    pub packs: Vec<String>,
    /// The one that came with this snapshot, where anything in it was new.
    pub own_pack: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    pub header: Header,
    /// Of all images, one after the other.
    pub chunks: Vec<Chunk>,
    pub root: Hash,
}

impl Manifest {
    /// Seals the manifest and returns it with its bytes.
    pub(crate) fn seal(header: Header, chunks: Vec<Chunk>) -> Result<(Self, Vec<u8>), Error> {
        let text = serde_json::to_vec(&header).map_err(|_| Error::TooLarge("its metadata"))?;
        if text.len() > LONGEST_HEADER {
            return Err(Error::TooLarge("its metadata"));
        }
        let length = u32::try_from(text.len()).map_err(|_| Error::TooLarge("its metadata"))?;
        let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + text.len() + chunks.len() * ENTRY + ROOT);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&text);
        for chunk in &chunks {
            write_chunk(&mut bytes, chunk);
        }
        let root = root(&bytes);
        bytes.extend_from_slice(&root);
        Ok((Self { header, chunks, root }, bytes))
    }

    /// Reads a manifest that is called `id`; a byte that was changed anywhere is found.
    pub(crate) fn read(id: &str, bytes: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::damaged(id, "its manifest is not what was written");
        let (body, seal) = bytes.split_last_chunk::<ROOT>().ok_or_else(damaged)?;
        if root(body) != *seal {
            return Err(damaged());
        }
        let rest = body.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| damaged())?;
        let (text, table) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let header: Header = serde_json::from_slice(text).map_err(|_| damaged())?;
        let (entries, []) = table.as_chunks::<ENTRY>() else { return Err(damaged()) };
        let packs = header.packs.len();
        let chunks: Option<Vec<_>> = entries.iter().map(|entry| read_chunk(entry, packs)).collect();
        let chunks = chunks.ok_or_else(damaged)?;
        let expected: u64 = header.images.iter().map(|image| chunks_of(image.length)).sum();
        if header.id != id || expected != chunks.len() as u64 {
            return Err(damaged());
        }
        Ok(Self { header, chunks, root: *seal })
    }

    /// An image with its chunks.
    pub(crate) fn image(&self, name: &str) -> Option<(&ImageEntry, &[Chunk])> {
        let mut first = 0;
        for image in &self.header.images {
            let count = usize::try_from(chunks_of(image.length)).ok()?;
            if image.name == name {
                return Some((image, self.chunks.get(first..first + count)?));
            }
            first += count;
        }
        None
    }

    pub(crate) fn logical_bytes(&self) -> u64 {
        self.header.images.iter().fold(0, |sum, image| sum.saturating_add(image.length))
    }
}

/// Chunks of an image of so many bytes.
pub(crate) const fn chunks_of(length: u64) -> u64 {
    length.div_ceil(crate::CHUNK as u64)
}

fn root(bytes: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("snapstore 2026-11 manifest root");
    hasher.update(bytes);
    *hasher.finalize().as_bytes()
}

fn write_chunk(bytes: &mut Vec<u8>, chunk: &Chunk) {
    let (pack, offset, length) = match chunk.place {
        Place::Zeros => (ZEROS, 0, 0),
        Place::Stored(Stored { pack, offset, length, raw }) => {
            (pack, offset, if raw { length | RAW } else { length })
        }
    };
    bytes.extend_from_slice(&chunk.hash);
    bytes.extend_from_slice(&pack.to_le_bytes());
    bytes.extend_from_slice(&offset.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
}

fn read_chunk(entry: &[u8; ENTRY], packs: usize) -> Option<Chunk> {
    let (hash, rest) = entry.split_first_chunk::<32>()?;
    let (pack, rest) = rest.split_first_chunk::<4>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (length, _) = rest.split_first_chunk::<4>()?;
    let (pack, length) = (u32::from_le_bytes(*pack), u32::from_le_bytes(*length));
    if pack == ZEROS {
        return Some(Chunk { hash: *hash, place: Place::Zeros });
    }
    let stored =
        Stored { pack, offset: u64::from_le_bytes(*offset), length: length & !RAW, raw: length & RAW != 0 };
    // What is stored is never longer than what it stands for.
    let sound = usize::try_from(pack).ok()? < packs && usize::try_from(stored.length).ok()? <= crate::CHUNK;
    sound.then_some(Chunk { hash: *hash, place: Place::Stored(stored) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> (Manifest, Vec<u8>) {
        let header = Header {
            id: "snap-001".into(),
            sequence: 7,
            metadata: serde_json::json!({ "version": "v1" }),
            images: vec![ImageEntry { name: "rootfs".into(), length: 2 * crate::CHUNK as u64 + 1 }],
            packs: vec!["snap-001.pack".into()],
            own_pack: None,
        };
        let stored = |offset| Place::Stored(Stored { pack: 0, offset, length: 9, raw: offset == 0 });
        let chunks = [stored(0), Place::Zeros, stored(9)];
        let chunks = chunks.map(|place| Chunk { hash: [3; 32], place });
        Manifest::seal(header, chunks.into()).unwrap()
    }

    #[test]
    fn it_comes_back_as_it_was() {
        let (manifest, bytes) = manifest();
        assert_eq!(Manifest::read("snap-001", &bytes).unwrap(), manifest);
        assert!(Manifest::read("snap-002", &bytes).is_err(), "under another name");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let (_, bytes) = manifest();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut wrong = bytes.clone();
                wrong[place] ^= 1 << bit;
                assert!(Manifest::read("snap-001", &wrong).is_err(), "byte {place}, bit {bit}");
            }
            assert!(Manifest::read("snap-001", &bytes[..place]).is_err(), "cut at {place}");
        }
    }
}
