#![no_main]

#[path = "../../server/tests/fuzz/form.rs"]
mod form;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| form::form(bytes));
