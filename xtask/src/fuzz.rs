//! `fuzz`: hostile inputs for every parser, found by libFuzzer, on the stable toolchain.
//!
//! The targets are in `fuzz/`. They are built into the target directory of everything else, because all dependencies are the
//! same there; only our own crates are built once more, with `fuzz/instrument.sh` in place of rustc. Invariants: nothing is
//! written into the repository unless `--keep` asks for it, and the short form costs the same whatever ran before.

mod keep;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::step;

/// An input that needs more memory or time than this is a finding.
const LIMITS: [&str; 2] = ["-rss_limit_mb=512", "-timeout=5"];
/// Longer inputs find nothing that shorter ones don't, and slower.
const MOST_BYTES: &str = "-max_len=8192";
/// For each target, in the short form.
const SHORT: u64 = 2;

/// Look for inputs on which a parser panics, hangs, or does not do what it promises.
///
/// Each target runs over its committed corpus, then goes on with variations. The first build takes some minutes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only the targets whose names contain this.
    filter: Option<String>,
    /// For how long each target looks for new inputs, beginning with what earlier runs found; without it, for 2 s and from
    /// the committed corpus alone.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(SHORT..))]
    seconds: Option<u64>,
    /// Add to the committed corpus what reaches most code beyond it, within the corpus' limits.
    #[arg(long)]
    keep: bool,
}

/// The folder of a target with what it found.
const FOUND: &str = "corpus";

/// A target, built, with the folders that it reads and writes.
struct Target {
    name: String,
    program: PathBuf,
    /// In the repository.
    committed: PathBuf,
    /// Where it writes: found inputs, the log, crashing inputs.
    scratch: PathBuf,
}

/// Runs the targets one after the other.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(has_compiler(), "{NO_COMPILER}");
    let targets = build(arguments.filter.as_deref().unwrap_or_default())?;
    let start = Instant::now();
    let mut findings = Vec::new();
    for target in &targets {
        findings.extend(target.run(arguments.seconds)?);
    }
    println!("all in {:.1} s", start.elapsed().as_secs_f64());
    if !findings.is_empty() {
        bail!("{}", findings.join("\n"));
    }
    if arguments.keep {
        for target in &targets {
            keep::keep(target)?;
        }
    }
    Ok(())
}

/// The short form, as part of the tests. Without a compiler the corpus still ran, as a unit test.
pub(crate) fn short() -> Result<()> {
    if has_compiler() {
        return run(&Arguments { filter: None, seconds: None, keep: false });
    }
    println!("left out: {NO_COMPILER}");
    Ok(())
}

const NO_COMPILER: &str = "libFuzzer needs a C++ compiler, and neither `c++` nor what CXX names can be run";

