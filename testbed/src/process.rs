//! A process that ends with the value that holds it.
//!
//! It also ends when this process is killed: a shell waits on a pipe whose other end only this process holds, and the
//! end of the pipe is the death of the reader's charge. A terminal's Ctrl-C reaches neither of them directly, because
//! each leads a process group of its own.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::wait;

/// Kills the process group `$1` once nobody holds the other end of standard input.
const GUARD: &str = r#"read -r _; kill -s KILL -- "-$1""#;

/// A running process with its log file.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
    guard: Option<Child>,
}

/// What is needed to end a process that was left running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detached {
    /// The process, which leads the group of the same number.
    pub pid: i32,
    /// The program it runs: a later process that got the same number is not ours.
    pub program: String,
}

impl Process {
    /// Starts `command` in a process group of its own; both its outputs are appended to `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
        let program = command.get_program().display().to_string();
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let mut process = Self { name: name.to_owned(), log: log.to_owned(), child, guard: None };
        process.guard = Some(guard(process.child.id())?);
        Ok(process)
    }

    /// Where both its outputs go.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The operating system's number of it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails when it has ended, with the last lines of its log: for use inside a wait.
    pub fn check_alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}); the end of its log:\n{}", self.name, tail(&self.log, 20)),
        }
    }

    /// Sends SIGTERM and waits for the end; past the limit it is killed and that is an error.
    pub fn stop(mut self) -> Result<ExitStatus> {
        signal(&self.child, Signal::TERM);
        let what = format!("the end of {} after SIGTERM", self.name);
        wait::until(&what, || Ok(self.child.try_wait()?))
    }

    /// Kills it as a crash would, without notice, and waits for its end.
    pub fn kill(self) {
        drop(self);
    }

    /// Lets it outlive this process.
    pub fn detach(mut self) -> Result<Detached> {
        self.release_guard();
        let pid = i32::try_from(self.child.id())?;
        let program = program_of(pid).unwrap_or_default();
        // Neither killed nor waited for: from here on it belongs to whoever has the answer.
        std::mem::forget(self);
        Ok(Detached { pid, program })
    }

    fn release_guard(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            signal(&guard, Signal::KILL);
            let _ = guard.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(&self.child, Signal::KILL);
        }
        let _ = self.child.wait();
        // Last, so that being killed in the middle of this leaves nothing behind either.
        self.release_guard();
    }
}

impl Detached {
    /// Kills the process group if it is still the program that was left running; tells whether it was.
    pub fn kill(&self) -> bool {
        if program_of(self.pid).as_deref() != Some(self.program.as_str()) {
            return false;
        }
        Pid::from_raw(self.pid).is_some_and(|pid| kill_process_group(pid, Signal::KILL).is_ok())
    }
}

fn guard(pid: u32) -> Result<Child> {
    let mut shell = Command::new("sh");
    shell.args(["-c", GUARD, "guard"]).arg(pid.to_string());
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    shell.spawn().context("cannot start sh")
}

fn signal(child: &Child, signal: Signal) {
    // An error says that the process is gone, which is what a signal is for.
    let _ = kill_process_group(Pid::from_child(child), signal);
}

/// What process `pid` runs: from /proc, or from `ps` where there is none.
fn program_of(pid: i32) -> Option<String> {
    if Path::new("/proc/self/exe").exists() {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        return Some(program.to_string_lossy().trim_end_matches(" (deleted)").to_owned());
    }
    let output = Command::new("ps").args(["-o", "comm=", "-p"]).arg(pid.to_string()).output().ok()?;
    let program = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!program.is_empty()).then_some(program)
}

/// The last `count` lines of a file, or a word on why there are none.
pub(crate) fn tail(path: &Path, count: usize) -> String {
    match std::fs::read(path) {
        Err(error) => format!("({}: {error})", path.display()),
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
        }
    }
}
