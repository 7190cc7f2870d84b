//! What is done with the manifest of a snapshot, whatever it is. The target is shared with the fuzzer (`make fuzz`); here it gets
//! the corpus.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod manifest;
#[path = "../../../../fuzz/replay.rs"]
mod replay;

use std::path::{Path, PathBuf};

use manifest::{HOSTILE, SEAL_BYTES, store_with};
use snapstore::Entry;

/// Names of the seeds.
const SEEDS: [&str; 4] = ["whole", "cut", "far", "empty"];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora/manifest")
}

#[test]
fn no_manifest_harms_another_snapshot() {
    replay::replay(&corpus(), SEEDS.len(), manifest::manifest);
}

#[test]
fn the_whole_seed_is_whole() {
    let (_home, store) = store_with(&std::fs::read(corpus().join("whole")).unwrap());
    let entries = store.list().unwrap();
    assert!(entries.iter().all(|entry| matches!(entry, Entry::Whole(_))), "{entries:?}");
}

#[test]
#[ignore = "writes the seeds of the corpus anew"]
fn write_seeds() {
    let file = &manifest::WRITTEN.iter().find(|(name, _)| name == &format!("{HOSTILE}.snap")).unwrap().1;
    let body = &file[..file.len() - SEAL_BYTES];
    let mut far = body.to_vec();
    // The offset of the last chunk, before its length and the root.
    let offset = far.len() - 32 - 4 - 8;
    far[offset..offset + 8].fill(0xfe);
    let seeds = [body.to_vec(), body[..body.len() / 2].to_vec(), far, Vec::new()];
    std::fs::create_dir_all(corpus()).unwrap();
    SEEDS.iter().zip(seeds).for_each(|(name, bytes)| std::fs::write(corpus().join(name), bytes).unwrap());
}
