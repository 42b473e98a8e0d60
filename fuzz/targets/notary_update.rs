//! Hands the bytes of libFuzzer to [`bonafide_fuzz::notary_update`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bonafide_fuzz::notary_update::run(bytes));
