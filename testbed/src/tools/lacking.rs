//! A module whose archive lacks a file that it cannot be compiled without: one that its project makes before a release.
//!
//! Go takes no overlay below its module cache, so the module is copied, and a `go.mod` beside the committed one uses the copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The module, and the file by its path in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lacking {
    module: &'static str,
    file: &'static str,
}

/// Alertmanager embeds its compiled web pages. Nobody looks at them here.
pub(super) const WEB_PAGES: Lacking = Lacking { module: "github.com/prometheus/alertmanager", file: "ui/app/dist/index.html" };

impl Lacking {
    /// Writes the whole module beside the program, and answers the `go.mod` to build with.
    pub(super) fn write(self, source: &Path, program: &Path) -> Result<PathBuf> {
        let copy = program.with_extension("module");
        if copy.exists() {
            fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
        }
        copy_all(&self.downloaded(source)?, &copy)?;
        let file = copy.join(self.file);
        fs::create_dir_all(file.parent().unwrap_or(&copy))?;
        fs::write(&file, "")?;
        let uses = program.with_extension("mod");
        let pins = fs::read_to_string(source.join("go.mod"))?;
        fs::write(&uses, format!("{pins}\nreplace {} => {:?}\n", self.module, copy.display().to_string()))?;
        fs::copy(source.join("go.sum"), program.with_extension("sum"))?;
        Ok(uses)
    }

    /// Where Go keeps the pinned version, checked against `go.sum`.
    fn downloaded(self, source: &Path) -> Result<PathBuf> {
        let output = Command::new("go").current_dir(source).args(["mod", "download", "-json", self.module]).output();
        let output = output.context("go is missing: install Go 1.26 or newer")?;
        let answer = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "go mod download {}: {answer}{}", self.module, String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_str(&answer)?;
        let directory = answer.get("Dir").and_then(Value::as_str).context("go mod download says no directory")?;
        Ok(directory.into())
    }
}

/// Directories anew, because those of the module cache cannot be written to.
fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}
