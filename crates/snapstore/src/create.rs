//! Taking a snapshot: one thread reads, two hash and compress, and this one writes in order.

use crate::manifest::{Chunk, Hash, Header, ImageEntry, Manifest, Place, Stored};
use crate::pack::PackWriter;
use crate::store::{MANIFEST, PACK, Store, UNFINISHED, check_id, remove_file, sync_directory};
use crate::{CHUNK, Error, Progress};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

const WORKERS: usize = 2;
/// Bytes that are read and passed on at once.
const BATCH: usize = 1 << 20;
/// Batches that wait between two threads.
const QUEUE: usize = 2;

/// An image to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub name: String,
    /// A file or a block device.
    pub path: PathBuf,
    /// Bytes from its beginning on.
    pub length: u64,
}

/// A snapshot to be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSnapshot {
    /// 1 to 64 of `a-z`, `0-9` and `-`.
    pub id: String,
    /// The caller's own; at most about a mebibyte as JSON.
    pub metadata: Value,
    pub images: Vec<Image>,
}

/// Bytes of an image on their way.
struct Batch {
    number: u64,
    bytes: Vec<u8>,
}

/// What became of a batch: its chunks, in order, and the bytes of those that are new.
struct Packed {
    number: u64,
    length: u64,
    chunks: Vec<(Hash, Content)>,
}

enum Content {
    Zeros,
    /// In a pack of another snapshot.
    Known,
    New {
        bytes: Vec<u8>,
        raw: bool,
    },
}

/// Chunks that the store has, with the name of their pack.
type Known = HashMap<Hash, (u32, Stored)>;

impl Store {
    /// Takes a snapshot. It is there when this returns, and not at all when it fails. Returns the bytes that it added to the disk.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Cancelled`], [`Error::Exists`], and what reading and writing can meet.
    pub fn create(&self, new: &NewSnapshot, progress: &dyn Progress) -> Result<u64, Error> {
        check_id(&new.id)?;
        let _changing = self.change();
        if self.path(&new.id, MANIFEST).exists() {
            return Err(Error::Exists(new.id.clone()));
        }
        let pack = self.free_pack(&new.id);
        let created = self.write_snapshot(new, &pack, progress);
        if created.is_err() {
            remove_file(&self.directory.join(&pack))?;
            remove_file(&self.path(&new.id, UNFINISHED))?;
            sync_directory(&self.directory)?;
        }
        created
    }

    /// A name that no pack has: chunks of a former snapshot of this id may still be needed by others.
    fn free_pack(&self, id: &str) -> String {
        let names = (0u64..).map(|number| match number {
            0 => format!("{id}.{PACK}"),
            number => format!("{id}.{number}.{PACK}"),
        });
        let mut free = names.filter(|name| !self.directory.join(name).exists());
        free.next().unwrap_or_default()
    }

    fn write_snapshot(
        &self,
        new: &NewSnapshot,
        own_pack: &str,
        progress: &dyn Progress,
    ) -> Result<u64, Error> {
        let (known, mut packs, sequence) = self.known()?;
        let path = self.directory.join(own_pack);
        let mut pack = PackWriter::create(&path, &self.directory, self.limits.keep_free)?;
        let own = u32::try_from(packs.len()).map_err(|_| Error::TooLarge("its packs"))?;
        packs.push(own_pack.to_owned());
        let mut gathered = Gathered { known: &known, own, new: HashMap::new(), chunks: Vec::new() };
        for image in &new.images {
            keep_image(image, &known, progress, |packed| {
                progress.add(packed.length);
                gathered.take(packed, &mut pack)
            })?;
        }
        let stored = pack.finish()?;
        let images = new.images.iter();
        let images = images.map(|image| ImageEntry { name: image.name.clone(), length: image.length });
        let (packs, chunks) = only_used(packs, gathered.chunks);
        let (id, metadata) = (new.id.clone(), new.metadata.clone());
        let own_pack = (stored > 0).then(|| own_pack.to_owned());
        let header = Header { id, sequence, metadata, images: images.collect(), packs, own_pack };
        let (_, bytes) = Manifest::seal(header, chunks)?;
        if stored == 0 {
            remove_file(&path)?;
        }
        sync_directory(&self.directory)?;
        self.publish(&new.id, &bytes)?;
        Ok(stored + bytes.len() as u64)
    }

    /// From here on the snapshot is there.
    fn publish(&self, id: &str, manifest: &[u8]) -> Result<(), Error> {
        let (unfinished, path) = (self.path(id, UNFINISHED), self.path(id, MANIFEST));
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(manifest)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(Error::io("write the manifest"))?;
        sync_directory(&self.directory)
    }

    /// The chunks that are there already, the names of their packs, and the next number in the order of creation. What a damaged
    /// manifest names is not relied on.
    fn known(&self) -> Result<(Known, Vec<String>, u64), Error> {
        let (mut known, mut packs, mut newest) = (Known::new(), Vec::<String>::new(), 0);
        for id in self.ids()? {
            let Ok(Manifest { header, chunks, .. }) = self.manifest(&id) else { continue };
            newest = newest.max(header.sequence);
            let numbers: Vec<u32> = header
                .packs
                .into_iter()
                .map(|name| match packs.iter().position(|other| *other == name) {
                    Some(place) => u32::try_from(place),
                    None => {
                        packs.push(name);
                        u32::try_from(packs.len() - 1)
                    }
                })
                .collect::<Result<_, _>>()
                .map_err(|_| Error::TooLarge("its packs"))?;
            for chunk in chunks {
                let Place::Stored(stored) = chunk.place else { continue };
                let number = usize::try_from(stored.pack).ok().and_then(|pack| numbers.get(pack));
                if let Some(number) = number {
                    known.insert(chunk.hash, (*number, stored));
                }
            }
        }
        Ok((known, packs, newest + 1))
    }
}

