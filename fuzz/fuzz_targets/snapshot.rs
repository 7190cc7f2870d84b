#![no_main]

#[path = "../../crates/snapstore/tests/fuzz/manifest.rs"]
mod manifest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| manifest::manifest(bytes));
