//! The `bonafide` binary: parse, run, exit code.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // One crypto library for everything; a second call could only find the same one installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    bonafide::cli::run(bonafide::cli::Arguments::parse())
}
