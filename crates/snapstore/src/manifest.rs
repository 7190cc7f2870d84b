//! The manifest: the one file that makes a snapshot exist. The README has its format.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::chunk::{Chunk, Encoding, Hash};
use crate::error::{Damage, Error};
use crate::request::{MAX_IMAGES, MAX_METADATA, MAX_NAME, Options, valid_chunk_bytes, valid_id, valid_name};
use crate::wire::{Fields, put_block, put_count};

const MAGIC: &[u8; 8] = b"SNAPSTOR";
const VERSION: u32 = 1;
const SEAL: &str = "snapstore 2026-11 manifest seal v1";
const ROOT: &str = "snapstore 2026-11 snapshot root v1";
const SEAL_BYTES: usize = 32;
/// Of a chunk that is not zero.
const CHUNK_RECORD: u64 = 1 + 32 + 4 + 8 + 4;

/// An image of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub name: String,
    pub length: u64,
    pub chunks: Vec<Chunk>,
}

/// A snapshot: what it is called, what it says, what it consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub id: String,
    pub sequence: u64,
    pub chunk_bytes: u32,
    /// An object, as JSON text: written again as it was read, whatever a parser makes of its numbers.
    pub metadata: Vec<u8>,
    pub images: Vec<Image>,
}

impl Manifest {
    /// Every chunk that lies in a pack, as often as it is used.
    pub fn stored_chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.images.iter().flat_map(|image| &image.chunks).filter(|chunk| chunk.encoding != Encoding::Zero)
    }

    pub fn packs(&self) -> BTreeSet<u64> {
        self.stored_chunks().map(|chunk| chunk.pack).collect()
    }

    pub fn logical_bytes(&self) -> u64 {
        self.images.iter().map(|image| image.length).sum()
    }

    /// What the caller said; both ways into a manifest have made sure that it is an object.
    pub fn metadata(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.metadata).unwrap_or_default()
    }

    /// Names the content: what the snapshot says and holds, not where its chunks lie. Compaction does not
    /// change it.
    pub fn root(&self) -> Hash {
        let mut text = Vec::new();
        text.extend_from_slice(&self.sequence.to_le_bytes());
        text.extend_from_slice(&self.chunk_bytes.to_le_bytes());
        put_block(&mut text, self.id.as_bytes());
        put_block(&mut text, &self.metadata);
        let mut hasher = blake3::Hasher::new_derive_key(ROOT);
        hasher.update(&text);
        for image in &self.images {
            text.clear();
            put_block(&mut text, image.name.as_bytes());
            text.extend_from_slice(&image.length.to_le_bytes());
            image.chunks.iter().for_each(|chunk| text.extend_from_slice(&chunk.hash));
            hasher.update(&text);
        }
        *hasher.finalize().as_bytes()
    }

    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.chunk_bytes.to_le_bytes());
        put_block(&mut out, self.id.as_bytes());
        put_block(&mut out, &self.metadata);
        let packs: Vec<u64> = self.packs().into_iter().collect();
        put_count(&mut out, packs.len());
        packs.iter().for_each(|pack| out.extend_from_slice(&pack.to_le_bytes()));
        put_count(&mut out, self.images.len());
        for image in &self.images {
            put_block(&mut out, image.name.as_bytes());
            out.extend_from_slice(&image.length.to_le_bytes());
            put_chunks(&mut out, &image.chunks, &packs);
        }
        out.extend_from_slice(&self.root());
        let seal = seal(&out);
        out.extend_from_slice(&seal);
        out
    }

    /// Reads the manifest of snapshot `id`; [`Error::Damaged`] when a bit of it is wrong, it belongs to
    /// another snapshot, or claims more than `options` allow.
    pub fn decode(id: &str, bytes: &[u8], options: &Options) -> Result<Self, Error> {
        let damaged = |what| Error::Damaged { snapshot: id.to_owned(), damage: Damage::Manifest(what) };
        let body = bytes.len().checked_sub(SEAL_BYTES).and_then(|length| bytes.split_at_checked(length));
        let (body, sealed) = body.ok_or_else(|| damaged("it is too short"))?;
        if seal(body) != sealed {
            return Err(damaged("its seal does not fit"));
        }
        let mut fields = Fields(body);
        if fields.array() != Some(*MAGIC) || fields.u32() != Some(VERSION) {
            return Err(damaged("its version is unknown"));
        }
        let manifest = get_manifest(&mut fields, options.max_logical_bytes);
        let manifest = manifest.ok_or_else(|| damaged("a field of it is out of bounds"))?;
        if fields.array() != Some(manifest.root()) || !fields.0.is_empty() {
            return Err(damaged("its root hash does not fit"));
        }
        match manifest.id == id {
            true => Ok(manifest),
            false => Err(damaged("it belongs to another snapshot")),
        }
    }
}

/// Longest manifest that [`Options`] allow.
pub(crate) fn max_bytes(options: &Options) -> u64 {
    let chunks = options.max_logical_bytes / (16 << 10) + MAX_IMAGES as u64;
    chunks.saturating_mul(CHUNK_RECORD + 8).saturating_add(2 * MAX_METADATA as u64)
}

