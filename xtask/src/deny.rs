//! `cargo deny`: licences, banned crates, sources, and advisories where their database can be had.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::step::{cargo, run};

/// Pinned like everything else that decides whether a change lands.
const VERSION: &str = "0.20.2";

/// Checks `deny.toml`; installs cargo-deny below the target directory when it is not there.
pub(crate) fn check() -> Result<()> {
    let program = program()?;
    let mut command = deny(&program);
    command.args(["--log-level=error", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    run(command)?;
    if !can_fetch_advisories(&program)? {
        println!("advisories: left out, because the advisory database cannot be fetched from here");
        return Ok(());
    }
    let mut command = deny(&program);
    command.args(["--log-level=error", "check", "--disable-fetch", "advisories"]);
    run(command)
}

fn deny(program: &PathBuf) -> Command {
    let mut command = Command::new(program);
    command.current_dir(testbed::repository());
    command
}

fn can_fetch_advisories(program: &PathBuf) -> Result<bool> {
    let mut command = deny(program);
    command.args(["fetch", "db"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status().context("cannot start cargo-deny")?.success())
}

fn program() -> Result<PathBuf> {
    let root = testbed::target().join("cargo-tools");
    let program = root.join("bin").join("cargo-deny");
    let output = Command::new(&program).arg("--version").output();
    let installed = output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == format!("cargo-deny {VERSION}"));
    if !installed {
        println!("installing cargo-deny {VERSION}: takes some minutes, once");
        let root = root.display().to_string();
        cargo(&["install", "cargo-deny", "--version", VERSION, "--locked", "--force", "--root", &root])?;
    }
    Ok(program)
}
