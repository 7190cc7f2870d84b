//! The full pass over a bundle: the whole hash tree and every image's SHA-256.
//!
//! Three threads, so that two cores are busy to the end: one compares data and tree, one decompresses, one hashes
//! the images. The second reader of a byte finds it in the page cache.

use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use sha2::{Digest, Sha256};

use crate::image::ImageReader;
use crate::progress::{Meter, Progress};
use crate::source::Source;
use crate::squashfs::Layout;
use crate::verity::{Checker, check_all};
use crate::{Error, Image, Malformed};

/// Decompressed blocks on their way to the hash, at most 1 MiB each.
const QUEUE: usize = 3;

/// Checks all that the manifest promises.
///
/// # Errors
/// [`Error::Malformed`] at the first difference, one of data or tree rather than its consequences in an image;
/// [`Error::Io`]; [`Error::Cancelled`].
pub(crate) fn verify(
    file: &Arc<File>,
    checker: Checker,
    layout: &Layout,
    images: &[Image],
    progress: &dyn Progress,
) -> Result<(), Error> {
    let sizes = images.iter().fold(0_u64, |sum, image| sum.saturating_add(image.size));
    let meter = Meter::new(checker.data().saturating_add(sizes), progress);
    thread::scope(|scope| {
        let (blocks, incoming) = sync_channel(QUEUE);
        let (used, recycled) = channel();
        let meter = &meter;
        let tree = scope.spawn(move || check_all(checker, meter).inspect_err(|_| meter.stop()));
        let decoder = scope.spawn(move || decode(file, layout, images, &blocks, &recycled));
        let hashed = hash(images, incoming, used, meter);
        // The tree's verdict comes first: what it finds is the cause of what the others stumbled over.
        let tree = joined(tree);
        let decoded = joined(decoder);
        tree.and(decoded).and(hashed)
    })
}

fn joined(thread: ScopedJoinHandle<'_, Result<(), Error>>) -> Result<(), Error> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Sends the blocks of all images in turn; an empty one ends an image.
fn decode(
    file: &Arc<File>,
    layout: &Layout,
    images: &[Image],
    blocks: &SyncSender<Vec<u8>>,
    recycled: &Receiver<Vec<u8>>,
) -> Result<(), Error> {
    for image in images {
        let located = layout.files.get(&image.filename);
        let located = located.ok_or_else(|| Malformed::MissingImage(image.filename.clone()))?;
        let mut reader = ImageReader::new(layout, located, Source::Plain(Arc::clone(file)));
        loop {
            let mut block = recycled.try_recv().unwrap_or_default();
            reader.next_block(&mut block)?;
            let end = block.is_empty();
            if blocks.send(block).is_err() {
                // Nobody listens any more; why is the listener's to say.
                return Ok(());
            }
            if end {
                break;
            }
        }
    }
    Ok(())
}

fn hash(
    images: &[Image],
    blocks: Receiver<Vec<u8>>,
    used: Sender<Vec<u8>>,
    meter: &Meter<'_>,
) -> Result<(), Error> {
    for image in images {
        let mut sha256 = Sha256::new();
        loop {
            // Without a sender the decoder has failed, and reports so itself.
            let Ok(block) = blocks.recv() else { return Ok(()) };
            if block.is_empty() {
                break;
            }
            sha256.update(&block);
            meter.advance(block.len())?;
            let _ = used.send(block);
        }
        let found: [u8; 32] = sha256.finalize().into();
        if found != image.sha256 {
            return Err(Malformed::ImageHash { filename: image.filename.clone() }.into());
        }
    }
    Ok(())
}
