//! Images on their way from the squashfs to a sink: some threads decompress, one hashes, the caller's hands on.
//!
//! The squashfs' blocks are independent of each other, so worker `w` of `n` decompresses blocks `w`, `w + n`, … into
//! a queue of its own, and the hash takes them from the queues in turn. Queues are short: memory does not grow with
//! the images.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

use sha2::{Digest, Sha256};

use crate::image::Blocks;
use crate::progress::Meter;
use crate::{Error, Image, Malformed};

/// Decompressed blocks in one queue, at most 1 MiB each.
const QUEUE: usize = 2;
/// More would wait for the hash, which is one thread.
const MAX_WORKERS: usize = 4;

/// One image to be decompressed and compared with its SHA-256.
#[derive(Clone)]
pub(crate) struct Job<'a> {
    pub(crate) image: &'a Image,
    pub(crate) blocks: Blocks,
}

/// Whether the SHA-256 of images is computed on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashing {
    /// And compared with the manifest's after the last byte.
    Compared,
    /// By whoever receives the image.
    Elsewhere,
}

/// Decompresses images in turn and gives their bytes to `sink`, each byte once and in order.
///
/// # Errors
/// [`Error::Malformed`] where an image cannot be decompressed or, after its last byte, has not the SHA-256 of the
/// manifest; [`Error::Io`], also of the sink; [`Error::Cancelled`]. The meter is stopped then.
pub(crate) fn run(
    jobs: Vec<Job<'_>>,
    hashing: Hashing,
    meter: &Meter<'_>,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), Error> {
    let images: Vec<_> = jobs.iter().map(|job| (job.image, job.blocks.count())).collect();
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_WORKERS));
    let pool = &Pool::default();
    let stop = |_: &Error| meter.stop();
    thread::scope(|scope| {
        let mut lanes = Vec::with_capacity(workers);
        let mut decoders = Vec::with_capacity(workers);
        for worker in 0..workers {
            let (lane, blocks) = sync_channel(QUEUE);
            let jobs = jobs.clone();
            let work = move || decode(jobs, worker, workers, &lane, pool).inspect_err(stop);
            decoders.push(spawn(scope, "decompress", work).inspect_err(stop)?);
            lanes.push(blocks);
        }
        // The workers' copies alone tell who reads by when they end.
        drop(jobs);
        let mut threads = decoders;
        let handed_on = match hashing {
            Hashing::Compared => {
                let (hashed, blocks) = sync_channel(QUEUE);
                let hasher = spawn(scope, "hash", move || hash(&images, &lanes, &hashed).inspect_err(stop));
                threads.push(hasher.inspect_err(stop)?);
                hand_on(blocks.into_iter(), pool, meter, sink)
            }
            Hashing::Elsewhere => {
                let blocks = images.iter().flat_map(|(_, count)| in_turn(*count, &lanes));
                let handed_on = hand_on(blocks, pool, meter, sink);
                // Workers that still have blocks to hand on find that nobody takes them.
                drop(lanes);
                handed_on
            }
        };
        let handed_on = handed_on.inspect_err(stop);
        first_cause(threads.into_iter().map(joined).chain([handed_on]))
    })
}

/// The first failure that is a reason; the end of one thread cancels the others.
pub(crate) fn first_cause(results: impl IntoIterator<Item = Result<(), Error>>) -> Result<(), Error> {
    let rank = |error: &Error| matches!(error, Error::Cancelled);
    results.into_iter().filter_map(Result::err).min_by_key(rank).map_or(Ok(()), Err)
}

/// Starts a thread that shows its name in the system's tools.
pub(crate) fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> Result<(), Error> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<(), Error>>, Error> {
    Builder::new().name(name.to_owned()).spawn_scoped(scope, work).map_err(Error::io("start a thread"))
}

/// What a thread made of it; its panic becomes the caller's.
pub(crate) fn joined(thread: ScopedJoinHandle<'_, Result<(), Error>>) -> Result<(), Error> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn decode(
    mut jobs: Vec<Job<'_>>,
    worker: usize,
    workers: usize,
    lane: &SyncSender<Vec<u8>>,
    pool: &Pool,
) -> Result<(), Error> {
    for job in &mut jobs {
        for index in (worker..job.blocks.count()).step_by(workers) {
            let mut block = pool.take();
            job.blocks.decode(index, &mut block)?;
            if lane.send(block).is_err() {
                // Nobody listens any more; why is the listener's to say.
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The blocks of one image in their order, up to the end of a worker that failed.
fn in_turn(count: usize, lanes: &[Receiver<Vec<u8>>]) -> impl Iterator<Item = Vec<u8>> {
    (0..count).zip(lanes.iter().cycle()).map_while(|(_, lane)| lane.recv().ok())
}

fn hash(
    images: &[(&Image, usize)],
    lanes: &[Receiver<Vec<u8>>],
    hashed: &SyncSender<Vec<u8>>,
) -> Result<(), Error> {
    for (image, count) in images {
        let mut sha256 = Sha256::new();
        let mut taken = 0;
        for block in in_turn(*count, lanes) {
            sha256.update(&block);
            if hashed.send(block).is_err() {
                return Ok(());
            }
            taken += 1;
        }
        if taken < *count {
            // A worker has failed, and reports so itself.
            return Ok(());
        }
        let found: [u8; 32] = sha256.finalize().into();
        if found != image.sha256 {
            return Err(Malformed::ImageHash { filename: image.filename.clone() }.into());
        }
    }
    Ok(())
}

fn hand_on(
    blocks: impl Iterator<Item = Vec<u8>>,
    pool: &Pool,
    meter: &Meter<'_>,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), Error> {
    for block in blocks {
        sink(&block).map_err(Error::io("hand on the image"))?;
        meter.advance(block.len())?;
        pool.give(block);
    }
    Ok(())
}

/// Buffers to be used again: fresh ones cost the kernel a page fault for every 4 KiB.
#[derive(Default)]
struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, buffer: Vec<u8>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}
