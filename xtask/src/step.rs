//! One step of a longer run: a title, a time, and how to run it alone.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Runs `body` under a title; a failure names the command that runs it alone.
pub(crate) fn step(title: &str, alone: &str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n==> {title}");
    let start = Instant::now();
    body().with_context(|| format!("{title} failed; to run it alone: {alone}"))?;
    println!("    {title}: {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Runs cargo in the root of the repository; its output is the user's to see.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(cargo_program());
    command.args(arguments).current_dir(testbed::repository());
    run(command)
}

/// Runs a command whose output is the user's to see.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command.status().with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}

/// The cargo that runs us, which has the pinned toolchain.
pub(crate) fn cargo_program() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Builds the operator and answers where it is.
///
/// `--workspace` as in every other step: another selection has other features and would build everything again.
pub(crate) fn bonafide() -> Result<PathBuf> {
    cargo(&["build", "--quiet", "--workspace", "--bin", "bonafide"])?;
    Ok(testbed::target().join("debug").join("bonafide"))
}
