//! What is done with bytes from outside, whatever they are. The targets are shared with the fuzzer (`make fuzz`); here they get
//! the corpora: its seeds, what led it further, and everything that a target has failed on once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod bundle;
mod manifest;
#[path = "../../../../fuzz/replay.rs"]
mod replay;
mod seeds;
mod squashfs;

use std::path::{Path, PathBuf};

use replay::replay;

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora").join(name)
}

#[test]
fn every_signature_is_trusted_or_refused() {
    replay(&corpus("bundle"), seeds::BUNDLES, bundle::bundle);
}

#[test]
fn every_manifest_is_read_or_refused() {
    replay(&corpus("manifest"), seeds::MANIFESTS.len(), manifest::manifest);
}

#[test]
fn every_signed_squashfs_gives_its_images_or_is_refused() {
    replay(&corpus("squashfs"), seeds::SQUASHFS, squashfs::squashfs);
}
