//! Where things are: the repository, its target directory, and the directories that running parts write to.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The root of the checkout that this crate was compiled from.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo's target directory, as `CARGO_TARGET_DIR` says or in the checkout.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => repository().join(directory),
        None => repository().join("target"),
    }
}

/// A directory for the data and logs of running parts.
#[derive(Debug)]
pub enum Directory {
    /// Removed with the value.
    Temporary(TempDir),
    /// Outlives the value, for a cluster that is left running.
    Kept(PathBuf),
}

impl Directory {
    /// A new empty directory below the target directory, so that what a killed run leaves goes with `cargo clean`.
    pub fn temporary() -> Result<Self> {
        let parent = target().join("testbed");
        std::fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
        Ok(Self::Temporary(TempDir::new_in(parent)?))
    }

    /// The given directory, made when it is missing.
    pub fn kept(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self::Kept(path))
    }

    /// A directory inside this one, with its own owner; temporary inside temporary.
    pub fn child(&self, name: &str) -> Result<Self> {
        Self::kept(self.path().join(name))
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Kept(path) => path,
        }
    }
}
