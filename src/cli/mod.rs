//! The command line: what was typed becomes checked configuration; one file per subcommand.

mod crds;
mod images;
mod notary;
mod operator;
mod settings;
mod verify;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Lets a Kubernetes cluster run only images signed by people it trusts.
#[derive(Debug, Parser)]
#[command(name = "bonafide", version, about, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator: admission webhooks, status, reports.
    Operator(operator::OperatorArguments),
    /// Check images against policies from files, without a cluster.
    Verify(verify::VerifyArguments),
    /// Show what runs in the cluster, by verdict, or print a script that signs it.
    Images(images::ImagesArguments),
    /// Check settings of the operator before they reach a cluster, or print the defaults.
    Settings(settings::SettingsArguments),
    /// Look at trust data of a Notary v1 server (Docker Content Trust), and at what the operator remembers of it.
    #[command(subcommand)]
    Notary(notary::NotaryCommand),
    /// Print the custom resource definitions as YAML.
    Crds,
}

/// Runs a command. Errors are printed once, with everything that caused them.
pub fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command {
        Command::Operator(arguments) => operator::run(arguments).map(|()| ExitCode::SUCCESS),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Images(arguments) => images::run(&arguments),
        Command::Settings(arguments) => settings::run(&arguments),
        Command::Notary(command) => notary::run(&command),
        Command::Crds => crds::run().map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("bonafide: {error:#}");
        ExitCode::from(2)
    })
}

/// Whether to write colours: on a terminal, unless `NO_COLOR` is set (no-color.org).
fn colours(output: &impl IsTerminal) -> bool {
    output.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// A runtime for a command.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}