fn seal(body: &[u8]) -> Hash {
    blake3::derive_key(SEAL, body)
}

fn put_chunks(out: &mut Vec<u8>, chunks: &[Chunk], packs: &[u64]) {
    for run in chunks.chunk_by(|a, b| a.encoding == Encoding::Zero && b.encoding == Encoding::Zero) {
        let chunk = &run[0];
        out.push(chunk.encoding as u8);
        if chunk.encoding == Encoding::Zero {
            put_count(out, run.len());
            continue;
        }
        out.extend_from_slice(&chunk.hash);
        put_count(out, packs.partition_point(|pack| *pack < chunk.pack));
        out.extend_from_slice(&chunk.offset.to_le_bytes());
        out.extend_from_slice(&chunk.stored.to_le_bytes());
    }
}

fn get_manifest(fields: &mut Fields<'_>, max_logical: u64) -> Option<Manifest> {
    let sequence = fields.u64()?;
    let chunk_bytes = fields.u32().filter(|bytes| valid_chunk_bytes(*bytes))?;
    let id = fields.text(64).filter(|id| valid_id(id))?.to_owned();
    let metadata = fields.block(MAX_METADATA)?.to_vec();
    serde_json::from_slice::<Map<String, Value>>(&metadata).ok()?;
    // Counts never size an allocation: a vector grows only with bytes that are there.
    let packs: Vec<u64> = (0..fields.u32()?).map(|_| fields.u64()).collect::<Option<_>>()?;
    let mut left = max_logical;
    let mut images = Vec::new();
    for _ in 0..fields.u32().filter(|count| *count as usize <= MAX_IMAGES)? {
        let name = fields.text(MAX_NAME).filter(|name| valid_name(name))?.to_owned();
        let length = fields.u64()?;
        left = left.checked_sub(length)?;
        let chunks = get_chunks(fields, length, chunk_bytes, &packs)?;
        images.push(Image { name, length, chunks });
    }
    Some(Manifest { id, sequence, chunk_bytes, metadata, images })
}

/// `length` is bounded already, and with it how far a run of zeros can grow the vector.
fn get_chunks(fields: &mut Fields<'_>, length: u64, chunk_bytes: u32, packs: &[u64]) -> Option<Vec<Chunk>> {
    let count = usize::try_from(length.div_ceil(u64::from(chunk_bytes))).ok()?;
    let mut chunks = Vec::new();
    while chunks.len() < count {
        let encoding = match fields.u8()? {
            0 => {
                let run = fields.u32().filter(|run| *run > 0 && *run as usize <= count - chunks.len())?;
                chunks.resize(chunks.len() + run as usize, Chunk::ZERO);
                continue;
            }
            1 => Encoding::Raw,
            2 => Encoding::Zstd,
            _ => return None,
        };
        let hash = fields.array()?;
        let pack = *packs.get(fields.u32()? as usize)?;
        let offset = fields.u64()?;
        let stored = fields.u32().filter(|stored| (1..=chunk_bytes).contains(stored))?;
        offset.checked_add(u64::from(stored))?;
        chunks.push(Chunk { hash, pack, offset, stored, encoding });
    }
    Some(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let stored = |offset, encoding| Chunk { hash: [7; 32], pack: 3, offset, stored: 500, encoding };
        let chunks = vec![stored(0, Encoding::Raw), Chunk::ZERO, Chunk::ZERO, stored(500, Encoding::Zstd)];
        let image = |name: &str, chunks: Vec<Chunk>| Image {
            name: name.to_owned(),
            length: chunks.len() as u64 * (64 << 10),
            chunks,
        };
        let images = vec![image("a", chunks), image("b", Vec::new())];
        let metadata = br#"{"n":0.1}"#.to_vec();
        Manifest { id: "id".to_owned(), sequence: 9, chunk_bytes: 64 << 10, metadata, images }
    }

    /// Whoever can write files can also seal them: no field may be trusted for that.
    #[test]
    fn a_sealed_lie_is_an_error_or_a_manifest() {
        let whole = sample().encode();
        let options = Options { max_logical_bytes: 1 << 30, ..Options::default() };
        assert_eq!(Manifest::decode("id", &whole, &options).unwrap(), sample());
        let body = &whole[..whole.len() - SEAL_BYTES];
        for at in 0..body.len() {
            for value in [0, 1, 2, 0x7f, 0xff, body[at] ^ 0x10] {
                let mut lie = body.to_vec();
                lie[at] = value;
                let seal = seal(&lie);
                lie.extend_from_slice(&seal);
                // Only fields that the root hash does not cover may differ: where chunks lie.
                if let Ok(read) = Manifest::decode("id", &lie, &options) {
                    assert_eq!(read.root(), sample().root());
                }
            }
        }
    }

    #[test]
    fn an_image_beyond_the_limit_is_not_even_counted() {
        let mut large = sample();
        large.images[0].length = 1 << 40;
        large.images[0].chunks = vec![Chunk::ZERO; 1 << 24];
        let error = Manifest::decode("id", &large.encode(), &Options::default()).unwrap_err();
        assert!(matches!(error, Error::Damaged { damage: Damage::Manifest(_), .. }));
    }
}
