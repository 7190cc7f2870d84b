//! Flipped bits, cut and missing files: found, named, and nothing wrong is delivered.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};

use common::{Bench, Random, read};
use snapstore::{Damage, Entry, Error, Options, Store};

const CHUNK: usize = 64 << 10;

/// Two snapshots that share nothing; `bad` has a raw, a compressed, a zero, a raw and a cut chunk.
fn stored() -> (Bench, Store, Vec<u8>) {
    let bench = Bench::new();
    let store = bench.store();
    let mut random = Random(11);
    let mut bytes = random.bytes(CHUNK);
    let words: Vec<Vec<u8>> = (0..50).map(|_| random.bytes(9)).collect();
    while bytes.len() < 2 * CHUNK {
        bytes.extend_from_slice(&words[random.below(50) as usize]);
    }
    bytes.truncate(2 * CHUNK);
    bytes.resize(3 * CHUNK, 0);
    bytes.extend_from_slice(&random.bytes(CHUNK + 777));
    store.create(&bench.request("bad", &[("a", &bytes)]), &()).unwrap();
    store.create(&bench.request("good", &[("a", &random.bytes(CHUNK))]), &()).unwrap();
    (bench, store, bytes)
}

fn manifest(bench: &Bench) -> PathBuf {
    bench.directory().join("bad.snap")
}

fn pack(bench: &Bench) -> PathBuf {
    bench.directory().join("0000000000000000.pack")
}

/// Lets `check` see the file with `change`, then puts it back.
fn with(path: &Path, change: impl FnOnce(&mut Vec<u8>), check: impl FnOnce()) {
    let whole = std::fs::read(path).unwrap();
    let mut changed = whole.clone();
    change(&mut changed);
    std::fs::write(path, &changed).unwrap();
    check();
    std::fs::write(path, whole).unwrap();
}

fn manifest_is_damaged(store: &Store) {
    let damaged = |error: &Error| matches!(error, Error::Damaged { snapshot, damage: Damage::Manifest(_) } if snapshot == "bad");
    assert!(damaged(&store.verify("bad", &()).unwrap_err()));
    assert!(damaged(&read(store, "bad", "a").unwrap_err()));
    let list = store.list().unwrap();
    assert!(matches!(&list[0], Entry::Whole(summary) if summary.id == "good"));
    assert!(matches!(&list[1], Entry::Damaged { id, error } if id == "bad" && damaged(error)));
    store.verify("good", &()).unwrap();
}

#[test]
fn any_bit_of_a_manifest_counts() {
    let (bench, store, _) = stored();
    let length = std::fs::metadata(manifest(&bench)).unwrap().len() as usize;
    for at in 0..length {
        with(&manifest(&bench), |bytes| bytes[at] ^= 1 << (at % 8), || manifest_is_damaged(&store));
        with(&manifest(&bench), |bytes| bytes.truncate(at), || manifest_is_damaged(&store));
    }
    with(&manifest(&bench), |bytes| bytes.push(0), || manifest_is_damaged(&store));
    let other = std::fs::read(bench.directory().join("good.snap")).unwrap();
    with(&manifest(&bench), |bytes| *bytes = other, || manifest_is_damaged(&store));
    store.verify("bad", &()).unwrap();
}

#[test]
fn packs_stay_while_a_manifest_is_damaged() {
    let (bench, store, bytes) = stored();
    with(
        &manifest(&bench),
        |bytes| bytes[9] ^= 1,
        || {
            store.sweep().unwrap();
            store.remove("good").unwrap();
            store.create(&bench.request("new", &[("a", &bytes)]), &()).unwrap();
            store.verify("new", &()).unwrap();
        },
    );
    assert!(read(&store, "bad", "a").unwrap() == bytes, "it was only the manifest");
    std::fs::write(manifest(&bench), b"nothing").unwrap();
    store.remove("bad").unwrap();
    store.remove("new").unwrap();
    assert!(bench.names().is_empty(), "a damaged one can be removed, and then the rest is swept");
}

/// What comes out is the image up to the chunk that the error names, and no more.
fn chunk_is_damaged(store: &Store, bytes: &[u8]) -> bool {
    let mut heard = Vec::new();
    let result = store.read_image("bad", "a", &|| false, |piece| {
        heard.extend_from_slice(piece);
        Ok::<_, Error>(())
    });
    let verified = store.verify("bad", &());
    match (result, verified) {
        (Err(Error::Damaged { snapshot, damage }), Err(Error::Damaged { damage: again, .. })) => {
            assert_eq!((snapshot.as_str(), &damage), ("bad", &again));
            let Damage::Chunk { image, offset } = damage else { panic!("{damage}") };
            assert_eq!((image.as_str(), offset as usize), ("a", heard.len()));
            assert!(heard == bytes[..heard.len()]);
            true
        }
        (Ok(()), Ok(())) => {
            assert!(heard == bytes, "harmless");
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bit_of_a_pack_is_found_or_harmless() {
    let (bench, store, bytes) = stored();
    let length = std::fs::metadata(pack(&bench)).unwrap().len();
    let mut random = Random(5);
    let (mut found, tries) = (0, 400);
    for _ in 0..tries {
        let at = random.below(8 * length);
        let flip = |bytes: &mut Vec<u8>| bytes[at as usize / 8] ^= 1 << (at % 8);
        with(&pack(&bench), flip, || found += usize::from(chunk_is_damaged(&store, &bytes)));
    }
    // The header of a zstd frame has bits that change nothing of what comes out.
    assert!(found > tries - 4, "{found} of {tries}");
    for at in (0..length).step_by(CHUNK / 3).chain([length - 1]) {
        let cut = |bytes: &mut Vec<u8>| bytes.truncate(at as usize);
        with(&pack(&bench), cut, || assert!(chunk_is_damaged(&store, &bytes)));
    }
    store.verify("good", &()).unwrap();
}

#[test]
fn what_a_damaged_pack_lacks_is_stored_anew() {
    let (bench, store, bytes) = stored();
    std::fs::remove_file(pack(&bench)).unwrap();
    assert!(chunk_is_damaged(&store, &bytes));
    store.create(&bench.request("again", &[("a", &bytes)]), &()).unwrap();
    assert!(read(&store, "again", "a").unwrap() == bytes);
    drop(store);
    let store = Store::open(bench.directory(), Options::default()).unwrap();
    store.remove("bad").unwrap();
    store.verify("again", &()).unwrap();
}
