//! The real kubectl against one API server, so that tests see what users see.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tools;

/// What the API server answered instead of doing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What kubectl printed on standard error: the answer with its line breaks.
    pub message: String,
}

/// A kubectl that is somebody: program and kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Kubectl {
    /// `cache` keeps what this API server offers, away from what an earlier one on the same port did.
    pub fn new(kubeconfig: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self { program: tools::KUBECTL.path()?, kubeconfig: kubeconfig.into(), cache: cache.into() })
    }

    /// Who it is.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Where the program is: a fresh machine has none in its path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The same client as somebody else.
    #[must_use]
    pub fn with_kubeconfig(&self, kubeconfig: impl Into<PathBuf>) -> Self {
        Self { kubeconfig: kubeconfig.into(), ..self.clone() }
    }

    /// Runs it with `input` on its standard input, whatever comes of it.
    pub fn output(&self, arguments: &[&str], input: &str) -> Result<Output> {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", &self.cache).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A kubectl that fails early does not read all; its own message says more than a broken pipe.
            let _ = stdin.write_all(input.as_bytes());
        }
        Ok(child.wait_with_output()?)
    }

    /// Runs it and answers its standard output; an error carries its standard error.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments, "")?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            bail!("kubectl {}: {}", arguments.join(" "), message.trim_end());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it with `input`; a non-zero exit is a [`Denied`], and the answer of a success is the warnings it printed.
    pub fn attempt(&self, arguments: &[&str], input: &str) -> Result<std::result::Result<String, Denied>> {
        let output = self.output(arguments, input)?;
        let message = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        Ok(if output.status.success() { Ok(message) } else { Err(Denied { message }) })
    }

    /// `get ... -o json`; `None` when there is no such object or the list is empty.
    pub fn get(&self, arguments: &[&str]) -> Result<Option<Value>> {
        let mut all = vec!["get", "--ignore-not-found", "-o", "json"];
        all.extend(arguments);
        let text = self.run(&all)?;
        if text.trim().is_empty() { Ok(None) } else { Ok(Some(serde_json::from_str(&text)?)) }
    }
}
