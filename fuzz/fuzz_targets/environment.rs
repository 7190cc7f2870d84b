#![no_main]

#[allow(dead_code)]
#[path = "../../crates/uboot-env/tests/fuzz/environment.rs"]
mod environment;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| environment::environment(bytes));
