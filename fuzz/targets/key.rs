//! Hands the bytes of libFuzzer to [`bonafide_fuzz::key`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bonafide_fuzz::key::run(bytes));
