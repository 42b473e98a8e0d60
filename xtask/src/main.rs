//! What developers run: `cargo xtask --help`.

mod alerts;
mod bench;
mod browser;
mod crds;
mod demo;
mod deny;
mod fuzz;
mod picture;
mod step;
mod suite;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Commands for people who work on Bonafide.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    /// Run every check: format, lint, dependencies, unit and integration tests, generated files, fuzz targets, e2e.
    ///
    /// Stops at the first failure and says how to run that step alone. CI runs exactly this.
    Test,
    Fuzz(fuzz::Arguments),
    /// Run the e2e tests: a real API server, real registries, real signers, the real operator.
    E2e {
        /// Run only the tests whose names contain this.
        filter: Option<String>,
    },
    /// Draw what people see in a browser into `docs/pictures`, in Chromium.
    Picture {
        /// Draw only these.
        pictures: Vec<picture::Picture>,
    },
    /// Measure speed and memory beside the same API server without the operator, against the goals.
    ///
    /// Builds the operator in release mode first. `docs/benchmarks.md` has the results and how to read them.
    Bench {
        /// Run only these parts: micro, scale, limited, hot, burst, pinned, cold, far, containers, simultaneous, trust, memory, policy, key, references, floor.
        parts: Vec<String>,
    },
    /// Find or build the control plane, the registries, the signers and Prometheus.
    Tools,
    /// Write manifests/crds from the types in src/crd.
    Crds {
        /// Write nothing; fail when a committed file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Write the alerts for the Prometheus operator from manifests/monitoring/alerts.yaml.
    Alerts {
        /// Write nothing; fail when the committed file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Check the format, run clippy and check the dependencies.
    Lint,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test => suite::test(),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::E2e { filter } => suite::e2e(filter.as_deref()),
        Command::Picture { pictures } => picture::draw(&pictures),
        Command::Bench { parts } => bench::run(&parts),
        Command::Tools => suite::tools(),
        Command::Crds { check: false } => crds::write(),
        Command::Crds { check: true } => crds::check(),
        Command::Alerts { check: false } => alerts::write(),
        Command::Alerts { check: true } => alerts::check(),
        Command::Lint => suite::lint(),
    }
}
