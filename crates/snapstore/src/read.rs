//! Reading an image out of a snapshot: one thread reads the packs, two decompress and compare, the caller takes it in order.

use crate::manifest::{Chunk, Hash, Place};
use crate::store::Store;
use crate::{CHUNK, Error, Progress};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

const WORKERS: usize = 2;
/// Chunks that are passed on at once.
const BATCH: usize = 16;
/// Batches that wait between two threads.
const QUEUE: usize = 2;

/// A chunk as it lies in its pack.
struct Packed {
    hash: Hash,
    /// Empty for zeros.
    bytes: Vec<u8>,
    raw: bool,
    /// Bytes that it stands for.
    length: usize,
}

type Numbered<T> = (u64, T);

impl Store {
    /// Hands the image to `take` in order, every chunk compared with its hash before. Nothing is delivered after a chunk that
    /// differs.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Damaged`], [`Error::Cancelled`], and what `take` returns.
    pub fn read_image<E: From<Error>>(
        &self,
        id: &str,
        image: &str,
        progress: &dyn Progress,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let manifest = self.manifest(id)?;
        let (entry, chunks) =
            manifest.image(image).ok_or_else(|| Error::damaged(id, format!("it has no image {image}")))?;
        // Open files stay readable when the snapshot is removed meanwhile.
        let packs = self.open_packs(id, &manifest.header.packs)?;
        let (batches, given) = sync_channel(QUEUE);
        // The workers' alone: once they have ended, the reader finds that nobody takes what it sends.
        let given = Arc::new(Mutex::new(given));
        let (unpacked, results) = sync_channel(QUEUE);
        thread::scope(|scope| {
            let reader = scope.spawn(|| fetch(id, &packs, chunks, entry.length, progress, batches));
            for _ in 0..WORKERS {
                let (given, unpacked) = (Arc::clone(&given), unpacked.clone());
                scope.spawn(move || work(id, &given, &unpacked));
            }
            drop((given, unpacked));
            let taken = in_order(&results, progress, &mut take);
            drop(results);
            let panicked = |_| Error::damaged(id, "the reading thread panicked");
            let fetched = reader.join().map_err(panicked);
            taken?;
            Ok(fetched??)
        })
    }

    fn open_packs(&self, id: &str, names: &[String]) -> Result<Vec<File>, Error> {
        let open = |name: &String| {
            File::open(self.directory.join(name)).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Error::damaged(id, format!("{name} is missing")),
                _ => Error::io("open a pack")(error),
            })
        };
        names.iter().map(open).collect()
    }
}

fn fetch(
    id: &str,
    packs: &[File],
    chunks: &[Chunk],
    length: u64,
    progress: &dyn Progress,
    batches: SyncSender<Numbered<Vec<Packed>>>,
) -> Result<(), Error> {
    let mut left = length;
    for (number, batch) in chunks.chunks(BATCH).enumerate() {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let mut packed = Vec::with_capacity(batch.len());
        for chunk in batch {
            let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            packed.push(fetch_chunk(id, packs, chunk, length)?);
            left -= length as u64;
        }
        if batches.send((number as u64, packed)).is_err() {
            break;
        }
    }
    Ok(())
}

fn fetch_chunk(id: &str, packs: &[File], chunk: &Chunk, length: usize) -> Result<Packed, Error> {
    let hash = chunk.hash;
    let Place::Stored(stored) = chunk.place else {
        return Ok(Packed { hash, bytes: Vec::new(), raw: false, length });
    };
    let pack = usize::try_from(stored.pack).ok().and_then(|pack| packs.get(pack));
    let pack = pack.ok_or_else(|| Error::damaged(id, "it names a pack that it does not list"))?;
    // At most a chunk: the manifest was checked for that.
    let mut bytes = vec![0; usize::try_from(stored.length).unwrap_or(CHUNK)];
    pack.read_exact_at(&mut bytes, stored.offset).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::damaged(id, "a pack is shorter than it was"),
        _ => Error::io("read a pack")(error),
    })?;
    Ok(Packed { hash, bytes, raw: stored.raw, length })
}

fn work(
    id: &str,
    batches: &Mutex<Receiver<Numbered<Vec<Packed>>>>,
    unpacked: &SyncSender<Numbered<Result<Vec<u8>, Error>>>,
) {
    let mut decompressor = zstd::bulk::Decompressor::new().ok();
    loop {
        let batch = batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = batch else { return };
        let mut bytes = Vec::with_capacity(batch.len() * CHUNK);
        let whole = batch
            .into_iter()
            .enumerate()
            .try_for_each(|(place, packed)| {
                unpack(packed, decompressor.as_mut(), &mut bytes).ok_or_else(|| {
                    let offset = (number as usize * BATCH + place) * CHUNK;
                    Error::damaged(id, format!("the chunk at byte {offset} is not what was stored"))
                })
            })
            .map(|()| bytes);
        if unpacked.send((number, whole)).is_err() {
            return;
        }
    }
}

/// Appends what the chunk stands for; `None` when it is not that.
fn unpack(
    packed: Packed,
    decompressor: Option<&mut zstd::bulk::Decompressor<'_>>,
    bytes: &mut Vec<u8>,
) -> Option<()> {
    let begin = bytes.len();
    if packed.bytes.is_empty() {
        bytes.resize(begin + packed.length, 0);
    } else if packed.raw {
        bytes.extend_from_slice(&packed.bytes);
    } else {
        bytes.extend_from_slice(&decompressor?.decompress(&packed.bytes, packed.length).ok()?);
    }
    let chunk = bytes.get(begin..)?;
    (chunk.len() == packed.length && blake3::hash(chunk).as_bytes() == &packed.hash).then_some(())
}

fn in_order<E: From<Error>>(
    results: &Receiver<Numbered<Result<Vec<u8>, Error>>>,
    progress: &dyn Progress,
    take: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (mut early, mut next) = (BTreeMap::new(), 0);
    for (number, bytes) in results {
        early.insert(number, bytes);
        while let Some(bytes) = early.remove(&next) {
            let bytes = bytes?;
            take(&bytes)?;
            progress.add(bytes.len() as u64);
            next += 1;
        }
    }
    Ok(())
}
