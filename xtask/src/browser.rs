//! Chromium for the test of the status page, and the picture of that page.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::step::{cargo_program, run};

const PICTURE: &str = "docs/pictures/status-page.png";
/// The test draws it when it is told where to.
const VARIABLE: &str = "BONAFIDE_PICTURE";
const TEST: &str = "status_page_shows";
const MOST_BYTES: u64 = 200 * 1024;
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

/// Draws it.
pub(crate) fn picture() -> Result<()> {
    testbed::tools::all()?;
    provide();
    ensure!(testbed::browser::find().is_some(), "the picture needs chromium in PATH");
    let path = testbed::repository().join(PICTURE);
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    let mut command = Command::new(cargo_program());
    command.args(["test", "--workspace", "--test", "e2e", "--", TEST]).env(VARIABLE, PICTURE).current_dir(testbed::repository());
    run(command)?;
    let bytes = std::fs::metadata(&path).with_context(|| format!("{PICTURE} was not drawn"))?.len();
    ensure!(bytes <= MOST_BYTES, "{PICTURE} has {bytes} bytes: at most {MOST_BYTES} go into the repository");
    println!("{PICTURE}: {bytes} bytes");
    Ok(())
}
