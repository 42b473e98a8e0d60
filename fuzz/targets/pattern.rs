//! Hands the bytes of libFuzzer to [`bonafide_fuzz::pattern`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bonafide_fuzz::pattern::run(bytes));
