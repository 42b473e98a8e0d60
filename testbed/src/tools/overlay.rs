//! One line of Go's own library as a program knew it that is older than the change.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

/// A text of a file in the standard library, and what stands there for one build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Overlay {
    package: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

/// Since Go 1.17 the name of an uploaded file is only its last part: Notary's server, which is older, would take the role
/// `targets/build` for `build` and refuse it.
pub(super) const WHOLE_FILE_NAMES: Overlay = Overlay {
    package: "mime/multipart",
    file: "multipart.go",
    from: "return filepath.Base(filename)",
    to: "return filepath.Clean(filename)",
};

impl Overlay {
    /// Writes what `go build -overlay` reads beside the program, and answers where.
    pub(super) fn write(self, program: &Path) -> Result<PathBuf> {
        let path = directory_of(self.package)?.join(self.file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(text.matches(self.from).count() == 1, "{} does not have {:?} once", path.display(), self.from);
        let changed = program.with_extension("overlay.go");
        std::fs::write(&changed, text.replace(self.from, self.to))?;
        let overlay = program.with_extension("overlay.json");
        std::fs::write(&overlay, json!({"Replace": {path.display().to_string(): changed}}).to_string())?;
        Ok(overlay)
    }
}

fn directory_of(package: &str) -> Result<PathBuf> {
    let output = Command::new("go").args(["list", "-f", "{{.Dir}}", package]).output();
    let output = output.context("go is missing: install Go 1.26 or newer")?;
    ensure!(output.status.success(), "go list {package}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}
