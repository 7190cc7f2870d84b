#![no_main]

#[allow(dead_code)]
#[path = "../../crates/raucb/tests/fuzz/bundle.rs"]
mod bundle;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bundle::bundle(bytes));
