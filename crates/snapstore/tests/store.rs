//! What goes into a store comes out of it, whatever was done to it meanwhile.

use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use snapstore::{CHUNK, Error, Image, Limits, NewSnapshot, Progress, Store};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

const ROOMY: Limits = Limits { count: usize::MAX, bytes: u64::MAX, keep_free: 0 };

#[derive(Default)]
struct Count {
    done: AtomicU64,
    /// Bytes after which the pass is cancelled; 0: never.
    stop_at: u64,
}

impl Progress for Count {
    fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.stop_at > 0 && self.done.load(Ordering::Relaxed) >= self.stop_at
    }
}

fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

fn new(directory: &Path, id: &str, images: &[(&str, &[u8])]) -> NewSnapshot {
    let images = images.iter().map(|(name, bytes)| {
        let path = directory.join(format!("{id}-{name}.img"));
        fs::write(&path, bytes).unwrap();
        Image { name: (*name).into(), path, length: bytes.len() as u64 }
    });
    NewSnapshot { id: id.into(), metadata: json!({ "version": id }), images: images.collect() }
}

fn read(store: &Store, id: &str, image: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    store.read_image(id, image, &Count::default(), |part| {
        bytes.extend_from_slice(part);
        Ok::<_, Error>(())
    })?;
    Ok(bytes)
}

fn files(store: &Path) -> Vec<String> {
    let names = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "lock").collect();
    names.sort();
    names
}

#[test]
fn images_of_every_shape_come_back_bit_for_bit() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path().join("store"), ROOMY).unwrap();
    let mut mixed = random(1, 5 * CHUNK);
    mixed[CHUNK..2 * CHUNK].fill(0);
    mixed[3 * CHUNK..].fill(b'a');
    let large = random(2, 9 * 1024 * 1024 + 17);
    let zeros = vec![0; 3 * CHUNK + 1];
    let images: [(&str, &[u8]); 5] =
        [("rootfs", &large), ("mixed", &mixed), ("zeros", &zeros), ("empty", &[]), ("one", &[7])];
    let progress = Count::default();
    store.create(&new(directory.path(), "snap-001", &images), &progress).unwrap();
    let all: u64 = images.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    assert_eq!(progress.done.load(Ordering::Relaxed), all);
    for (name, bytes) in images {
        assert_eq!(read(&store, "snap-001", name).unwrap(), bytes, "{name}");
    }
    store.verify("snap-001", &Count::default()).unwrap();
    let summary = store.list().unwrap().remove(0);
    assert_eq!((summary.logical_bytes, summary.metadata), (all, json!({ "version": "snap-001" })));
    assert!(matches!(read(&store, "snap-001", "none"), Err(Error::Damaged { .. })));
    assert!(matches!(read(&store, "snap-002", "rootfs"), Err(Error::Unknown(_))));
}

#[test]
fn what_is_there_already_is_not_stored_again() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path().join("store"), ROOMY).unwrap();
    let mut image = random(3, 64 * CHUNK);
    let first = store.create(&new(directory.path(), "a", &[("rootfs", &image)]), &Count::default()).unwrap();
    assert!(first > 64 * CHUNK as u64);
    let same = store.create(&new(directory.path(), "b", &[("rootfs", &image)]), &Count::default()).unwrap();
    assert!(same < 8192, "{same}");
    image[5 * CHUNK + 3] ^= 1;
    let changed =
        store.create(&new(directory.path(), "c", &[("rootfs", &image)]), &Count::default()).unwrap();
    assert!((CHUNK as u64..CHUNK as u64 + 8192).contains(&changed), "{changed}");
    // The chunks outlive the snapshot that brought them.
    store.remove("a").unwrap();
    assert_eq!(read(&store, "c", "rootfs").unwrap(), image);
    store.remove("b").unwrap();
    store.remove("c").unwrap();
    assert!(files(&directory.path().join("store")).is_empty());
}

#[test]
fn a_bit_that_flips_anywhere_is_found() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let image = [random(4, 8 * CHUNK), vec![b'x'; 8 * CHUNK]].concat();
    let store = Store::open(&path, ROOMY).unwrap();
    store.create(&new(directory.path(), "snap-001", &[("rootfs", &image)]), &Count::default()).unwrap();
    for name in ["snap-001.pack", "snap-001.snap"] {
        let whole = fs::read(path.join(name)).unwrap();
        for place in (0..whole.len()).step_by(whole.len() / 61) {
            let mut wrong = whole.clone();
            wrong[place] ^= 1 << (place % 8);
            fs::write(path.join(name), &wrong).unwrap();
            let found = store.verify("snap-001", &Count::default());
            assert!(matches!(found, Err(Error::Damaged { .. })), "{name} at {place}: {found:?}");
        }
        fs::write(path.join(name), &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(store.verify("snap-001", &Count::default()), Err(Error::Damaged { .. })));
        fs::write(path.join(name), &whole).unwrap();
        store.verify("snap-001", &Count::default()).unwrap();
    }
}

