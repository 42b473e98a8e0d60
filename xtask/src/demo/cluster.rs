//! The cluster of the demo: our own, one that the user has, or one that kind makes.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use testbed::{ControlPlane, Detached, Kubectl, OPERATOR_NAMESPACE, Options};

use super::cleanup;
use super::story::NAMESPACE;
use crate::step::run;

const KIND_CLUSTER: &str = "bonafide-demo";

/// A cluster that answers.
pub(super) enum Cluster {
    /// Started here, ended here.
    Own(Box<ControlPlane>),
    /// The user's: what was made in it is taken out again.
    Borrowed(Kubectl, IpAddr),
    /// Made by kind, deleted by kind.
    Kind(Kubectl, IpAddr),
}

impl Cluster {
    pub(super) fn start(arguments: &super::Arguments, directory: &Path) -> Result<Self> {
        if let Some(kubeconfig) = &arguments.kubeconfig {
            let kubeconfig = kubeconfig.canonicalize().with_context(|| format!("cannot read {}", kubeconfig.display()))?;
            return borrow(kubeconfig, arguments.webhook_host, directory);
        }
        if arguments.kind {
            return make_kind(directory);
        }
        let options = Options { directory: Some(directory.join("cluster")), ..Options::default() };
        Ok(Self::Own(Box::new(ControlPlane::start(options)?)))
    }

    pub(super) fn kubectl(&self) -> &Kubectl {
        match self {
            Self::Own(control_plane) => control_plane.kubectl(),
            Self::Borrowed(kubectl, _) | Self::Kind(kubectl, _) => kubectl,
        }
    }

    pub(super) fn url(&self) -> Result<String> {
        self.kubectl().run(&["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"])
    }

    /// The address of this machine as the API server sees it.
    pub(super) fn webhook_host(&self) -> IpAddr {
        match self {
            Self::Own(_) => IpAddr::from([127, 0, 0, 1]),
            Self::Borrowed(_, host) | Self::Kind(_, host) => *host,
        }
    }

    /// Whether a scheduler and kubelets may care for pods.
    pub(super) fn has_nodes(&self) -> bool {
        !matches!(self, Self::Own(_))
    }

    pub(super) fn is_borrowed(&self) -> bool {
        matches!(self, Self::Borrowed(..))
    }

    pub(super) fn is_kind(&self) -> bool {
        matches!(self, Self::Kind(..))
    }

    pub(super) fn end(self) -> Result<()> {
        match self {
            Self::Own(control_plane) => drop(control_plane),
            Self::Borrowed(kubectl, _) => cleanup::take_out(&kubectl)?,
            Self::Kind(..) => delete_kind()?,
        }
        Ok(())
    }

    /// Its processes on this machine, from here on running by themselves.
    pub(super) fn detach(self) -> Result<Vec<Detached>> {
        match self {
            Self::Own(control_plane) => control_plane.detach(),
            Self::Borrowed(..) | Self::Kind(..) => Ok(Vec::new()),
        }
    }
}

/// Only a cluster that has neither namespace: the demo takes out both when it ends.
fn borrow(kubeconfig: PathBuf, host: IpAddr, directory: &Path) -> Result<Cluster> {
    let kubectl = Kubectl::new(kubeconfig, directory.join("kubectl-cache"))?;
    for namespace in [OPERATOR_NAMESPACE, NAMESPACE] {
        let found = kubectl.get(&["namespace", namespace])?;
        ensure!(found.is_none(), "this cluster has a namespace {namespace}, which the demo would change: give it another cluster");
    }
    Ok(Cluster::Borrowed(kubectl, host))
}

fn make_kind(directory: &Path) -> Result<Cluster> {
    ensure!(answers("kind", &["version"]), "kind is missing: install it, or leave out --kind");
    ensure!(answers("docker", &["info"]), "docker does not answer: start it, or leave out --kind");
    let kubeconfig = directory.join("kubeconfig");
    let mut command = Command::new("kind");
    command.args(["create", "cluster", "--name", KIND_CLUSTER, "--wait=120s", "--config"]);
    command.arg(testbed::repository().join("kind-config.yaml")).arg("--kubeconfig").arg(&kubeconfig);
    run(command)?;
    Ok(Cluster::Kind(Kubectl::new(kubeconfig, directory.join("kubectl-cache"))?, gateway()?))
}

/// Deletes the cluster that kind made.
pub(super) fn delete_kind() -> Result<()> {
    let mut command = Command::new("kind");
    command.args(["delete", "cluster", "--name", KIND_CLUSTER]);
    run(command)
}

/// This machine's address in kind's network.
fn gateway() -> Result<IpAddr> {
    let format = "{{range .IPAM.Config}}{{.Gateway}} {{end}}";
    let output = Command::new("docker").args(["network", "inspect", "kind", "-f", format]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut addresses = text.split_whitespace().filter_map(|word| word.parse::<IpAddr>().ok());
    addresses.find(IpAddr::is_ipv4).context("kind's docker network has no IPv4 gateway")
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