/// Asks as the build of libFuzzer will: `CXX` may hold a launcher and arguments too.
fn has_compiler() -> bool {
    let named = std::env::var("CXX").unwrap_or_default();
    let program = named.split_whitespace().next().unwrap_or("c++");
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn build(filter: &str) -> Result<Vec<Target>> {
    let all = names(&testbed::repository().join("fuzz/targets"))?;
    let names: Vec<&String> = all.iter().filter(|name| name.contains(filter)).collect();
    ensure!(!names.is_empty(), "no target is called so; there are {}", all.join(", "));
    println!("building the targets, our own crates with instruments for the fuzzer: some minutes the first time");
    let start = Instant::now();
    let mut command = Command::new(step::cargo_program());
    // `--workspace` as in every other step: the dependencies get the same features, and are there already.
    command.args(["build", "--quiet", "--workspace", "--features", "bonafide-fuzz/libfuzzer"]);
    for name in &names {
        command.args(["--bin", name]);
    }
    command.env("RUSTC_WORKSPACE_WRAPPER", testbed::repository().join("fuzz/instrument.sh"));
    // Nobody builds this twice with small changes between.
    command.env("CARGO_INCREMENTAL", "0");
    command.current_dir(testbed::repository());
    step::run(command)?;
    println!("built in {:.1} s", start.elapsed().as_secs_f64());
    names.into_iter().map(|name| Target::new(name)).collect()
}

/// The names of the targets, by the files that hold their `main`.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        names.extend(entry?.path().file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

impl Target {
    fn new(name: &str) -> Result<Self> {
        let scratch = testbed::target().join("fuzz").join(name);
        fs::create_dir_all(scratch.join(FOUND)).with_context(|| scratch.display().to_string())?;
        Ok(Self {
            name: name.to_owned(),
            program: testbed::target().join("debug").join(name),
            committed: testbed::repository().join("fuzz/corpus").join(name),
            scratch,
        })
    }

    /// One run, told in one line; what it found is the text of an error.
    fn run(&self, seconds: Option<u64>) -> Result<Option<String>> {
        let start = Instant::now();
        let log = self.scratch.join("log");
        let mut command = self.command(&log)?;
        // Found inputs go to the first folder.
        command.arg(self.output(seconds)?).arg(&self.committed).args(LIMITS).arg(MOST_BYTES);
        // It stops when more whole seconds than these have passed.
        command.arg(format!("-max_total_time={}", seconds.unwrap_or(SHORT).saturating_sub(1).max(1)));
        command.arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", self.scratch.display()));
        let status = command.status().with_context(|| format!("cannot start {}", self.program.display()))?;
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let Figures { executions, coverage } = Figures::of(&text);
        let seconds = start.elapsed().as_secs_f64();
        println!("{:<18} {executions:>10} executions {coverage:>6} edges {seconds:>6.1} s", self.name);
        Ok((!status.success()).then(|| self.finding(&text, &log)))
    }

    /// What longer runs found stays; those of the short form begin with nothing, or each would take longer than the last.
    fn output(&self, seconds: Option<u64>) -> Result<PathBuf> {
        if seconds.is_some() {
            return Ok(self.scratch.join(FOUND));
        }
        let folder = self.scratch.join("short");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    fn finding(&self, log: &str, path: &Path) -> String {
        let said = log.lines().skip_while(|line| !line.contains("panicked at")).take(4);
        let input = log.rsplit_once("Test unit written to ").and_then(|(_, rest)| rest.lines().next());
        let reproduce = match input {
            Some(input) => format!("the input: {input}\nto see it again: {} {input}", self.program.display()),
            None => "the fuzzer ended without an input".to_owned(),
        };
        format!("{}: {}\n{reproduce}\nthe log: {}", self.name, said.collect::<Vec<_>>().join("\n"), path.display())
    }

    /// The fuzzer, which tells everything on its standard error.
    fn command(&self, log: &Path) -> Result<Command> {
        let file = File::create(log).with_context(|| log.display().to_string())?;
        let mut command = Command::new(&self.program);
        command.stderr(file).env("RUST_BACKTRACE", "0");
        Ok(command)
    }
}

/// What a run of libFuzzer says about itself.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    executions: u64,
    coverage: u64,
}

impl Figures {
    fn of(log: &str) -> Self {
        let last = |before: &str| log.rsplit_once(before).and_then(|(_, rest)| rest.split_ascii_whitespace().next()?.parse().ok());
        Self { executions: last("stat::number_of_executed_units:").unwrap_or_default(), coverage: last(" cov: ").unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, names};

    #[test]
    fn the_last_figures_of_a_log_count() {
        let log = "#2\tINITED cov: 12 ft: 13\n#9\tDONE   cov: 5033 ft: 7044 corp: 1/1b\nstat::number_of_executed_units: 93076\n";
        assert_eq!(Figures::of(log), Figures { executions: 93076, coverage: 5033 });
        assert_eq!(Figures::of(""), Figures { executions: 0, coverage: 0 });
    }

    #[test]
    fn a_target_is_named_as_its_file() {
        let names = names(&testbed::repository().join("fuzz/targets")).unwrap_or_default();
        assert!(names.is_sorted() && names.iter().any(|name| name == "reference"), "{names:?}");
    }
}
