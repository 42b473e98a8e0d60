//! `bench`: speed and memory on real parts, beside the same API server without the operator; and of the library alone.
//!
//! Everything runs on this machine and shares its cores: compare with the baseline of the same run, never with another's.

mod client;
mod distance;
mod figures;
mod floor;
mod load;
mod memory;
mod micro;
mod nowhere;
mod reaction;
mod references;
mod scale;
mod stage;
mod table;
mod traffic;
mod trust;
mod unseen;
mod usage;
mod yes;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::step;
use stage::{Guarded, Stage};
use table::Table;
use traffic::Baseline;

/// A part and what it measures.
type Part = (&'static str, fn(&Guarded, &Baseline, &mut Table) -> Result<()>);
/// The same for a part without the others' cluster; it gets the program.
type Apart = (&'static str, fn(&Path, &mut Table) -> Result<()>);

const PARTS: [Part; 13] = [
    ("hot", traffic::hot),
    ("burst", traffic::bursts),
    ("pinned", traffic::pinned),
    ("cold", unseen::cold),
    ("far", unseen::far),
    ("containers", unseen::containers),
    ("simultaneous", unseen::simultaneous),
    ("trust", trust::trust),
    ("memory", memory::memory),
    ("policy", reaction::policy),
    ("key", reaction::key),
    ("references", references::references),
    // Ends the operator, so it comes last.
    ("floor", floor::floor),
];

/// The part that needs neither cluster nor operator.
const MICRO: &str = "micro";
/// The parts that have a cluster of their own, and a baseline in nothing.
const APART: [Apart; 2] = [("scale", scale::scale), ("limited", scale::limited)];

/// Builds the operator and this program in release mode, and has the latter measure.
///
/// A debug build of the client would take the cores from what it measures.
pub(crate) fn run(wanted: &[String]) -> Result<()> {
    let known = || [MICRO].into_iter().chain(APART.map(|(name, _)| name)).chain(PARTS.map(|(name, _)| name));
    if let Some(unknown) = wanted.iter().find(|name| known().all(|known| known != name.as_str())) {
        bail!("no part is called {unknown}; there are {}", known().collect::<Vec<_>>().join(", "));
    }
    if wanted == [MICRO] {
        let mut table = Table::default();
        micro::micro(&mut table)?;
        table.print();
        return Ok(());
    }
    if !cfg!(debug_assertions) {
        return measure(wanted);
    }
    println!("==> release builds of the operator and of the client: the first time takes some minutes");
    // One by one: together, each would get the features that only the other asks for.
    step::cargo(&["build", "--release", "--bin", "bonafide"])?;
    step::cargo(&["build", "--release", "--package", "xtask"])?;
    let mut command = Command::new(released("xtask"));
    command.arg("bench").args(wanted);
    step::run(command)
}

/// Runs the parts that are wanted, or all, and prints the table.
fn measure(wanted: &[String]) -> Result<()> {
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name == part);
    let start = Instant::now();
    let title = |text: &str| println!("\n==> {text} ({} s)", start.elapsed().as_secs());

    let mut table = Table::default();
    if is_wanted(MICRO) {
        // Before anything else takes the cores.
        title(MICRO);
        micro::micro(&mut table)?;
    }
    for (name, measure) in APART.into_iter().filter(|(name, _)| is_wanted(name)) {
        title(name);
        measure(&released("bonafide"), &mut table)?;
    }
    if PARTS.iter().all(|(name, _)| !is_wanted(name)) {
        table.print();
        return Ok(());
    }
    title("a cluster and a registry");
    let stage = Stage::start()?;
    title("baseline: the same API server without the operator");
    let baseline = traffic::baseline(&stage)?;
    title("the operator and a policy that enforces");
    let guarded = stage.guard(&released("bonafide"))?;
    guarded.stage.load.clear(guarded.stage.namespace.name())?;

    for (name, measure) in PARTS.into_iter().filter(|(name, _)| is_wanted(name)) {
        title(name);
        measure(&guarded, &baseline, &mut table)?;
    }
    table.print();
    println!("{} s", start.elapsed().as_secs());
    Ok(())
}

/// A program that was built in release mode.
fn released(name: &str) -> PathBuf {
    testbed::target().join("release").join(name)
}