#[test]
fn a_damaged_snapshot_is_listed_as_that_and_harms_no_other() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let store = Store::open(&path, ROOMY).unwrap();
    let image = random(5, 4 * CHUNK);
    for id in ["a", "b"] {
        store.create(&new(directory.path(), id, &[("rootfs", &image)]), &Count::default()).unwrap();
    }
    fs::write(path.join("a.snap"), "nonsense").unwrap();
    drop(store);
    // The pack of `a` is needed by `b`, and is not swept either way.
    let store = Store::open(&path, ROOMY).unwrap();
    let list = store.list().unwrap();
    let shown: Vec<_> = list.iter().map(|s| (s.id.as_str(), s.damaged.is_some())).collect();
    assert_eq!(shown, [("a", true), ("b", false)]);
    assert_eq!(read(&store, "b", "rootfs").unwrap(), image);
    store.remove("a").unwrap();
    assert_eq!(read(&store, "b", "rootfs").unwrap(), image);
}

#[test]
fn nothing_is_left_of_what_was_cancelled_or_cannot_be() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let store = Store::open(&path, ROOMY).unwrap();
    let image = random(6, 512 * CHUNK);
    let order = new(directory.path(), "snap-001", &[("rootfs", &image)]);
    for stop_at in [1, 4 << 20, 16 << 20] {
        let progress = Count { stop_at, ..Count::default() };
        assert!(matches!(store.create(&order, &progress), Err(Error::Cancelled)), "{stop_at}");
        assert!(files(&path).is_empty());
    }
    let mut longer = order.clone();
    longer.images[0].length += 1;
    assert!(matches!(store.create(&longer, &Count::default()), Err(Error::Io { .. })));
    for id in ["", "../x", "A", "a b", &"a".repeat(65)] {
        let order = NewSnapshot { id: id.into(), ..order.clone() };
        assert!(matches!(store.create(&order, &Count::default()), Err(Error::Id(_))), "{id}");
    }
    assert!(files(&path).is_empty());
    store.create(&order, &Count::default()).unwrap();
    assert!(matches!(store.create(&order, &Count::default()), Err(Error::Exists(_))));
    let greedy = store.read_image("snap-001", "rootfs", &Count::default(), |_| Err(Error::Cancelled));
    assert!(matches!(greedy, Err(Error::Cancelled)), "whoever takes no more is not waited for");
}

#[test]
fn room_that_is_to_stay_free_stays_free() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let store = Store::open(&path, Limits { keep_free: u64::MAX / 2, ..ROOMY }).unwrap();
    let order = new(directory.path(), "snap-001", &[("rootfs", &random(7, CHUNK))]);
    assert!(matches!(store.create(&order, &Count::default()), Err(Error::NoSpace)));
    assert!(files(&path).is_empty());
}

#[test]
fn the_oldest_go_first_but_not_what_is_protected() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path().join("store"), Limits { count: 2, ..ROOMY }).unwrap();
    for (seed, id) in (10..).zip(["e", "d", "c", "b", "a"]) {
        let image = random(seed, 2 * CHUNK);
        store.create(&new(directory.path(), id, &[("rootfs", &image)]), &Count::default()).unwrap();
    }
    assert_eq!(store.retain(&["e".into()]).unwrap(), ["d", "c", "b"]);
    let left: Vec<_> = store.list().unwrap().into_iter().map(|snapshot| snapshot.id).collect();
    assert_eq!(left, ["e", "a"]);
}

#[test]
fn one_process_has_a_store_and_left_overs_go() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let store = Store::open(&path, ROOMY).unwrap();
    assert!(matches!(Store::open(&path, ROOMY), Err(Error::InUse)));
    let image = random(8, CHUNK);
    store.create(&new(directory.path(), "a", &[("rootfs", &image)]), &Count::default()).unwrap();
    drop(store);
    fs::write(path.join("b.pack"), "half a pack").unwrap();
    fs::write(path.join("b.new"), "half a manifest").unwrap();
    let store = Store::open(&path, ROOMY).unwrap();
    assert_eq!(files(&path), ["a.pack", "a.snap"]);
    assert_eq!(read(&store, "a", "rootfs").unwrap(), image);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_added_and_removed_the_rest_can_be_read(
        steps in prop::collection::vec((0u8..4, 0u8..6, 0usize..40), 1..24),
    ) {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("store");
        let mut store = Store::open(&path, Limits { count: 4, ..ROOMY }).unwrap();
        let mut model = BTreeMap::<String, Vec<u8>>::new();
        let mut image = random(9, 40 * CHUNK);
        for (step, which, place) in steps {
            let id = format!("s{which}");
            match step {
                0 | 1 => {
                    image[place * CHUNK] = image[place * CHUNK].wrapping_add(1 + which);
                    let made = store.create(&new(directory.path(), &id, &[("rootfs", &image)]), &Count::default());
                    prop_assert_eq!(made.is_ok(), !model.contains_key(&id));
                    model.entry(id).or_insert_with(|| image.clone());
                }
                2 => prop_assert_eq!(store.remove(&id).is_ok(), model.remove(&id).is_some()),
                _ => {
                    for removed in store.retain(&[]).unwrap() {
                        model.remove(&removed);
                    }
                    prop_assert!(model.len() <= 4);
                    drop(store);
                    store = Store::open(&path, Limits { count: 4, ..ROOMY }).unwrap();
                }
            }
        }
        for (id, image) in &model {
            prop_assert_eq!(&read(&store, id, "rootfs").unwrap(), image);
        }
        prop_assert_eq!(store.list().unwrap().len(), model.len());
    }
}
