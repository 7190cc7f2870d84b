#![no_main]

#[allow(dead_code)]
#[path = "../../crates/raucb/tests/fuzz/manifest.rs"]
mod manifest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| manifest::manifest(bytes));
