//! The corpora in the tests: every file of one goes through its target again.
#![allow(clippy::print_stdout, reason = "the harness shows it when a test fails")]

use std::fs;
use std::path::Path;

/// Bytes that a process may come to hold while it replays its corpora, whatever their files claim.
const MOST: u64 = 96 << 20;

/// Gives every file of the corpus in `directory`, of which there are at least `least`, to `target`.
pub fn replay(directory: &Path, least: usize, target: impl Fn(&[u8])) {
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= least, "{} is not complete", directory.display());
    files.sort();
    let before = peak();
    for file in files {
        // Shown when it fails.
        println!("{}", file.display());
        target(&fs::read(&file).unwrap());
        assert!(peak() - before < MOST, "it made the process hold {} bytes", peak());
    }
}

/// The most memory that this process has had at once, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
