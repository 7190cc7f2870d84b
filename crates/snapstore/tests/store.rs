//! What a store promises while nothing goes wrong, and the ways in which it refuses.

mod common;

use std::cell::Cell;

use common::{Bench, Random, read, whole};
use snapstore::{Error, ImageSource, Options, Progress, Request, Retention, Store};

const CHUNK: usize = 64 << 10;
const MIB: usize = 1 << 20;

#[test]
fn images_come_back_bit_for_bit() {
    let bench = Bench::new();
    let store = bench.store();
    let mut random = Random(7);
    let noise = random.bytes(5 * MIB + 12_345);
    let text = "a line that compresses well\n".repeat(200_000).into_bytes();
    let mut mixed = vec![0; 3 * MIB + 1];
    mixed[MIB..MIB + 700].copy_from_slice(&noise[..700]);
    mixed[2 * MIB..2 * MIB + CHUNK].copy_from_slice(&text[..CHUNK]);
    let images: [(&str, &[u8]); 7] = [
        ("noise", &noise),
        ("text", &text),
        ("mixed", &mixed),
        ("zeros", &vec![0; 2 * MIB + 3]),
        ("empty", &[]),
        ("byte", &[1]),
        ("chunk", &noise[..CHUNK]),
    ];
    let mut request = bench.request("all", &images);
    request.metadata =
        [("number".to_owned(), 0.1.into()), ("name".to_owned(), "before 5.2 ü".into())].into_iter().collect();
    let made = store.create(&request, &()).unwrap();
    assert_eq!(whole(&store), std::slice::from_ref(&made));
    assert_eq!(made.metadata, request.metadata);
    assert_eq!(made.logical_bytes, images.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    drop(store);
    let store = bench.store();
    assert_eq!(whole(&store), [made], "the same after opening again");
    for (name, bytes) in images {
        assert!(read(&store, "all", name).unwrap() == bytes, "{name}");
    }
    store.verify("all", &()).unwrap();
    assert!(matches!(read(&store, "all", "other"), Err(Error::NoImage { .. })));
    assert!(matches!(read(&store, "../all", "noise"), Err(Error::NotFound(_))));
}

#[test]
fn every_length_of_chunk_is_readable_by_a_store_of_another() {
    let bench = Bench::new();
    let bytes = Random(3).bytes(2 * MIB + 17);
    for chunk_bytes in [16 << 10, 64 << 10, 1 << 20] {
        let store = Store::open(bench.directory(), Options { chunk_bytes, ..Options::default() }).unwrap();
        store.create(&bench.request(&format!("s{chunk_bytes}"), &[("a", &bytes)]), &()).unwrap();
        for summary in whole(&store) {
            assert!(read(&store, &summary.id, "a").unwrap() == bytes);
        }
    }
    let odd = Options { chunk_bytes: 65_000, ..Options::default() };
    assert!(matches!(Store::open(bench.directory(), odd), Err(Error::Invalid(_))));
}

#[test]
fn known_chunks_and_zeros_cost_nothing() {
    let bench = Bench::new();
    let store = bench.store();
    let mut bytes = Random(1).bytes(4 * MIB);
    let first = store.create(&bench.request("one", &[("a", &bytes)]), &()).unwrap();
    assert_eq!(first.own_bytes, 4 * MIB as u64, "noise is stored raw");
    let zeros = store.create(&bench.request("zeros", &[("a", &vec![0; 8 * MIB])]), &()).unwrap();
    assert_eq!(zeros.own_bytes, 0);
    bytes[MIB + 5] ^= 1;
    let second = store.create(&bench.request("two", &[("a", &bytes), ("again", &bytes)]), &()).unwrap();
    assert_eq!(second.own_bytes, CHUNK as u64, "one chunk is new, and stored once");
    assert_eq!(bench.names().iter().filter(|name| name.ends_with(".pack")).count(), 2, "no pack for zeros");
    let own: Vec<u64> = whole(&store).iter().map(|summary| summary.own_bytes).collect();
    assert_eq!(own, [CHUNK as u64, 0, CHUNK as u64]);
    store.remove("one").unwrap();
    assert!(read(&store, "two", "again").unwrap() == bytes);
    assert_eq!(whole(&store)[1].own_bytes, 4 * MIB as u64, "it is the only one that has them now");
}

#[test]
fn a_pack_that_is_mostly_dead_is_rewritten() {
    let bench = Bench::new();
    let store = bench.store();
    let bytes = Random(5).bytes(4 * MIB);
    store.create(&bench.request("old", &[("a", &bytes)]), &()).unwrap();
    let kept = store.create(&bench.request("new", &[("a", &bytes[MIB..2 * MIB])]), &()).unwrap();
    let used = store.used_bytes().unwrap();
    store.remove("old").unwrap();
    assert!(store.used_bytes().unwrap() < used / 3);
    assert!(read(&store, "new", "a").unwrap() == bytes[MIB..2 * MIB]);
    assert_eq!(whole(&store)[0].root, kept.root, "where chunks lie is not what a snapshot is");
    assert_eq!(bench.names().len(), 2);
}

#[test]
fn the_oldest_go_first_and_the_protected_stay() {
    let bench = Bench::new();
    let store = bench.store();
    for (seed, id) in ["z-first", "second", "third", "a-last"].into_iter().enumerate() {
        let bytes = Random(seed as u64 + 1).bytes(MIB);
        store.create(&bench.request(id, &[("a", &bytes)]), &()).unwrap();
    }
    let limits = |max_count, max_bytes| Retention { max_count, max_bytes };
    let done = store.retain(limits(4, u64::MAX), &[]).unwrap();
    assert!(done.removed.is_empty() && done.within);
    let done = store.retain(limits(3, u64::MAX), &["z-first"]).unwrap();
    assert_eq!((done.removed, done.within), (vec!["second".to_owned()], true));
    let done = store.retain(limits(9, 2 * MIB as u64 + 9000), &["a-last"]).unwrap();
    assert_eq!((done.removed, done.within), (vec!["z-first".to_owned()], true));
    let done = store.retain(limits(0, 0), &["a-last"]).unwrap();
    assert_eq!((done.removed, done.within), (vec!["third".to_owned()], false));
    store.verify("a-last", &()).unwrap();
}

#[test]
fn none_is_removed_for_its_bytes_where_that_cannot_help() {
    let bench = Bench::new();
    let store = bench.store();
    for (id, length) in [("old", MIB), ("less-old", MIB), ("large", 4 * MIB)] {
        let bytes = Random(length as u64 + id.len() as u64).bytes(length);
        store.create(&bench.request(id, &[("a", &bytes)]), &()).unwrap();
    }
    let limits = |max_count, max_bytes| Retention { max_count, max_bytes };
    let done = store.retain(limits(9, 3 * MIB as u64), &["large"]).unwrap();
    assert_eq!((done.removed, done.within), (vec![], false), "the protected one alone is too much");
    std::fs::write(bench.directory().join("broken.snap"), b"nothing").unwrap();
    assert_eq!(store.list().unwrap().len(), 4);
    let done = store.retain(limits(9, 5 * MIB as u64), &["large"]).unwrap();
    assert_eq!((done.removed, done.within), (vec![], false), "no pack goes while one is damaged");
    let done = store.retain(limits(3, u64::MAX), &["large"]).unwrap();
    assert_eq!((done.removed, done.within), (vec![], true), "a damaged one does not use up the count");
    let done = store.retain(limits(2, u64::MAX), &["large"]).unwrap();
    assert_eq!((done.removed, done.within), (vec!["old".to_owned()], true));
    store.remove("broken").unwrap();
    let done = store.retain(limits(9, 4 * MIB as u64 + 9000), &["large"]).unwrap();
    assert_eq!((done.removed, done.within), (vec!["less-old".to_owned()], true));
}

#[test]
fn a_pack_that_would_stay_counts_as_it_is() {
    let bench = Bench::new();
    let store = bench.store();
    let bytes = Random(77).bytes(4 * MIB);
    store.create(&bench.request("old", &[("a", &bytes)]), &()).unwrap();
    // More than half of the pack of the old one: it would not be rewritten.
    store.create(&bench.request("new", &[("a", &bytes[..5 * MIB / 2])]), &()).unwrap();
    let limits = Retention { max_count: 9, max_bytes: 3 * MIB as u64 };
    let done = store.retain(limits, &["new"]).unwrap();
    assert_eq!((done.removed, done.within), (vec![], false));
}

#[test]
fn requests_out_of_bounds_are_refused() {
    let bench = Bench::new();
    let store = bench.store();
    let good = bench.request("good", &[("a", b"bytes")]);
    store.create(&good, &()).unwrap();
    assert!(matches!(store.create(&good, &()), Err(Error::Exists(_))));
    let before = bench.names();
    let refused = |change: &dyn Fn(&mut Request)| {
        let mut request = good.clone();
        request.id = "other".to_owned();
        change(&mut request);
        store.create(&request, &()).unwrap_err()
    };
    for id in ["", "Upper", "a/b", "..", "ü", &"x".repeat(65)] {
        assert!(matches!(refused(&|request| request.id = id.to_owned()), Error::Invalid(_)), "{id:?}");
    }
    let invalid: [&dyn Fn(&mut Request); 5] = [
        &|request| request.images[0].length = u64::MAX,
        &|request| request.images.push(request.images[0].clone()),
        &|request| request.images[0].name.clear(),
        &|request| drop(request.metadata.insert("long".to_owned(), "x".repeat(MIB).into())),
        &|request| {
            let image = |name: usize| ImageSource { name: name.to_string(), ..request.images[0].clone() };
            request.images = (0..65).map(image).collect();
        },
    ];
    for change in invalid {
        assert!(matches!(refused(change), Error::Invalid(_)));
    }
    assert!(
        matches!(refused(&|request| request.images[0].length = 6), Error::Source { .. }),
        "shorter than said"
    );
    assert!(matches!(refused(&|request| request.images[0].path = "/nowhere".into()), Error::Source { .. }));
    assert!(matches!(refused(&|request| request.keep_free = u64::MAX), Error::NoSpace));
    assert!(matches!(store.remove("other"), Err(Error::NotFound(_))));
    assert!(matches!(store.verify("other", &()), Err(Error::NotFound(_))));
    assert!(matches!(Store::open(bench.directory(), Options::default()), Err(Error::InUse)));
    assert_eq!(bench.names(), before);
}

/// Cancels as soon as so many bytes are through, and knows how many were reported.
struct CancelAt(u64, Cell<u64>);

impl Progress for CancelAt {
    fn report(&self, done: u64, _total: u64) {
        self.1.set(done);
    }

    fn cancelled(&self) -> bool {
        self.1.get() >= self.0
    }
}

#[test]
fn what_is_cancelled_leaves_nothing() {
    let bench = Bench::new();
    let store = bench.store();
    let bytes = Random(9).bytes(24 * MIB);
    store.create(&bench.request("before", &[("a", &bytes[..MIB])]), &()).unwrap();
    let before = bench.names();
    let request = bench.request("cancelled", &[("a", &bytes)]);
    for at in [0, 1, 7, 16, 24] {
        let progress = CancelAt(at * MIB as u64, Cell::new(0));
        assert!(matches!(store.create(&request, &progress), Err(Error::Cancelled)), "at {at}");
        assert!(progress.1.get() <= (at + 2) * MIB as u64, "it stops soon");
        assert_eq!(bench.names(), before);
    }
    store.create(&request, &()).unwrap();
    let progress = CancelAt(5 * MIB as u64, Cell::new(0));
    assert!(matches!(store.verify("cancelled", &progress), Err(Error::Cancelled)));
    let mut heard = 0;
    let stop = store.read_image("cancelled", "a", &|| false, |bytes| {
        heard += bytes.len();
        if heard > 3 * MIB { Err(std::io::Error::other("full")) } else { Ok(()) }
    });
    assert_eq!(stop.unwrap_err().to_string(), "full", "the sink's own failure comes back");
}

#[test]
fn a_snapshot_that_is_read_may_be_removed() {
    let bench = Bench::new();
    let store = bench.store();
    let bytes = Random(2).bytes(20 * MIB);
    store.create(&bench.request("read", &[("a", &bytes)]), &()).unwrap();
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        store.read_image("read", "a", &|| false, |piece| {
            if all.is_empty() {
                scope.spawn(|| store.remove("read").unwrap()).join().unwrap();
            }
            all.extend_from_slice(piece);
            Ok::<_, Error>(())
        })
    })
    .unwrap();
    assert!(all == bytes);
    assert!(bench.names().is_empty());
}

