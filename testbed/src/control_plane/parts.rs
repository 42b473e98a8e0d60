//! The three programs of a control plane and their arguments.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::kubeconfig;
use crate::ports::free_port;
use crate::process::Process;
use crate::tools;

/// Ports and files, fixed at the start so that a part can be started again in its place.
#[derive(Debug)]
pub(super) struct Layout {
    directory: PathBuf,
    etcd_clients: u16,
    etcd_peers: u16,
    api_server: u16,
    controller_manager: u16,
    token: String,
    service_cluster_ip_range: String,
    api_server_arguments: Vec<String>,
}

impl Layout {
    pub(super) fn new(directory: &Path, service_cluster_ip_range: String, arguments: Vec<String>) -> Result<Self> {
        Ok(Self {
            directory: directory.to_owned(),
            etcd_clients: free_port()?,
            etcd_peers: free_port()?,
            api_server: free_port()?,
            controller_manager: free_port()?,
            token: random_token(),
            service_cluster_ip_range,
            api_server_arguments: arguments,
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.api_server)
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }

    pub(super) fn audit_log(&self) -> PathBuf {
        self.directory.join("audit.log")
    }

    /// Requests about pods go to the audit log, with what admission says of them.
    pub(super) fn write_audit_policy(&mut self) -> Result<()> {
        const POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata", "verbs": ["create", "update", "patch"], "resources": [{"group": "", "resources": ["pods"]}]}]}"#;
        std::fs::write(self.directory.join("audit-policy.json"), POLICY)?;
        let flags = [self.flag_path("--audit-policy-file", "audit-policy.json"), self.flag_path("--audit-log-path", "audit.log")];
        self.api_server_arguments.extend(flags);
        Ok(())
    }

    /// The administrator's token, for the API server and in a kubeconfig.
    pub(super) fn write_credentials(&self) -> Result<()> {
        let tokens = format!("{},admin,admin,system:masters\n", self.token);
        std::fs::write(self.directory.join("tokens.csv"), tokens)?;
        let authority = std::fs::read(self.directory.join("ca.crt"))?;
        kubeconfig::write(&self.kubeconfig(), &self.url(), &authority, &self.token)
    }

    pub(super) fn start_etcd(&self) -> Result<Process> {
        let clients = format!("http://127.0.0.1:{}", self.etcd_clients);
        let peers = format!("http://127.0.0.1:{}", self.etcd_peers);
        let mut command = Command::new(tools::ETCD.path()?);
        command.arg(self.flag_path("--data-dir", "etcd"));
        command.arg(format!("--listen-client-urls={clients}"));
        command.arg(format!("--advertise-client-urls={clients}"));
        command.arg(format!("--listen-peer-urls={peers}"));
        command.arg(format!("--initial-advertise-peer-urls={peers}"));
        command.arg(format!("--initial-cluster=default={peers}"));
        command.args(["--unsafe-no-fsync", "--log-level=warn"]);
        self.start("etcd", command)
    }

    pub(super) fn start_api_server(&self) -> Result<Process> {
        let mut command = Command::new(tools::KUBE_APISERVER.path()?);
        command.arg(format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_clients));
        command.arg(format!("--secure-port={}", self.api_server));
        // The service `kubernetes` may not point to a loopback address, and nobody needs it here.
        command.args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]);
        command.arg(self.flag_path("--tls-cert-file", "server.crt"));
        command.arg(self.flag_path("--tls-private-key-file", "server.key"));
        command.arg(self.flag_path("--token-auth-file", "tokens.csv"));
        command.arg(self.flag_path("--service-account-key-file", "sa.pub"));
        command.arg(self.flag_path("--service-account-signing-key-file", "sa.key"));
        command.arg("--service-account-issuer=https://kubernetes.default.svc.cluster.local");
        command.arg(format!("--service-cluster-ip-range={}", self.service_cluster_ip_range));
        command.args(["--authorization-mode=RBAC", "--allow-privileged", "--profiling=false"]);
        command.args(&self.api_server_arguments);
        self.start("kube-apiserver", command)
    }

    pub(super) fn start_controller_manager(&self, collect: bool) -> Result<Process> {
        let mut command = Command::new(tools::KUBE_CONTROLLER_MANAGER.path()?);
        command.arg(self.flag_path("--kubeconfig", "kubeconfig"));
        command.arg(self.flag_path("--authentication-kubeconfig", "kubeconfig"));
        command.arg(self.flag_path("--authorization-kubeconfig", "kubeconfig"));
        command.arg(self.flag_path("--service-account-private-key-file", "sa.key"));
        command.arg(self.flag_path("--root-ca-file", "ca.crt"));
        command.arg(self.flag_path("--cert-dir", "controller-manager"));
        command.arg(format!("--secure-port={}", self.controller_manager));
        command.args(["--bind-address=127.0.0.1", "--leader-elect=false", "--use-service-account-credentials=true"]);
        let collectors = if collect { "" } else { ",-garbage-collector-controller,-pod-garbage-collector-controller" };
        command.arg(format!("--controllers=*,-nodeipam,-nodelifecycle{collectors}"));
        self.start("kube-controller-manager", command)
    }

    fn start(&self, name: &str, command: Command) -> Result<Process> {
        let log = self.directory.join(format!("{name}.log"));
        Process::start(name, command, &log).with_context(|| format!("cannot start {name}"))
    }

    fn flag_path(&self, flag: &str, file: &str) -> String {
        format!("{flag}={}", self.directory.join(file).display())
    }
}

/// 128 random bits from the seeds of std's hashers: enough against a guess from this machine.
fn random_token() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}
