//! Chromium for the test of the status page, and for pictures.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const INSTALL: &str = "apt-get install -y --no-install-recommends chromium";

/// Installs a Chromium where there is none and it can be had; a line says what was done, or that the test is left out.
pub(crate) fn provide() {
    if testbed::browser::find().is_some() {
        return;
    }
    println!("there is no chromium: trying {INSTALL}");
    let installed = quietly("apt-get update").and_then(|()| quietly(INSTALL));
    match installed {
        Ok(()) if testbed::browser::find().is_some() => println!("chromium was installed"),
        _ => println!("the test of the status page is left out: there is no chromium in PATH, and it could not be installed"),
    }
}

/// As root, or not at all: nobody is asked for a password.
fn quietly(line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().context("a program")?);
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(status.with_context(|| format!("cannot start {line}"))?.success(), "{line} failed");
    Ok(())
}