/// The chunks of the new snapshot so far.
struct Gathered<'a> {
    known: &'a Known,
    /// Number of its own pack.
    own: u32,
    new: HashMap<Hash, Stored>,
    chunks: Vec<Chunk>,
}

impl Gathered<'_> {
    fn take(&mut self, packed: Packed, pack: &mut PackWriter) -> Result<(), Error> {
        for (hash, content) in packed.chunks {
            let place = match content {
                Content::Zeros => Place::Zeros,
                Content::Known => match self.known.get(&hash) {
                    Some((number, stored)) => Place::Stored(Stored { pack: *number, ..*stored }),
                    // The worker found it there.
                    None => return Err(Error::TooLarge("its index")),
                },
                Content::New { bytes, raw } => {
                    let stored = match self.new.get(&hash) {
                        Some(stored) => *stored,
                        None => pack.append(&bytes, raw)?,
                    };
                    self.new.insert(hash, stored);
                    Place::Stored(Stored { pack: self.own, ..stored })
                }
            };
            self.chunks.push(Chunk { hash, place });
        }
        Ok(())
    }
}

/// Reads the image and hands over what becomes of it, in order.
fn keep_image(
    image: &Image,
    known: &Known,
    progress: &dyn Progress,
    mut take: impl FnMut(Packed) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = File::open(&image.path).map_err(Error::io("open the image"))?;
    let (batches, given) = sync_channel(QUEUE);
    // The workers' alone: once they have ended, the reader finds that nobody takes what it sends.
    let given = Arc::new(Mutex::new(given));
    let (packed, results) = sync_channel(QUEUE);
    thread::scope(|scope| {
        let reader = scope.spawn(move || read(&file, image.length, progress, &batches));
        for _ in 0..WORKERS {
            let (given, packed) = (Arc::clone(&given), packed.clone());
            scope.spawn(move || work(&given, known, &packed));
        }
        drop((given, packed));
        let taken = in_order(&results, &mut take);
        // Whoever still sends finds that nobody takes it.
        drop(results);
        let read = reader.join().map_err(|_| Error::Io {
            action: "read the image",
            source: std::io::Error::other("the reading thread panicked"),
        });
        taken.and(read?)
    })
}

/// Passes the image on in batches, until it is read or nobody takes them.
fn read(file: &File, length: u64, progress: &dyn Progress, batches: &SyncSender<Batch>) -> Result<(), Error> {
    for (number, offset) in (0..length).step_by(BATCH).enumerate() {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let count = usize::try_from(length - offset).map_or(BATCH, |left| left.min(BATCH));
        let mut bytes = vec![0; count];
        file.read_exact_at(&mut bytes, offset).map_err(Error::io("read the image"))?;
        if batches.send(Batch { number: number as u64, bytes }).is_err() {
            break;
        }
    }
    Ok(())
}

fn work(batches: &Mutex<Receiver<Batch>>, known: &Known, packed: &SyncSender<Packed>) {
    let mut compressor = zstd::bulk::Compressor::new(1).ok();
    loop {
        let batch = batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Batch { number, bytes }) = batch else { return };
        let chunks = bytes.chunks(CHUNK).map(|chunk| pack(chunk, known, compressor.as_mut())).collect();
        if packed.send(Packed { number, length: bytes.len() as u64, chunks }).is_err() {
            return;
        }
    }
}

fn pack(chunk: &[u8], known: &Known, compressor: Option<&mut zstd::bulk::Compressor<'_>>) -> (Hash, Content) {
    let hash = *blake3::hash(chunk).as_bytes();
    if is_zero(chunk) {
        return (hash, Content::Zeros);
    }
    if known.contains_key(&hash) {
        return (hash, Content::Known);
    }
    // What does not compress, or cannot be compressed now, is stored as it is.
    let smaller = compressor.and_then(|compressor| compressor.compress(chunk).ok());
    let smaller = smaller.filter(|bytes| bytes.len() < chunk.len());
    let raw = smaller.is_none();
    (hash, Content::New { bytes: smaller.unwrap_or_else(|| chunk.to_vec()), raw })
}

fn is_zero(chunk: &[u8]) -> bool {
    let (words, rest) = chunk.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// Two workers finish in any order; a snapshot is in the order of the image.
fn in_order(
    results: &Receiver<Packed>,
    take: &mut impl FnMut(Packed) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut early, mut next) = (BTreeMap::new(), 0);
    for packed in results {
        early.insert(packed.number, packed);
        while let Some(packed) = early.remove(&next) {
            take(packed)?;
            next += 1;
        }
    }
    Ok(())
}

/// Drops the packs that none of the chunks is in.
fn only_used(packs: Vec<String>, mut chunks: Vec<Chunk>) -> (Vec<String>, Vec<Chunk>) {
    let mut used = vec![false; packs.len()];
    let number = |pack: u32| usize::try_from(pack).unwrap_or(usize::MAX);
    for chunk in &chunks {
        if let Place::Stored(stored) = chunk.place
            && let Some(used) = used.get_mut(number(stored.pack))
        {
            *used = true;
        }
    }
    let mut next = 0;
    let renumbered: Vec<u32> = used
        .iter()
        .map(|used| {
            let own = next;
            next += u32::from(*used);
            own
        })
        .collect();
    for chunk in &mut chunks {
        if let Place::Stored(stored) = &mut chunk.place
            && let Some(renumbered) = renumbered.get(number(stored.pack))
        {
            stored.pack = *renumbered;
        }
    }
    let packs = packs.into_iter().zip(used).filter_map(|(pack, used)| used.then_some(pack)).collect();
    (packs, chunks)
}
