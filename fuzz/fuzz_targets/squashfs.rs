#![no_main]

#[allow(dead_code)]
#[path = "../../crates/raucb/tests/fuzz/bundle.rs"]
mod bundle;
#[path = "../../crates/raucb/tests/fuzz/squashfs.rs"]
mod squashfs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| squashfs::squashfs(bytes));
