//! A process that creates and removes is killed at any moment: what was published is whole, nothing else
//! stays.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use common::{Random, names, read, request, whole};
use snapstore::{Options, Retention, Store};

const ROUNDS: u64 = 60;
const HOME: &str = "SNAPSTORE_KILL_HOME";
const SEED: &str = "SNAPSTORE_KILL_SEED";
const CHUNK: usize = 16 << 10;

fn open(home: &Path) -> Store {
    Store::open(home.join("store"), Options { chunk_bytes: CHUNK as u32, ..Options::default() }).unwrap()
}

/// The id says what the image is: mostly what all have, some zeros, and chunks of its own.
fn image(id: &str) -> Vec<u8> {
    let mut bytes = Random(1).bytes(96 * CHUNK);
    let mut own = Random(id.bytes().fold(99_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
    for _ in 0..24 {
        let at = own.below(96) as usize * CHUNK;
        let chunk = if own.below(4) == 0 { vec![0; CHUNK] } else { own.bytes(CHUNK) };
        bytes[at..at + CHUNK].copy_from_slice(&chunk);
    }
    bytes
}

/// Not a test by itself: the process that is killed.
#[test]
fn child() {
    let (Ok(home), Ok(seed)) = (std::env::var(HOME), std::env::var(SEED)) else { return };
    let mut random = Random(seed.parse().unwrap());
    let store = open(Path::new(&home));
    loop {
        let all = whole(&store);
        match random.below(8) {
            0..5 => {
                let id = format!("s{}", random.below(1 << 40));
                store.create(&request(Path::new(&home), &id, &[("a", &image(&id))]), &()).unwrap();
                std::fs::remove_file(Path::new(&home).join(format!("{id}-a.img"))).unwrap();
            }
            5..7 if all.len() > 1 => {
                let victim = 1 + random.below(all.len() as u64 - 1) as usize;
                store.remove(&all[victim].id).unwrap();
            }
            7 => drop(store.retain(Retention { max_count: 4, max_bytes: u64::MAX }, &["keep"]).unwrap()),
            _ => store.sweep().unwrap(),
        }
    }
}

/// A child that is gone with its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(home: &Path, seed: u64) -> Killed {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture"]).env(HOME, home).env(SEED, seed.to_string());
    Killed(command.stdout(Stdio::null()).spawn().unwrap())
}

#[test]
fn a_kill_leaves_whole_snapshots_and_nothing_else() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    let seed = std::env::var("SNAPSTORE_SEED").map_or(now, |text| text.parse().unwrap());
    println!("SNAPSTORE_SEED={seed}");
    let home = tempfile::tempdir().unwrap();
    let mut random = Random(seed);
    open(home.path()).create(&request(home.path(), "keep", &[("a", &image("keep"))]), &()).unwrap();
    let mut leftovers = 0;
    for round in 0..ROUNDS {
        let mut child = start(home.path(), random.next().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        std::thread::sleep(Duration::from_micros(10_000 + random.below(190_000)));
        assert!(child.0.try_wait().unwrap().is_none(), "round {round}: the child failed by itself");
        drop(child);
        let before = names(&home.path().join("store")).len();
        let store = open(home.path());
        leftovers += before - names(&home.path().join("store")).len();
        store.sweep().unwrap();
        let all = whole(&store);
        assert_eq!(all[0].id, "keep", "round {round}");
        for summary in &all {
            store.verify(&summary.id, &()).unwrap();
            assert!(
                read(&store, &summary.id, "a").unwrap() == image(&summary.id),
                "round {round}: {}",
                summary.id
            );
        }
        if round % 10 == 9 {
            all.iter().skip(1).for_each(|summary| store.remove(&summary.id).unwrap());
            assert_eq!(names(&home.path().join("store")).len(), 2, "round {round}: one manifest, one pack");
        }
    }
    println!("{leftovers} files were swept after {ROUNDS} kills");
    assert!(leftovers > 0, "no kill hit anything");
}
