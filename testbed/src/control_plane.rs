//! etcd, API server and controller manager on loopback: Deployments make Pods, owners are followed, nothing runs.
//!
//! Everything is checked for real (RBAC, admission, TLS); the only shortcut is that etcd does not wait for the disk.

mod kubeconfig;
mod parts;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::directory::Directory;
use crate::kubectl::Kubectl;
use crate::process::{Detached, Process};
use crate::{pki, wait};
pub use kubeconfig::write_for_service_account as write_service_account_kubeconfig;
use parts::Layout;

/// How to start a control plane.
#[derive(Debug)]
pub struct Options {
    /// Where its data, certificates and logs go; by default a temporary directory.
    pub directory: Option<PathBuf>,
    /// The addresses of services.
    pub service_cluster_ip_range: String,
    /// Further arguments of the API server.
    pub api_server: Vec<String>,
    /// Whether the API server writes an audit log about pods.
    pub audit: bool,
    /// Whether pods go whose owner or node does not exist, as in every real cluster.
    pub collect: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { directory: None, service_cluster_ip_range: "10.96.0.0/16".to_owned(), api_server: Vec::new(), audit: false, collect: true }
    }
}

/// A running control plane; it ends with this value.
#[derive(Debug)]
pub struct ControlPlane {
    layout: Layout,
    kubectl: Kubectl,
    etcd: Process,
    // Stopped and started by tests of outages while others hold a reference.
    api_server: Mutex<Option<Process>>,
    controller_manager: Process,
    // Last: what the processes write to goes when they are gone.
    _directory: Directory,
}

impl ControlPlane {
    /// Starts one and waits until it answers and its controllers work.
    pub fn start(options: Options) -> Result<Self> {
        let directory = match options.directory {
            Some(path) => Directory::kept(path)?,
            None => Directory::temporary()?,
        };
        let mut layout = Layout::new(directory.path(), options.service_cluster_ip_range, options.api_server)?;
        if options.audit {
            layout.write_audit_policy()?;
        }
        pki::write_control_plane(directory.path())?;
        layout.write_credentials()?;
        let kubectl = Kubectl::new(layout.kubeconfig(), directory.path().join("kubectl-cache"))?;

        let etcd = layout.start_etcd()?;
        let mut api_server = layout.start_api_server()?;
        wait_ready(&kubectl, &mut api_server)?;
        let mut controller_manager = layout.start_controller_manager(options.collect)?;
        wait_controllers(&kubectl, &mut controller_manager)?;
        let api_server = Mutex::new(Some(api_server));
        Ok(Self { layout, kubectl, etcd, api_server, controller_manager, _directory: directory })
    }

    /// The administrator's client.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The administrator's kubeconfig (group `system:masters`, so `--as` works for any other user).
    pub fn kubeconfig(&self) -> &Path {
        self.kubectl.kubeconfig()
    }

    /// The address of the API server.
    pub fn url(&self) -> String {
        self.layout.url()
    }

    /// Where logs and data are.
    pub fn directory(&self) -> &Path {
        self.layout.directory()
    }

    /// The audit log of the API server: one JSON object per request about pods, where it was asked for.
    pub fn audit_log(&self) -> PathBuf {
        self.layout.audit_log()
    }

    /// Makes a token for a service account (which must exist) and answers a kubeconfig that uses it, valid for a day.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let path = self.directory().join(format!("{namespace}.{name}.kubeconfig"));
        kubeconfig::write_for_service_account(&self.kubectl, namespace, name, &path)?;
        Ok(path)
    }

    /// Stops the API server as a crash would; etcd keeps what it stored.
    pub fn stop_api_server(&self) {
        let mut api_server = self.api_server.lock().unwrap_or_else(PoisonError::into_inner);
        drop(api_server.take());
    }

    /// Starts it again at the same address and waits until it answers.
    pub fn start_api_server(&self) -> Result<()> {
        let mut held = self.api_server.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            let mut api_server = self.layout.start_api_server()?;
            wait_ready(&self.kubectl, &mut api_server)?;
            *held = Some(api_server);
        }
        Ok(())
    }

    /// Lets all of it outlive this process, for a cluster that is left up; needs a kept directory.
    pub fn detach(self) -> Result<Vec<Detached>> {
        let api_server = self.api_server.into_inner().unwrap_or_else(PoisonError::into_inner);
        let parts = [Some(self.controller_manager), api_server, Some(self.etcd)];
        parts.into_iter().flatten().map(Process::detach).collect()
    }
}

fn wait_ready(kubectl: &Kubectl, api_server: &mut Process) -> Result<()> {
    wait::until("the API server's /readyz", || {
        api_server.check_alive()?;
        let output = kubectl.output(&["get", "--raw", "/readyz"], "")?;
        Ok(output.status.success().then_some(()))
    })
}

/// The default service account is the last thing that a new namespace gets, and no pod is accepted without it.
fn wait_controllers(kubectl: &Kubectl, controller_manager: &mut Process) -> Result<()> {
    wait::until("the controller manager's first service account", || {
        controller_manager.check_alive()?;
        let account = kubectl.get(&["serviceaccount", "default", "-n", "default"]);
        Ok(account.context("the API server answered and then stopped answering")?.map(|_| ()))
    })
}
