//! The operator under test: the real program, with its own service account, on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};

use crate::install::OPERATOR_NAMESPACE;
use crate::ports::free_port;
use crate::process::{Detached, Process, tail};
use crate::wait;

/// Of an answer of the admin listener: those on ten thousand pods are long.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// How to run an operator.
#[derive(Debug)]
pub struct OperatorOptions {
    /// The `bonafide` program.
    pub program: PathBuf,
    /// As whom: see [`crate::ControlPlane::service_account_kubeconfig`].
    pub kubeconfig: PathBuf,
    /// Where its log goes.
    pub directory: PathBuf,
    /// The address of this machine by which the API server reaches webhooks.
    pub webhook_host: IpAddr,
    /// Where the admin port listens.
    pub admin_host: IpAddr,
    /// Namespaces beyond the standard ones that it leaves alone.
    pub exempt_namespaces: Vec<String>,
    /// The only namespace that it looks at, without a webhook.
    pub watch_namespace: Option<String>,
    /// Further arguments.
    pub arguments: Vec<String>,
}

impl OperatorOptions {
    /// An operator whose API server is on this machine.
    pub fn new(program: &Path, kubeconfig: PathBuf, directory: &Path) -> Self {
        Self {
            program: program.to_owned(),
            kubeconfig,
            directory: directory.to_owned(),
            webhook_host: IpAddr::from([127, 0, 0, 1]),
            admin_host: Ipv4Addr::LOCALHOST.into(),
            exempt_namespaces: Vec::new(),
            watch_namespace: None,
            arguments: Vec::new(),
        }
    }
}

/// An operator that can be stopped, killed and started again at the same addresses; it ends with this value.
#[derive(Debug)]
pub struct Operator {
    options: OperatorOptions,
    webhook_port: u16,
    admin_port: u16,
    log: PathBuf,
    process: Mutex<Option<Process>>,
}

impl Operator {
    /// Starts one and waits for its `/readyz`.
    pub fn start(options: OperatorOptions) -> Result<Self> {
        let (webhook_port, admin_port) = (free_port()?, free_port()?);
        let log = options.directory.join(format!("operator-{webhook_port}.log"));
        let operator = Self { options, webhook_port, admin_port, log, process: Mutex::new(None) };
        operator.start_again()?;
        Ok(operator)
    }

    /// Starts it, unless it runs, and waits for its `/readyz`.
    pub fn start_again(&self) -> Result<()> {
        let mut held = self.held();
        if held.is_some() {
            return Ok(());
        }
        let mut process = Process::start("the operator", self.command(), &self.log)?;
        wait::until("the operator's /readyz", || {
            process.check_alive()?;
            Ok(self.is_ready().then_some(()))
        })
        .with_context(|| format!("the end of its log:\n{}", self.log_tail(40)))?;
        *held = Some(process);
        Ok(())
    }

    /// Sends SIGTERM and waits for the end, which must be orderly.
    pub fn stop(&self) -> Result<()> {
        let Some(process) = self.held().take() else { return Ok(()) };
        let status = process.stop()?;
        if !status.success() {
            bail!("the operator ended with {status}; the end of its log:\n{}", self.log_tail(40));
        }
        Ok(())
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        drop(self.held().take());
    }

    /// The operating system's number of it while it runs.
    pub fn id(&self) -> Option<u32> {
        self.held().as_ref().map(Process::id)
    }

    /// Whether `/readyz` answers with success now.
    pub fn is_ready(&self) -> bool {
        self.admin("/readyz").is_ok()
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> Result<String> {
        self.admin("/metrics")
    }

    /// The value of the first metric whose line starts with `series` (a name, with labels or without).
    pub fn metric(&self, series: &str) -> Result<Option<f64>> {
        let text = self.metrics()?;
        let line = text.lines().find(|line| line.starts_with(series));
        Ok(line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok()))
    }

    /// `127.0.0.1:PORT` of the admin listener.
    pub fn admin_address(&self) -> String {
        format!("127.0.0.1:{}", self.admin_port)
    }

    /// Gets a path of the admin listener; a status other than success is an error.
    pub fn admin(&self, path: &str) -> Result<String> {
        let mut answer = ureq::get(&format!("http://{}{path}", self.admin_address())).call()?;
        Ok(answer.body_mut().with_config().limit(MOST_BYTES).read_to_string()?)
    }

    /// The admin listener by an address of this machine, without a path.
    pub fn admin_url(&self, host: IpAddr) -> String {
        format!("http://{}", SocketAddr::from((host, self.admin_port)))
    }

    /// Gets a path of the admin listener by an address of this machine, as whoever has a token; status and body, whatever
    /// they are.
    pub fn ask(&self, host: IpAddr, path: &str, token: Option<&str>) -> Result<(u16, String)> {
        let mut request = ureq::get(format!("{}{path}", self.admin_url(host)));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut answer = request.config().http_status_as_error(false).build().call()?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// The address that the API server calls, without a path.
    pub fn webhook_url(&self) -> String {
        format!("https://{}:{}", self.options.webhook_host, self.webhook_port)
    }

    /// The file that gets everything it prints, over all its lives.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of its log.
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.log, lines)
    }

    /// Lets it outlive this process.
    pub fn detach(self) -> Result<Option<Detached>> {
        self.held().take().map(Process::detach).transpose()
    }

    fn held(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self) -> Command {
        let options = &self.options;
        // An address that other machines use may be a gateway's, which this machine cannot bind.
        let loopback = options.webhook_host.is_loopback();
        let listen = if loopback { options.webhook_host } else { Ipv4Addr::UNSPECIFIED.into() };
        let mut command = Command::new(&options.program);
        command.env("KUBECONFIG", &options.kubeconfig).arg("operator");
        match &options.watch_namespace {
            Some(namespace) => command.args(["--watch-namespace", namespace]),
            None => command.args(["--webhook-url", &self.webhook_url(), "--listen", &format!("{listen}:{}", self.webhook_port)]),
        };
        command.args(["--admin-listen", &format!("{}:{}", options.admin_host, self.admin_port)]);
        command.args(["--allow-egress", "127.0.0.0/8", "--operator-namespace", OPERATOR_NAMESPACE]);
        for namespace in &options.exempt_namespaces {
            command.args(["--exempt-namespace", namespace]);
        }
        command.args(&options.arguments);
        command
    }
}
