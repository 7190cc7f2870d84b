//! What is done with the bytes of a boot environment, whatever they are. The target is shared with the fuzzer (`make fuzz`); here
//! it gets the corpus.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod environment;
#[path = "../../../../fuzz/replay.rs"]
mod replay;

use std::path::{Path, PathBuf};

use environment::{BOOLEAN, MEND_BOTH, REDUNDANT};
use uboot_env::Environment;

/// What the seeds are made of.
const SEEDS: [(&str, u8, &[&str]); 7] = [
    ("single", MEND_BOTH, &["BOOT_ORDER=A B\0BOOT_A_LEFT=3\0BOOT_B_LEFT=0\0\0"]),
    ("counter", REDUNDANT | MEND_BOTH, &["\x01BOOT_ORDER=A B\0\0", "\x02BOOT_ORDER=B A\0\0"]),
    ("wrapped", REDUNDANT | MEND_BOTH, &["\u{7f}a=1\0a=2\0\0", "\0a=\0=x\0noequals\0\0"]),
    ("boolean", REDUNDANT | BOOLEAN | MEND_BOTH, &["\x01BOOT_ORDER=A B\0\0", "\0BOOT_ORDER=B A\0\0"]),
    ("torn", REDUNDANT, &["\x01BOOT_ORDER=A B\0\0", "\x02BOOT_ORDER=B A\0\0"]),
    ("full", MEND_BOTH, &["bootcmd=run load; run start\0script=a\\=b;c=d"]),
    ("empty", MEND_BOTH, &["\0"]),
];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora/environment")
}

#[test]
fn every_environment_is_read_and_changed_or_refused() {
    replay::replay(&corpus(), SEEDS.len(), environment::environment);
}

#[test]
fn what_is_written_is_what_a_seed_says() {
    let bytes = std::fs::read(corpus().join("single")).unwrap();
    // Behind what the target is told, and the checksum that it makes.
    let environment = Environment::parse(&bytes[1 + 4..]);
    assert_eq!(environment.get("BOOT_ORDER"), Some("A B"));
}

#[test]
#[ignore = "writes the seeds of the corpus anew"]
fn write_seeds() {
    std::fs::create_dir_all(corpus()).unwrap();
    for (name, how, copies) in SEEDS {
        let mut bytes = vec![how];
        for copy in copies {
            bytes.extend([0; 4]);
            bytes.extend(copy.as_bytes());
            // Copies have one length.
            bytes.resize(1 + (bytes.len() - 1).next_multiple_of(64), 0xff);
        }
        std::fs::write(corpus().join(name), bytes).unwrap();
    }
}
