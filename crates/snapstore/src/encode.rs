//! From images to chunks: one thread reads, two hash and compress, the caller's writes.
//!
//! A fixed number of batches goes round, so memory is bounded whatever the size, and no queue can overflow.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::fs::{Advice, fadvise};
use zstd::bulk::Compressor;

use crate::chunk::{BATCH_BYTES, Chunk, Encoding, Hash, compress, compressor, hash, is_zero};
use crate::error::{Error, while_};
use crate::manifest::Image;
use crate::pack::PackWriter;
use crate::progress::Progress;
use crate::request::{ImageSource, Request};

const WORKERS: usize = 2;
/// Two at the workers, one each at reader and writer, two between.
const BATCHES: usize = 6;

/// A piece of one image on its way.
#[derive(Default)]
struct Batch {
    number: u64,
    image: usize,
    bytes: Vec<u8>,
    compressed: Vec<u8>,
    chunks: Vec<Encoded>,
}

/// What a worker made of a chunk.
enum Encoded {
    /// Zeros, or stored by an earlier snapshot.
    There(Chunk),
    /// In `bytes`: where, and how many.
    Raw(Hash, usize, usize),
    /// In `compressed`: where, and how many.
    Zstd(Hash, usize, usize),
}

/// Appends what is new of the request's images to `pack` and returns all their chunks.
pub(crate) fn run(
    request: &Request,
    chunk_bytes: u32,
    known: &HashMap<Hash, Chunk>,
    pack: &mut PackWriter<'_>,
    progress: &dyn Progress,
) -> Result<Vec<Image>, Error> {
    let (free, to_fill) = channel();
    let (filled, to_encode) = channel();
    let (encoded, to_write) = channel();
    let to_encode = Mutex::new(to_encode);
    (0..BATCHES).for_each(|_| drop(free.send(Batch::default())));
    thread::scope(|scope| {
        let report = encoded.clone();
        scope.spawn(move || {
            if let Err(error) = read_all(&request.images, &to_fill, &filled) {
                let _ = report.send(Err(error));
            }
        });
        for _ in 0..WORKERS {
            let (encoded, to_encode) = (encoded.clone(), &to_encode);
            scope.spawn(move || encode_all(to_encode, chunk_bytes as usize, known, &encoded));
        }
        drop(encoded);
        // When the writer fails, its ends of the channels go, and the threads end with them.
        Writer { pack, new: HashMap::new(), done: 0, total: request.total() }.write_all(
            &request.images,
            to_write,
            free,
            progress,
        )
    })
}

/// Ends early when nobody wants the batches any more.
fn read_all(images: &[ImageSource], free: &Receiver<Batch>, filled: &Sender<Batch>) -> Result<(), Error> {
    let mut number = 0;
    for (index, image) in images.iter().enumerate() {
        let failed = |source| Error::Source { image: image.name.clone(), source };
        let mut file = File::open(&image.path).map_err(failed)?;
        let _ = fadvise(&file, 0, None, Advice::Sequential);
        let mut left = image.length;
        while left > 0 {
            let Ok(mut batch) = free.recv() else { return Ok(()) };
            let length = left.min(BATCH_BYTES as u64);
            (batch.number, batch.image) = (number, index);
            batch.bytes.resize(length as usize, 0);
            file.read_exact(&mut batch.bytes).map_err(failed)?;
            left -= length;
            number += 1;
            if filled.send(batch).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn encode_all(
    filled: &Mutex<Receiver<Batch>>,
    chunk_bytes: usize,
    known: &HashMap<Hash, Chunk>,
    encoded: &Sender<Result<Batch, Error>>,
) {
    let mut encoder = match compressor() {
        Ok(encoder) => encoder,
        Err(error) => return drop(encoded.send(Err(while_("start the compressor")(error)))),
    };
    loop {
        let batch = filled.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut batch) = batch else { return };
        encode_batch(&mut batch, chunk_bytes, known, &mut encoder);
        if encoded.send(Ok(batch)).is_err() {
            return;
        }
    }
}

fn encode_batch(
    batch: &mut Batch,
    chunk_bytes: usize,
    known: &HashMap<Hash, Chunk>,
    encoder: &mut Compressor<'_>,
) {
    batch.chunks.clear();
    batch.compressed.clear();
    let mut start = 0;
    for bytes in batch.bytes.chunks(chunk_bytes) {
        batch.chunks.push(encode(bytes, start, known, encoder, &mut batch.compressed));
        start += bytes.len();
    }
}

fn encode(
    bytes: &[u8],
    start: usize,
    known: &HashMap<Hash, Chunk>,
    encoder: &mut Compressor<'_>,
    compressed: &mut Vec<u8>,
) -> Encoded {
    if is_zero(bytes) {
        return Encoded::There(Chunk::ZERO);
    }
    let hash = hash(bytes);
    if let Some(chunk) = known.get(&hash) {
        return Encoded::There(*chunk);
    }
    let at = compressed.len();
    match compress(encoder, bytes, compressed) {
        Some(length) => Encoded::Zstd(hash, at, length),
        None => Encoded::Raw(hash, start, bytes.len()),
    }
}

/// Puts batches back into order and chunks into the pack.
struct Writer<'a, 'b> {
    pack: &'a mut PackWriter<'b>,
    /// Chunks of this snapshot: it may hold the same one twice.
    new: HashMap<Hash, Chunk>,
    done: u64,
    total: u64,
}

impl Writer<'_, '_> {
    fn write_all(
        mut self,
        sources: &[ImageSource],
        encoded: Receiver<Result<Batch, Error>>,
        free: Sender<Batch>,
        progress: &dyn Progress,
    ) -> Result<Vec<Image>, Error> {
        let image = |source: &ImageSource| (source.name.clone(), source.length);
        let images =
            sources.iter().map(image).map(|(name, length)| Image { name, length, chunks: Vec::new() });
        let mut images: Vec<Image> = images.collect();
        let mut early = BTreeMap::new();
        let mut next = 0;
        let stop = || if progress.cancelled() { Err(Error::Cancelled) } else { Ok(()) };
        stop()?;
        // The channel closes when reader and workers are through.
        while let Ok(batch) = encoded.recv() {
            let batch = batch?;
            early.insert(batch.number, batch);
            while let Some(batch) = early.remove(&next) {
                self.write(&batch, &mut images[batch.image].chunks)?;
                self.done += batch.bytes.len() as u64;
                next += 1;
                progress.report(self.done, self.total);
                stop()?;
                let _ = free.send(batch);
            }
        }
        Ok(images)
    }

    fn write(&mut self, batch: &Batch, chunks: &mut Vec<Chunk>) -> Result<(), Error> {
        for encoded in &batch.chunks {
            let (hash, encoding, bytes) = match *encoded {
                Encoded::There(chunk) => {
                    chunks.push(chunk);
                    continue;
                }
                Encoded::Raw(hash, at, length) => (hash, Encoding::Raw, &batch.bytes[at..at + length]),
                Encoded::Zstd(hash, at, length) => (hash, Encoding::Zstd, &batch.compressed[at..at + length]),
            };
            let chunk = match self.new.get(&hash) {
                Some(chunk) => *chunk,
                None => {
                    let (pack, offset) = (self.pack.number, self.pack.append(bytes)?);
                    let chunk = Chunk { hash, pack, offset, stored: bytes.len() as u32, encoding };
                    self.new.insert(hash, chunk);
                    chunk
                }
            };
            chunks.push(chunk);
        }
        Ok(())
    }
}
