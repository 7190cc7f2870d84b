//! Any order of operations against a model: what the model has can be read bit for bit, and nothing else is
//! there.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Bench, Random, read, whole};
use proptest::prelude::*;
use snapstore::{Error, Options, Retention, Store};

const CHUNK: usize = 16 << 10;

#[derive(Debug, Clone)]
enum Operation {
    Create { id: u8, images: Vec<Vec<u8>>, tail: usize },
    Remove { id: u8 },
    Retain { count: usize, protected: u8 },
    Sweep,
    Reopen,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    // An image is a list of kinds of chunk, few enough that snapshots share them.
    let images = prop::collection::vec(prop::collection::vec(0_u8..12, 0..8), 0..3);
    let one = prop_oneof![
        6 => (0_u8..8, images, 0..CHUNK).prop_map(|(id, images, tail)| Operation::Create { id, images, tail }),
        4 => (0_u8..8).prop_map(|id| Operation::Remove { id }),
        1 => (0_usize..6, 0_u8..8).prop_map(|(count, protected)| Operation::Retain { count, protected }),
        1 => Just(Operation::Sweep),
        1 => Just(Operation::Reopen),
    ];
    prop::collection::vec(one, 1..40)
}

/// Kind 0 is zeros, odd kinds are noise, even ones compress.
fn image(kinds: &[u8], tail: usize) -> Vec<u8> {
    let chunk = |kind: u8| match kind {
        0 => vec![0; CHUNK],
        odd if odd % 2 == 1 => Random(u64::from(odd)).bytes(CHUNK),
        even => [even, 1, 2, 3].repeat(CHUNK / 4),
    };
    let mut bytes = kinds.iter().flat_map(|kind| chunk(*kind)).collect::<Vec<u8>>();
    bytes.truncate(bytes.len().saturating_sub(tail));
    bytes
}

type Model = Vec<(String, Vec<Vec<u8>>)>;

fn apply(bench: &Bench, store: &Store, model: &mut Model, operation: Operation) {
    let name = |id: u8| format!("s{id}");
    match operation {
        Operation::Create { id, images, tail } => {
            let images: Vec<Vec<u8>> = images.iter().map(|kinds| image(kinds, tail)).collect();
            let named: Vec<(String, &[u8])> = images
                .iter()
                .enumerate()
                .map(|(index, bytes)| (index.to_string(), bytes.as_slice()))
                .collect();
            let named: Vec<(&str, &[u8])> =
                named.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
            let made = store.create(&bench.request(&name(id), &named), &());
            if model.iter().any(|(there, _)| *there == name(id)) {
                assert!(matches!(made, Err(Error::Exists(_))));
            } else {
                let made = made.unwrap();
                assert_eq!(whole(store).last(), Some(&made));
                model.push((name(id), images));
            }
        }
        Operation::Remove { id } => {
            let there = model.iter().position(|(there, _)| *there == name(id));
            let removed = store.remove(&name(id));
            match there {
                Some(index) => drop((removed.unwrap(), model.remove(index))),
                None => assert!(matches!(removed, Err(Error::NotFound(_)))),
            }
        }
        Operation::Retain { count, protected } => {
            let protected = name(protected);
            let limits = Retention { max_count: count, max_bytes: u64::MAX };
            let done = store.retain(limits, &[&protected]).unwrap();
            let many = model.len().saturating_sub(count);
            let ids = model.iter().map(|(id, _)| id.clone());
            let oldest: Vec<String> = ids.filter(|id| *id != protected).take(many).collect();
            assert_eq!(done.removed, oldest);
            model.retain(|(id, _)| !oldest.contains(id));
            assert_eq!(done.within, model.len() <= count);
        }
        Operation::Sweep => store.sweep().unwrap(),
        Operation::Reopen => {}
    }
}

fn check(store: &Store, model: &Model) {
    let listed: Vec<String> = whole(store).into_iter().map(|summary| summary.id).collect();
    assert_eq!(listed, model.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
    for (id, images) in model {
        store.verify(id, &()).unwrap();
        for (index, bytes) in images.iter().enumerate() {
            assert!(read(store, id, &index.to_string()).unwrap() == *bytes, "image {index} of {id}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_what_the_model_is(operations in operations()) {
        let bench = Bench::new();
        let options = Options { chunk_bytes: CHUNK as u32, ..Options::default() };
        let open = || Store::open(bench.directory(), options).unwrap();
        let (mut store, mut model) = (open(), Model::new());
        for operation in operations {
            if matches!(operation, Operation::Reopen) {
                drop(store);
                store = open();
            }
            apply(&bench, &store, &mut model, operation);
            check(&store, &model);
        }
        // Less than half of a pack is ever dead, so files are bounded by what the snapshots would take alone.
        let stored: usize = model.iter().flat_map(|(_, images)| images).map(Vec::len).sum();
        prop_assert!(store.used_bytes().unwrap() <= 2 * stored as u64 + 4096 * model.len() as u64);
        for (id, _) in model {
            store.remove(&id).unwrap();
        }
        prop_assert!(bench.names().is_empty());
    }
}
