//! The page in `tools/dashboard`, built below `target`: its packages have hundreds of megabytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::step::run;

const SOURCE: &str = "tools/dashboard";
/// Packages may not run programs of their own when they are installed.
const INSTALL: [&str; 4] = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];

/// Builds the page and answers the folder with it.
pub(super) fn build() -> Result<PathBuf> {
    let folder = testbed::target().join("dashboard");
    copy(&testbed::repository().join(SOURCE), &folder)?;
    npm(&folder, &INSTALL)?;
    npm(&folder, &["run", "--silent", "check"])?;
    npm(&folder, &["run", "--silent", "build"])?;
    Ok(folder.join("dist"))
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    println!("npm {}", arguments.join(" "));
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(folder);
    run(command).context("the picture of the dashboard needs npm (Node.js 22 or newer)")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
