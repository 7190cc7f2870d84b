//! From chunks to images: two threads read, decompress and check ahead of the consumer.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use zstd::bulk::Decompressor;

use crate::chunk::{BATCH_BYTES, Chunk, Encoding, decode};
use crate::error::{Damage, Error, while_};
use crate::files::Files;
use crate::manifest::{Image, Manifest};

const WORKERS: usize = 2;
const PIECES: usize = 6;

/// A snapshot with its packs open: what is removed meanwhile stays readable.
pub(crate) struct Opened {
    pub manifest: Manifest,
    /// Packs that are gone are missing here; the chunks in them are damaged.
    packs: HashMap<u64, File>,
}

/// A run of chunks, decoded.
struct Piece {
    number: usize,
    bytes: Vec<u8>,
    /// What follows the last good byte.
    failure: Option<Error>,
}

/// A free buffer and the number of the next piece are taken together, so the piece that the consumer waits
/// for has one.
struct Tickets {
    free: Receiver<Vec<u8>>,
    next: usize,
}

/// Why a chunk cannot be had.
enum Failure {
    Damaged,
    Io(io::Error),
}

impl Opened {
    /// The caller keeps others from removing files meanwhile.
    pub fn new(files: &Files, id: &str) -> Result<Self, Error> {
        let manifest = files.read(id)?;
        let mut packs = HashMap::new();
        for number in manifest.packs() {
            match File::open(files.pack(number)) {
                Ok(file) => drop(packs.insert(number, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(while_("open a pack")(error)),
            }
        }
        Ok(Self { manifest, packs })
    }

    /// Hands the image's bytes to `sink` in order. `cancelled` is asked once a MiB.
    pub fn stream<E: From<Error>>(
        &self,
        image: &Image,
        cancelled: &dyn Fn() -> bool,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let per_piece = BATCH_BYTES / self.manifest.chunk_bytes as usize;
        let pieces = image.chunks.len().div_ceil(per_piece);
        let (free, buffers) = channel();
        let (decoded, to_deliver) = channel();
        (0..PIECES).for_each(|_| drop(free.send(Vec::new())));
        let tickets = Mutex::new(Tickets { free: buffers, next: 0 });
        thread::scope(|scope| {
            for _ in 0..WORKERS.min(pieces) {
                let (tickets, decoded) = (&tickets, decoded.clone());
                scope.spawn(move || self.decode_all(image, per_piece, tickets, &decoded));
            }
            drop(decoded);
            deliver(pieces, to_deliver, free, cancelled, sink)
        })
    }

    fn decode_all(&self, image: &Image, per_piece: usize, tickets: &Mutex<Tickets>, decoded: &Sender<Piece>) {
        let mut decoder = Decompressor::new();
        let mut stored = Vec::new();
        while let Some((number, mut bytes)) = Tickets::take(tickets) {
            let first = number * per_piece;
            if first >= image.chunks.len() {
                return;
            }
            let start = first as u64 * u64::from(self.manifest.chunk_bytes);
            bytes.resize((image.length - start).min(BATCH_BYTES as u64) as usize, 0);
            let chunks = &image.chunks[first..image.chunks.len().min(first + per_piece)];
            let failure = match &mut decoder {
                Ok(decoder) => self.decode_piece(chunks, decoder, &mut stored, &mut bytes).err(),
                Err(error) => Some((0, Failure::Io(error.kind().into()))),
            };
            let failure = failure.map(|(good, failure)| {
                bytes.truncate(good);
                failure.at(&self.manifest.id, &image.name, start + good as u64)
            });
            if decoded.send(Piece { number, bytes, failure }).is_err() {
                return;
            }
        }
    }

    /// Fills `out`; otherwise says how many of its bytes are good, and what is wrong with the next.
    fn decode_piece(
        &self,
        chunks: &[Chunk],
        decoder: &mut Decompressor<'_>,
        stored: &mut Vec<u8>,
        out: &mut [u8],
    ) -> Result<(), (usize, Failure)> {
        let mut good = 0;
        // Neighbours in the pack are read at once.
        let neighbours = |a: &Chunk, b: &Chunk| a.pack == b.pack && a.end() == b.offset;
        for run in chunks.chunk_by(|a, b| a.encoding != Encoding::Zero && neighbours(a, b)) {
            stored.resize(run.iter().map(|chunk| chunk.stored as usize).sum(), 0);
            let read = self.read_run(&run[0], stored).map_err(|error| (good, Failure::Io(error)))?;
            let mut rest = &stored[..read];
            for chunk in run {
                let end = out.len().min(good + self.manifest.chunk_bytes as usize);
                let (bytes, after) =
                    rest.split_at_checked(chunk.stored as usize).ok_or((good, Failure::Damaged))?;
                if !decode(decoder, chunk, bytes, &mut out[good..end]) {
                    return Err((good, Failure::Damaged));
                }
                (good, rest) = (end, after);
            }
        }
        Ok(())
    }

    /// Fewer bytes than asked for are there when the pack was cut short or is gone.
    fn read_run(&self, first: &Chunk, out: &mut [u8]) -> io::Result<usize> {
        let Some(pack) = self.packs.get(&first.pack) else { return Ok(0) };
        let mut read = 0;
        while read < out.len() {
            match pack.read_at(&mut out[read..], first.offset.saturating_add(read as u64)) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // An offset that no file can have.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}

impl Tickets {
    /// `None` when the consumer is gone.
    fn take(tickets: &Mutex<Self>) -> Option<(usize, Vec<u8>)> {
        let mut tickets = tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let buffer = tickets.free.recv().ok()?;
        tickets.next += 1;
        Some((tickets.next - 1, buffer))
    }
}

impl Failure {
    fn at(self, snapshot: &str, image: &str, offset: u64) -> Error {
        match self {
            Self::Io(source) => Error::Io { action: "read a pack", source },
            Self::Damaged => Error::Damaged {
                snapshot: snapshot.to_owned(),
                damage: Damage::Chunk { image: image.to_owned(), offset },
            },
        }
    }
}

/// Puts pieces back into order; the first failure is the last that is heard.
fn deliver<E: From<Error>>(
    pieces: usize,
    decoded: Receiver<Piece>,
    free: Sender<Vec<u8>>,
    cancelled: &dyn Fn() -> bool,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut early = BTreeMap::new();
    for number in 0..pieces {
        if cancelled() {
            return Err(Error::Cancelled.into());
        }
        let piece: Piece = loop {
            match early.remove(&number) {
                Some(piece) => break piece,
                None => match decoded.recv() {
                    Ok(piece) => drop(early.insert(piece.number, piece)),
                    // Only a thread that panicked leaves a piece out, and its panic is the one to be seen.
                    Err(_) => return Err(Error::Cancelled.into()),
                },
            }
        };
        if !piece.bytes.is_empty() {
            sink(&piece.bytes)?;
        }
        if let Some(error) = piece.failure {
            return Err(error.into());
        }
        let _ = free.send(piece.bytes);
    }
    Ok(())
}