#[test]
fn leftovers_are_swept_and_strangers_stay() {
    let bench = Bench::new();
    let store = bench.store();
    store.create(&bench.request("kept", &[("a", b"bytes")]), &()).unwrap();
    let kept = bench.names();
    let litter = |names: &[&str]| {
        names.iter().for_each(|name| std::fs::write(bench.directory().join(name), b"left").unwrap());
    };
    litter(&["0000000000000009.pack", "ffffffffffffffff.pack", "half.tmp"]);
    store.sweep().unwrap();
    assert_eq!(bench.names(), kept);
    litter(&["0000000000000009.pack", "half.tmp", "README"]);
    drop(store);
    let store = bench.store();
    assert_eq!(bench.names().len(), kept.len() + 1, "only the README of somebody else is left");
    store.verify("kept", &()).unwrap();
}

#[test]
fn writers_wait_and_readers_read_meanwhile() {
    let bench = Bench::new();
    let store = Store::open(bench.directory().join("not/there/yet"), Options::default()).unwrap();
    let bytes = Random(4).bytes(6 * MIB);
    store.create(&bench.request("shared", &[("a", &bytes)]), &()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (store, bench, bytes) = (&store, &bench, &bytes);
            scope.spawn(move || {
                for round in 0..12 {
                    let id = format!("w{writer}-{round}");
                    // Parts of what is shared, so that removals move chunks which others read.
                    let own = Random(writer * 100 + round + 1).bytes(MIB);
                    let part = &bytes[..(round as usize % 6 + 1) * CHUNK];
                    store.create(&bench.request(&id, &[("part", part), ("own", &own)]), &()).unwrap();
                    assert!(read(store, &id, "own").unwrap() == own);
                    if round == 5 && writer == 0 {
                        store.remove("shared").unwrap();
                    }
                    if round % 3 != 0 {
                        store.remove(&id).unwrap();
                    }
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..40 {
                for summary in whole(&store) {
                    match store.verify(&summary.id, &()) {
                        Ok(()) | Err(Error::NotFound(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        });
    });
    assert_eq!(whole(&store).len(), 8);
    for summary in whole(&store) {
        store.verify(&summary.id, &()).unwrap();
    }
}
