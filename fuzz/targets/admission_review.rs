//! Hands the bytes of libFuzzer to [`bonafide_fuzz::admission_review`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bonafide_fuzz::admission_review::run(bytes));
