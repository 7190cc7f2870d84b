//! Taking a snapshot: what is known, what is new, and when it begins to exist.

use std::collections::HashMap;

use crate::chunk::{Chunk, Hash};
use crate::encode;
use crate::error::Error;
use crate::files::Files;
use crate::manifest::Manifest;
use crate::pack::PackWriter;
use crate::progress::Progress;
use crate::request::Request;
use crate::summary::Summary;

/// What the store holds already.
struct Known {
    chunks: HashMap<Hash, Chunk>,
    next_pack: u64,
    next_sequence: u64,
}

impl Known {
    /// Chunks of damaged snapshots, and such that lie beyond the end of their pack, are not known: they are
    /// stored anew.
    fn read(files: &Files) -> Result<Self, Error> {
        let listing = files.listing()?;
        let lengths: HashMap<u64, u64> =
            listing.packs.iter().map(|pack| (*pack, files.pack_length(*pack))).collect();
        let mut known =
            Self { chunks: HashMap::new(), next_pack: next(listing.packs.iter().copied()), next_sequence: 0 };
        for id in &listing.ids {
            let Ok(manifest) = files.read(id) else { continue };
            known.next_sequence = known.next_sequence.max(manifest.sequence.saturating_add(1));
            known.next_pack = known.next_pack.max(next(manifest.packs().into_iter()));
            let there =
                |chunk: &&Chunk| lengths.get(&chunk.pack).is_some_and(|length| chunk.end() <= *length);
            known.chunks.extend(manifest.stored_chunks().filter(there).map(|chunk| (chunk.hash, *chunk)));
        }
        Ok(known)
    }
}

/// The number of the next pack.
pub(crate) fn next(packs: impl Iterator<Item = u64>) -> u64 {
    packs.max().map_or(0, |last| last.saturating_add(1))
}

/// Takes and publishes a snapshot. The caller holds the lock of writers and has checked the request, which
/// gave `metadata`.
pub(crate) fn create(
    files: &Files,
    request: &Request,
    metadata: Vec<u8>,
    progress: &dyn Progress,
) -> Result<Summary, Error> {
    let known = Known::read(files)?;
    let mut pack = PackWriter::new(files, known.next_pack, request.keep_free);
    let chunk_bytes = files.options().chunk_bytes;
    let mut take = || {
        pack.check_room()?;
        let images = encode::run(request, chunk_bytes, &known.chunks, &mut pack, progress)?;
        pack.finish()?;
        Ok(images)
    };
    let images = match take() {
        Ok(images) => images,
        Err(error) => {
            pack.abandon();
            return Err(error);
        }
    };
    let manifest =
        Manifest { id: request.id.clone(), sequence: known.next_sequence, chunk_bytes, metadata, images };
    if let Err(error) = files.publish(&manifest) {
        // It may have failed after the rename. The pack stays as long as the manifest might.
        if files.unpublish(&manifest.id).is_ok() {
            pack.abandon();
        }
        return Err(error);
    }
    // What nobody had before is in its pack, and what is in its pack nobody else has.
    Ok(Summary::new(&manifest, pack.length()))
}
