//! Removing what nobody needs, and moving what is left of packs that are mostly dead.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{PoisonError, RwLock};

use crate::create::next;
use crate::error::{Error, while_};
use crate::files::Files;
use crate::manifest::Manifest;
use crate::pack::PackWriter;

/// The living chunks of a pack: stored length by offset.
type Alive = BTreeMap<u64, u32>;

/// Removes unfinished files and packs that no manifest names; with `compact`, also rewrites packs of which
/// less than half is alive. The caller holds the lock of writers; `names` is taken for writing whenever a
/// file that readers may open goes.
///
/// As long as a manifest is damaged, nobody knows which packs it needs, and all of them stay.
pub(crate) fn collect(files: &Files, names: &RwLock<()>, compact: bool) -> Result<(), Error> {
    let listing = files.listing()?;
    files.remove_unfinished(&listing)?;
    let mut manifests = Vec::new();
    for id in &listing.ids {
        match files.read(id) {
            Ok(manifest) => manifests.push(manifest),
            Err(_) => return Ok(()),
        }
    }
    let alive = alive(&manifests);
    {
        let _names = names.write().unwrap_or_else(PoisonError::into_inner);
        let mut dead = listing.packs.iter().filter(|pack| !alive.contains_key(pack));
        dead.try_for_each(|pack| files.remove_pack(*pack))?;
    }
    files.sync()?;
    let mut free = next(listing.packs.into_iter().chain(alive.keys().copied()));
    for (pack, chunks) in alive.iter().filter(|_| compact) {
        if is_rewritten(living(chunks), files.pack_length(*pack)) {
            rewrite(files, names, (*pack, free), chunks, &mut manifests)?;
            free = free.saturating_add(1);
        }
    }
    Ok(())
}

/// Bytes of the packs that would be left if there were only these snapshots.
pub(crate) fn left_with(files: &Files, manifests: &[Manifest]) -> u64 {
    alive(manifests)
        .iter()
        .map(|(pack, chunks)| {
            let (living, length) = (living(chunks), files.pack_length(*pack));
            if is_rewritten(living, length) { living } else { length }
        })
        .sum()
}

fn living(chunks: &Alive) -> u64 {
    chunks.values().map(|stored| u64::from(*stored)).sum()
}

/// Less than half of it is alive.
const fn is_rewritten(living: u64, length: u64) -> bool {
    living.saturating_mul(2) < length
}

fn alive(manifests: &[Manifest]) -> HashMap<u64, Alive> {
    let mut alive: HashMap<u64, Alive> = HashMap::new();
    for chunk in manifests.iter().flat_map(Manifest::stored_chunks) {
        alive.entry(chunk.pack).or_default().insert(chunk.offset, chunk.stored);
    }
    alive
}

/// Moves the chunks of pack `from` into a new pack `to`. Stopped anywhere, every manifest names packs that
/// are there: the new one is complete before the first manifest changes, and the old one goes after the last.
fn rewrite(
    files: &Files,
    names: &RwLock<()>,
    (from, to): (u64, u64),
    chunks: &Alive,
    manifests: &mut [Manifest],
) -> Result<(), Error> {
    let mut pack = PackWriter::new(files, to, 0);
    let moved = match copy(files, from, chunks, &mut pack) {
        Ok(Some(moved)) => moved,
        // A pack that was cut short is left as it is, for whatever can still be read of it.
        Ok(None) => {
            pack.abandon();
            return Ok(());
        }
        Err(error) => {
            pack.abandon();
            return Err(error);
        }
    };
    for manifest in manifests.iter_mut().filter(|manifest| manifest.packs().contains(&from)) {
        let chunks = manifest.images.iter_mut().flat_map(|image| &mut image.chunks);
        for chunk in chunks.filter(|chunk| chunk.stored > 0 && chunk.pack == from) {
            if let Some(offset) = moved.get(&chunk.offset) {
                (chunk.pack, chunk.offset) = (to, *offset);
            }
        }
        files.publish(manifest)?;
    }
    let _names = names.write().unwrap_or_else(PoisonError::into_inner);
    files.remove_pack(from)
}

/// Copies bytes as they are: a damaged chunk stays one that is found. Returns new offsets by old ones, or
/// `None` when the pack ends too early.
fn copy(
    files: &Files,
    from: u64,
    chunks: &Alive,
    pack: &mut PackWriter<'_>,
) -> Result<Option<HashMap<u64, u64>>, Error> {
    let old = File::open(files.pack(from)).map_err(while_("open a pack"))?;
    let length = files.pack_length(from);
    let mut bytes = Vec::new();
    let mut moved = HashMap::new();
    for (offset, stored) in chunks {
        if offset.saturating_add(u64::from(*stored)) > length {
            return Ok(None);
        }
        bytes.resize(*stored as usize, 0);
        old.read_exact_at(&mut bytes, *offset).map_err(while_("read a pack"))?;
        moved.insert(*offset, pack.append(&bytes)?);
    }
    pack.finish()?;
    Ok(Some(moved))
}
