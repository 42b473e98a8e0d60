//! `bonafide images`: what runs in the cluster, by verdict, as the operator's reports say.

mod output;
mod read;
mod script;
mod targets;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use kube::Client;

use self::read::{Found, Scope};
use self::script::Signer;
use self::targets::Targets;
use crate::crd::ImageStatus;
use crate::report::inventory::Row;
use crate::report::{self, order};

/// Exit code of "something is not trusted".
const UNTRUSTED: u8 = 1;
/// Exit code of "could not find out", and of wrong arguments.
const UNKNOWN: u8 = 2;

const HELP: &str = "Examples:
  bonafide images                                      what runs, the worst first
  bonafide images -n shop --status Untrusted,Revoked   what must go from a namespace
  bonafide images --output json | jq -r '.images[] | select(.pods > 10) | .image'
  bonafide images --signing-script cosign > sign.sh    then read it, and run
  COSIGN_KEY=release.key sh sign.sh

Exit code, of the images that are shown:
  0  they are Trusted, Exempt or Unmatched
  1  one is Untrusted, Revoked or Unsupported
  2  it could not be found out
With --signing-script: 0 the script was printed, 2 it could not be.

Needs the permission to list VerificationReports (ClusterRole view).
What they say is what the operator has found out last.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct ImagesArguments {
    /// Only what runs in this namespace. Without it: all namespaces, or those whose reports you may list.
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// All namespaces, and an error when you may not list the reports of each.
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Only images with these statuses: Untrusted, Revoked, Unsupported, Unknown, Exempt, Unmatched, Trusted.
    #[arg(long, value_delimiter = ',', value_parser = status, value_name = "STATUS,...")]
    status: Vec<ImageStatus>,
    /// How it is printed.
    #[arg(long, short, value_enum, default_value = "table")]
    output: Output,
    /// Print a shell script that signs the images which are neither Trusted nor Exempt, in place of a table.
    #[arg(long, value_enum, value_name = "SIGNER", conflicts_with = "output")]
    signing_script: Option<Signer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people; in colours on a terminal, unless `NO_COLOR` is set.
    Table,
    /// One JSON document.
    Json,
}

/// Prints what runs; the exit code says whether it may.
pub(super) fn run(arguments: &ImagesArguments) -> anyhow::Result<ExitCode> {
    let found = super::block_on(async {
        let client = Client::try_default().await.context("no Kubernetes configuration (KUBECONFIG or service account)")?;
        read::read(&client, &arguments.scope()).await
    })?;
    remark(&found);
    let rows = found.inventory.rows(&arguments.status);
    let mut output = std::io::stdout().lock();
    if let Some(signer) = arguments.signing_script {
        let targets = Targets::of(&rows, signer.signs_tags());
        write!(output, "{}", signer.script(&targets)?)?;
        for line in targets.left_out() {
            eprintln!("bonafide: {line}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.output == Output::Json {
        serde_json::to_writer_pretty(&mut output, &output::document(&rows))?;
        writeln!(output)?;
    } else if !rows.is_empty() {
        let colours = super::colours(&output);
        output::table(&rows, colours, &mut output)?;
    }
    Ok(ExitCode::from(exit_code(&rows, found.silent)))
}

impl ImagesArguments {
    fn scope(&self) -> Scope {
        match &self.namespace {
            Some(namespace) => Scope::Namespace(namespace.clone()),
            None if self.all_namespaces => Scope::Everywhere,
            None => Scope::WhereAllowed,
        }
    }
}

/// Nothing to show is not the same as nothing wrong.
fn remark(found: &Found) {
    if found.reports == 0 {
        eprintln!("bonafide: there are no reports: no policy selects a pod here, or the operator has not run");
    }
    if found.silent > 0 {
        eprintln!("bonafide: {} of {} reports say nothing yet", found.silent, found.reports);
    }
}

fn exit_code(rows: &[Row<'_>], silent: usize) -> u8 {
    let any = |statuses: &[ImageStatus]| rows.iter().any(|(_, runs)| statuses.contains(&runs.status));
    if any(&[ImageStatus::Untrusted, ImageStatus::Revoked, ImageStatus::Unsupported]) {
        UNTRUSTED
    } else if any(&[ImageStatus::Unknown]) || silent > 0 {
        UNKNOWN
    } else {
        0
    }
}

fn status(text: &str) -> Result<ImageStatus, String> {
    order::by_name(text).ok_or_else(|| format!("the statuses are {}", order::WORST_FIRST.map(report::name).join(", ")))
}
