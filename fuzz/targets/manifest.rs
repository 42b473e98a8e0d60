//! Hands the bytes of libFuzzer to [`bonafide_fuzz::manifest`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bonafide_fuzz::manifest::run(bytes));
