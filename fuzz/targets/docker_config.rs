//! Hands the bytes of libFuzzer to [`bonafide_fuzz::docker_config`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bonafide_fuzz::docker_config::run(bytes));
