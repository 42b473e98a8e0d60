//! `bonafide notary`: Docker Content Trust for people.

mod inspect;
mod reset;
mod root_key;
mod server;
#[cfg(test)]
mod tests;
mod tree;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum NotaryCommand {
    /// Print the TrustRoot with the root key of a repository, ready to be applied.
    RootKey(root_key::RootKeyArguments),
    /// Show the roles of a repository, their keys, and its tags with who signed them.
    Inspect(inspect::InspectArguments),
    /// Make the operator forget what it has seen of a repository, on purpose.
    Reset(reset::ResetArguments),
}

/// Runs a subcommand; the exit code says how it went.
pub(super) fn run(command: &NotaryCommand) -> anyhow::Result<ExitCode> {
    match command {
        NotaryCommand::RootKey(arguments) => root_key::run(arguments),
        NotaryCommand::Inspect(arguments) => inspect::run(arguments),
        NotaryCommand::Reset(arguments) => reset::run(arguments),
    }
}
