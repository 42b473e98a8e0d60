//! One `go build`, with a sign of life.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Tool;
use crate::process::tail;
use crate::wait;

/// A build that takes longer gets a line.
const QUIET: Duration = Duration::from_secs(2);
/// How often a long build shows that it is alive.
const BEAT: Duration = Duration::from_secs(20);
/// The slowest cold build takes a few minutes on two cores.
const LIMIT: Duration = Duration::from_mins(40);

/// Builds `tool` into the file `program`, which appears only when it is complete.
pub(super) fn build(tool: Tool, program: &Path) -> Result<()> {
    let log = program.with_extension("log");
    let unfinished = program.with_extension("unfinished");
    let mut go = start(tool, &unfinished, &log)?;
    let mut progress = Progress { tool, start: Instant::now(), next: QUIET };
    let status = wait::until_within(LIMIT, &format!("the build of {}", tool.name), || {
        progress.show();
        Ok(go.try_wait()?)
    })?;
    if !status.success() {
        bail!("go build of {} in tools/{} failed:\n{}", tool.name, tool.module, tail(&log, 20));
    }
    progress.finish();
    std::fs::rename(&unfinished, program).with_context(|| format!("cannot write {}", program.display()))
}

fn start(tool: Tool, output: &Path, log: &Path) -> Result<Child> {
    let file = std::fs::File::create(log)?;
    let mut go = Command::new("go");
    go.current_dir(tool.source()).args(["build", "-mod=readonly", "-ldflags", tool.link]);
    if !tool.tags.is_empty() {
        go.args(["-tags", tool.tags]);
    }
    if let Some(overlay) = tool.overlay {
        go.arg("-overlay").arg(overlay.write(output)?);
    }
    if let Some(lacking) = tool.lacking {
        go.arg("-modfile").arg(lacking.write(&tool.source(), output)?);
    }
    go.arg("-o").arg(output).arg(tool.package);
    go.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    match go.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("go is missing: install Go 1.26 or newer"),
        started => started.context("cannot start go"),
    }
}

struct Progress {
    tool: Tool,
    start: Instant,
    next: Duration,
}

impl Progress {
    fn show(&mut self) {
        let elapsed = self.start.elapsed();
        if elapsed >= self.next {
            eprintln!("building {} from tools/{}: {} s", self.tool.name, self.tool.module, elapsed.as_secs());
            self.next = elapsed + BEAT;
        }
    }

    fn finish(&self) {
        let elapsed = self.start.elapsed();
        if elapsed >= QUIET {
            eprintln!("built {} in {} s", self.tool.name, elapsed.as_secs());
        }
    }
}
