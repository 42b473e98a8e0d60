//! Hands the bytes of libFuzzer to [`bonafide_fuzz::simple_signing`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bonafide_fuzz::simple_signing::run(bytes));
