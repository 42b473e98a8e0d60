//! Nothing is left running by mistake, and what is left on purpose can be ended.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use testbed::{Directory, Process, wait};

/// The argument that makes this test program start a process, print its number, and wait to be killed.
pub(crate) const HOLD: &str = "--hold-a-process";

/// What [`HOLD`] does.
pub(crate) fn hold() -> ExitCode {
    let held = Directory::temporary().and_then(|directory| start(&directory));
    match &held {
        Ok(process) => println!("{}", process.id()),
        Err(error) => eprintln!("{error:#}"),
    }
    loop {
        std::thread::park();
    }
}

fn start(directory: &Directory) -> Result<Process> {
    let mut command = Command::new("sleep");
    command.arg("600");
    Process::start("sleep", command, &directory.path().join("sleep.log"))
}

pub(crate) fn a_killed_parent_takes_its_process_along() -> Result<()> {
    let mut parent = Command::new(std::env::current_exe()?).arg(HOLD).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(parent.stdout.take().context("no output")?).read_line(&mut line)?;
    let child: u32 = line.trim().parse().context("no process number")?;
    ensure!(runs(child), "the process does not run");
    parent.kill()?;
    parent.wait()?;
    wait::until("the process to end", || Ok((!runs(child)).then_some(())))
}

pub(crate) fn a_detached_process_stays_until_it_is_killed() -> Result<()> {
    let directory = Directory::temporary()?;
    let detached = start(&directory)?.detach()?;
    let other = testbed::Detached { program: "/bin/another".to_owned(), ..detached.clone() };
    ensure!(!other.kill(), "a process that is not ours was killed");
    ensure!(detached.kill(), "the process was gone");
    Ok(())
}

/// Whether a process runs: a zombie that nobody has waited for yet does not.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z"))
}
