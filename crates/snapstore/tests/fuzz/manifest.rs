//! A manifest beside that of a good snapshot, sealed as whoever can write files can seal it.

#[path = "../common/mod.rs"]
mod common;

use std::fs;
use std::sync::LazyLock;

use common::{Random, read, request};
use snapstore::{Damage, Entry, Error, Options, Store};
use tempfile::TempDir;

pub const HOSTILE: &str = "hostile";
const GOOD: &str = "good";
pub const SEAL_BYTES: usize = 32;
const SEAL: &str = "snapstore 2026-11 manifest seal v1";
/// Few enough that zeros cost no time.
const OPTIONS: Options = Options { max_logical_bytes: 16 << 20, chunk_bytes: 16 << 10 };

/// Chunks as they are, one that compresses, zeros, and an odd end.
static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let noise = Random(7).bytes(20_000);
    [&noise[..], &b"again and again ".repeat(2048), &[0; 40_000], &noise[..777]].concat()
});

/// The files of a store with two snapshots, one of which is going to be replaced.
pub static WRITTEN: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("store");
    let store = Store::open(&directory, OPTIONS).unwrap();
    store.create(&request(home.path(), GOOD, &[("a", &IMAGE)]), &()).unwrap();
    store.create(&request(home.path(), HOSTILE, &[("a", &IMAGE), ("b", &IMAGE[1000..])]), &()).unwrap();
    let files = common::names(&directory).into_iter();
    files.map(|name| (name.clone(), fs::read(directory.join(name)).unwrap())).collect()
});

/// A store whose hostile snapshot has `body` as its manifest.
pub fn store_with(body: &[u8]) -> (TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    for (name, bytes) in WRITTEN.iter() {
        fs::write(home.path().join(name), bytes).unwrap();
    }
    let sealed = [body, &blake3::derive_key(SEAL, body)].concat();
    fs::write(home.path().join(format!("{HOSTILE}.snap")), sealed).unwrap();
    let store = Store::open(home.path(), OPTIONS).unwrap();
    (home, store)
}

/// Lists, reads and removes a snapshot with `body` as its manifest; the good one beside it stays what it is.
pub fn manifest(body: &[u8]) {
    let (_home, store) = store_with(body);
    for entry in store.list().unwrap() {
        match entry {
            Entry::Whole(summary) if summary.id == HOSTILE => {
                assert!(summary.logical_bytes <= OPTIONS.max_logical_bytes, "{summary:?}");
                summary.images.iter().for_each(|(name, length)| read_back(&store, name, *length));
            }
            Entry::Whole(summary) => assert_eq!(summary.id, GOOD),
            Entry::Damaged { id, error } => {
                assert_eq!(id, HOSTILE);
                assert!(matches!(error, Error::Damaged { damage: Damage::Manifest(_), .. }), "{error:?}");
            }
        }
    }
    assert!(read(&store, GOOD, "a").unwrap() == *IMAGE);
    store.remove(HOSTILE).unwrap();
    store.sweep().unwrap();
    assert!(read(&store, GOOD, "a").unwrap() == *IMAGE, "the removal of another snapshot took some of it");
}

/// What is given out was stored, or nothing more is.
fn read_back(store: &Store, name: &str, length: u64) {
    match read(store, HOSTILE, name) {
        Ok(bytes) => assert_eq!(bytes.len() as u64, length),
        Err(Error::Damaged { damage: Damage::Chunk { .. }, .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
}
