//! `demo`: the main job of the operator on real parts, step by step.

mod cleanup;
mod cluster;
mod distrust;
mod narrator;
mod signers;
mod state;
mod story;
mod trust;
mod trust_story;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use testbed::{Detached, Directory, OPERATOR_NAMESPACE, Operator, OperatorOptions, Registry, SERVICE_ACCOUNT, install};

use crate::step;
use cluster::Cluster;
use narrator::{explain, heading, show_command};
use signers::Signers;
use state::State;
use trust::Trust;

/// Show what Bonafide does, on a real API server: a signed image admitted and pinned, an unsigned one refused.
///
/// Without options it builds and starts a control plane on this machine (several minutes the first time, seconds later),
/// and leaves it up for you to try.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How images are signed.
    #[arg(long, value_enum, default_value_t)]
    scheme: Scheme,
    /// End the cluster when the story is told.
    #[arg(long)]
    once: bool,
    /// End what an earlier demo has left up.
    #[arg(long, conflicts_with_all = ["once", "kubeconfig", "kind"])]
    down: bool,
    /// Use the cluster of this kubeconfig instead of starting one; needs an administrator.
    #[arg(long, value_name = "FILE", conflicts_with = "kind")]
    kubeconfig: Option<PathBuf>,
    /// The address of this machine by which the API server of that cluster reaches the operator.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1", requires = "kubeconfig")]
    webhook_host: IpAddr,
    /// Make a cluster with kind (needs kind and docker) from kind-config.yaml.
    #[arg(long)]
    kind: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Scheme {
    /// With cosign.
    #[default]
    Cosign,
    /// With notary, on a Notary v1 server: Docker Content Trust.
    Notary,
}

/// Tells the story, or ends what is left of an earlier one.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let directory = testbed::target().join("demo");
    let ended = state::end_previous(&directory)?;
    if arguments.down {
        println!("{}", if ended { "the demo is down" } else { "no demo is up" });
        return Ok(());
    }
    let parts = start(arguments, &directory)?;
    match &parts.trust {
        Some(trust) => trust_story::tell(&parts, trust)?,
        None => story::tell(&parts)?,
    }
    if arguments.once { parts.end() } else { parts.leave_up() }
}

/// Everything that runs.
struct Parts {
    // In the order in which they end: the operator before what it talks to.
    operator: Operator,
    registry: Registry,
    signers: Signers,
    trust: Option<Trust>,
    cluster: Cluster,
    program: PathBuf,
    directory: PathBuf,
}

fn start(arguments: &Arguments, directory: &Path) -> Result<Parts> {
    heading("The tools: found, or built from the Go modules in tools/");
    testbed::tools::all()?;
    let program = step::bonafide()?;

    heading("A cluster");
    let cluster = Cluster::start(arguments, directory)?;
    let kubectl = cluster.kubectl();
    explain(&format!("API server: {}", cluster.url()?));
    explain(&format!("kubectl:    {}", kubectl.program().display()));

    heading("A registry and the signer");
    let registry = Registry::distribution_in(Directory::kept(directory.join("registry"))?)?;
    explain(&format!("registry:   {} (CNCF Distribution, plain HTTP)", registry.host()));
    let signers = Signers::new(&directory.join("keys"))?;

    let trust = match arguments.scheme {
        Scheme::Cosign => None,
        Scheme::Notary => Some(Trust::start(directory)?),
    };

    heading("The operator: CRDs, RBAC, and the program under its own service account");
    show_command("kubectl apply --server-side -f manifests/crds -f manifests/rbac");
    install(kubectl)?;
    let account = directory.join("operator.kubeconfig");
    testbed::write_service_account_kubeconfig(kubectl, OPERATOR_NAMESPACE, SERVICE_ACCOUNT, &account)?;
    let mut options = OperatorOptions::new(&program, account, directory);
    options.webhook_host = cluster.webhook_host();
    let operator = Operator::start(options)?;
    explain(&format!("ready at {}, log: {}", operator.webhook_url(), operator.log().display()));
    Ok(Parts { operator, registry, signers, trust, cluster, program, directory: directory.to_owned() })
}

impl Parts {
    fn end(self) -> Result<()> {
        heading("The end");
        self.operator.stop()?;
        self.cluster.end()?;
        println!("everything is down");
        Ok(())
    }

    fn leave_up(self) -> Result<()> {
        let kubectl = self.cluster.kubectl().clone();
        let kind = self.cluster.is_kind();
        let borrowed = self.cluster.is_borrowed();
        let mut processes: Vec<Detached> = self.operator.detach()?.into_iter().collect();
        processes.push(self.registry.detach()?);
        if let Some(trust) = self.trust {
            processes.extend(trust.detach()?);
        }
        processes.extend(self.cluster.detach()?);
        let state = State { processes, kubeconfig: kubectl.kubeconfig().to_owned(), borrowed, kind };
        state.write(&self.directory).context("cannot remember what to end")?;

        heading("It is up: go on from here");
        println!("  export KUBECONFIG={}", kubectl.kubeconfig().display());
        println!("  alias kubectl={}", kubectl.program().display());
        println!("  kubectl get imagepolicies.bonafide.dev,validators,trustroots,verificationreports -A");
        println!("\nEnd it with:\n  cargo xtask demo --down");
        Ok(())
    }
}
