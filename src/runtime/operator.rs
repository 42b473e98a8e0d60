//! The operator: which parts there are, how they are connected, and the order in which they stop.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kube::Client;
use prometheus_client::registry::Registry;
use rustls::sign::CertifiedKey;
use tokio::net::TcpListener;
use tokio::sync::{SetOnce, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin::{self, Readiness};
use super::leadership::Leadership;
use super::metrics::{Metrics, State};
use super::surroundings::Cluster;
use super::telemetry::LogFilter;
use crate::admission::{Bodies, Gate, Routes, Traffic, routes, server};
use crate::controllers::certificates::{self, CertificateSettings, ServingMaterial};
use crate::controllers::notary_state::{Census, ConfigMapStateStore, Remembered};
use crate::controllers::settings::{Publish, SettingsSource};
use crate::controllers::status::StatusWriter;
use crate::controllers::verification_report::{self, ReportSettings, Running};
use crate::controllers::webhook_configuration::{self, Installed, Target, WebhookSettings};
use crate::controllers::{Collector, Compiled, NamespaceReader, Publisher, PullSecretReader, node_critical};
use crate::evaluate::{Evaluator, StateStore};
use crate::index::Snapshot;
use crate::settings::Settings;

/// The Lease that replicas compete for.
const LEASE: &str = "bonafide";
/// Time for requests in flight when the process stops.
const DRAIN: Duration = Duration::from_secs(10);
/// Time for the endpoints of the Service to forget a replica that stops.
const FORGET: Duration = Duration::from_secs(5);

/// Settings of the operator, checked.
#[derive(Clone, Debug)]
pub struct OperatorConfig {
    /// Where cluster-wide objects, Secrets of ours and the Lease live.
    pub namespace: String,
    /// Namespaces that no policy holds for.
    pub exempt_namespaces: BTreeSet<String>,
    /// Where the webhook listens.
    pub listen: SocketAddr,
    /// Where liveness, readiness and metrics are served.
    pub admin_listen: SocketAddr,
    /// How the API server reaches the webhook.
    pub webhook: Target,
    /// Addresses that may be dialled although they are refused by default.
    pub egress: oci::Egress,
    /// Repositories of Notary v1 that a tenant namespace may have remembered.
    pub notary_quota: usize,
    /// The `ConfigMap` with the settings.
    pub settings: String,
    /// Decides which log lines are written.
    pub log: LogFilter,
    /// This replica's name in the Lease.
    pub identity: String,
}

/// Runs until cancelled or until a part that nothing works without has died.
pub async fn run(config: OperatorConfig, client: Client, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let admin = TcpListener::bind(config.admin_listen).await.with_context(|| format!("cannot listen on {}", config.admin_listen))?;
    tracing::info!(webhook = %listener.local_addr()?, admin = %admin.local_addr()?, namespace = config.namespace, "starting");
    let cancel = CancellationToken::new();
    let leadership = Leadership::start(client.clone(), &config.namespace, &config.identity, LEASE, &cancel);
    let operator = Operator::start(&config, &client, &leadership, cancel)?;
    let serving = operator.serve(&config, listener, admin)?;
    let result = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        () = leadership.died() => Err(anyhow::anyhow!("the task of the leader election has ended")),
    };
    operator.stop(&config, serving, leadership).await;
    result
}

struct Operator {
    tasks: TaskTracker,
    cancel: CancellationToken,
    gate: Arc<Gate>,
    registry: Arc<Registry>,
    material: watch::Receiver<Option<Arc<ServingMaterial>>>,
    settings_read: Arc<SetOnce<()>>,
}

struct Serving {
    stop: CancellationToken,
    ready: Arc<Ready>,
    admin: CancellationToken,
}

impl Operator {
    fn start(config: &OperatorConfig, client: &Client, leadership: &Leadership, cancel: CancellationToken) -> anyhow::Result<Self> {
        let tasks = TaskTracker::new();
        let mut registry = Registry::with_prefix("bonafide");
        let metrics = Metrics::register(&mut registry);
        let lost = metrics.notary_state_lost.clone();
        let seen = ConfigMapStateStore::new(client.clone(), &config.namespace, config.notary_quota, lost);
        let evaluator = evaluator(config, metrics.clone(), Arc::new(seen))?;
        let pull_secrets = PullSecretReader::new(client.clone());
        let traffic = Traffic::default();
        let running = Running::default();

        let (snapshots, snapshots_read) = watch::channel::<Option<Arc<Snapshot>>>(None);
        let (compiled, compiled_read) = watch::channel::<Option<Compiled>>(None);
        let (coverage, coverage_read) = watch::channel(None);
        let (installed, installed_read) = watch::channel::<Option<Installed>>(None);
        let (remembered, remembered_read) = watch::channel::<Option<Remembered>>(None);
        let (settings, settings_in_force) = watch::channel(Arc::new(Settings::default()));
        let settings_read = Arc::new(SetOnce::new());
        let source = SettingsSource {
            client: client.clone(),
            namespace: config.namespace.clone(),
            name: config.settings.clone(),
            leader: leadership.leader(),
            usable: metrics.settings_usable.clone(),
            refused: metrics.settings_refused.clone(),
        };
        tasks.spawn(source.follow(Publish { settings, read: settings_read.clone() }, cancel.clone()));
        tasks.spawn(follow_log_level(settings_in_force.clone(), config.log.clone(), cancel.clone()));
        let collector = Collector::start(client, config.namespace.clone(), config.exempt_namespaces.clone(), &tasks, &cancel);
        let stores = collector.stores.clone();
        tasks.spawn(node_critical::warn(client.clone(), config.exempt_namespaces.clone()));
        tasks.spawn(collector.run(Publisher { snapshots, compiled, coverage }, cancel.clone()));

        let unreadable = metrics.unreadable_certificates.clone();
        let material = certificates::observe(client.clone(), &config.namespace, unreadable, &tasks, cancel.clone());
        let settings = CertificateSettings { namespace: config.namespace.clone(), names: config.webhook.names() };
        tasks.spawn(certificates::maintain(client.clone(), settings, leadership.leader(), cancel.clone()));
        let settings = WebhookSettings {
            operator_namespace: config.namespace.clone(),
            exempt_namespaces: config.exempt_namespaces.clone(),
            target: config.webhook.clone(),
        };
        tasks.spawn(webhook_configuration::maintain(
            client.clone(),
            settings,
            coverage_read,
            material.clone(),
            leadership.leader(),
            installed,
            cancel.clone(),
        ));
        let census = Census {
            client: client.clone(),
            namespace: config.namespace.clone(),
            leader: leadership.leader(),
            lost: metrics.notary_state_lost.clone(),
            remembered,
        };
        tasks.spawn(census.run(cancel.clone()));
        let status = StatusWriter {
            client: client.clone(),
            stores,
            compiled: compiled_read.clone(),
            installed: installed_read.clone(),
            remembered: remembered_read.clone(),
            leader: leadership.leader(),
        };
        tasks.spawn(status.run(cancel.clone()));
        tasks.spawn(verification_report::run(ReportSettings {
            client: client.clone(),
            evaluator: evaluator.clone(),
            snapshots: snapshots_read.clone(),
            leader: leadership.leader(),
            pull_secrets: pull_secrets.clone(),
            traffic: traffic.clone(),
            running: running.clone(),
            cancel: cancel.clone(),
        }));
        registry.register_collector(Box::new(State {
            compiled: compiled_read.clone(),
            leader: leadership.leader(),
            verdicts: evaluator.verdicts().clone(),
            installed: installed_read,
            remembered: remembered_read,
            running,
        }));
        tasks.spawn(know_hosts(compiled_read, metrics.clone(), cancel.clone()));
        let cluster = Cluster { namespaces: NamespaceReader::new(client.clone()), pull_secrets };
        let gate = Gate { snapshots: snapshots_read, evaluator, surroundings: Arc::new(cluster), observer: metrics, traffic };
        Ok(Self { tasks, cancel, gate: Arc::new(gate), registry: Arc::new(registry), material, settings_read })
    }

    fn serve(&self, config: &OperatorConfig, listener: TcpListener, admin: TcpListener) -> anyhow::Result<Serving> {
        let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
        let ready = Arc::new(Ready {
            gate: self.gate.clone(),
            material: self.material.clone(),
            settings_read: self.settings_read.clone(),
            stopping: CancellationToken::new(),
        });
        let (certificate, certificate_read) = watch::channel(None);
        let (segment, segment_read) = watch::channel(None);
        self.tasks.spawn(split(self.material.clone(), certificate, segment, self.cancel.clone()));
        let tls = server::tls_config(certificate_read).context("the TLS settings are unusable")?;
        let operator_namespace = config.namespace.as_str().into();
        let service = routes(Routes { gate: self.gate.clone(), segment: segment_read, operator_namespace, bodies: Bodies::default() });
        self.tasks.spawn(server::serve(listener, tls, warp::service(service), stop.clone(), DRAIN));
        self.tasks.spawn(admin::serve(admin, ready.clone(), self.registry.clone(), stop_admin.clone()));
        Ok(Serving { stop, ready, admin: stop_admin })
    }

    /// Not ready, then no new connections, then the writers, then the Lease.
    async fn stop(self, config: &OperatorConfig, serving: Serving, leadership: Leadership) {
        tracing::info!("stopping");
        serving.ready.stopping.cancel();
        if matches!(config.webhook, Target::Service { .. }) {
            tokio::time::sleep(FORGET).await;
        }
        serving.stop.cancel();
        leadership.stop().await;
        self.cancel.cancel();
        serving.admin.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("some tasks did not stop in time");
        }
    }
}

fn evaluator(config: &OperatorConfig, metrics: Arc<Metrics>, states: Arc<dyn StateStore>) -> anyhow::Result<Evaluator> {
    let counted = metrics.clone();
    let settings = oci::ClientSettings {
        egress: config.egress.clone(),
        user_agent: concat!("bonafide/", env!("CARGO_PKG_VERSION")).to_owned(),
        on_request: Some(Arc::new(move |host: &oci::Host, outcome| counted.registry_request(host, outcome))),
        max_concurrent_per_host: oci::DEFAULT_CONCURRENCY,
        max_bytes: oci::DEFAULT_BYTES,
    };
    Ok(Evaluator::new(oci::Client::new(settings).context("the registry client cannot be set up")?, metrics, states))
}

/// Gives the TLS listener its certificate and the routes their secret segment.
async fn split(
    mut material: watch::Receiver<Option<Arc<ServingMaterial>>>,
    certificate: watch::Sender<Option<Arc<CertifiedKey>>>,
    segment: watch::Sender<Option<Arc<str>>>,
    cancel: CancellationToken,
) {
    loop {
        if let Some(material) = material.borrow_and_update().clone() {
            segment.send_replace(Some(material.path_segment.as_str().into()));
            certificate.send_replace(Some(material.certified.clone()));
        }
        if !matches!(cancel.run_until_cancelled(material.changed()).await, Some(Ok(()))) {
            return;
        }
    }
}

/// The log level of the settings, or that of the command line.
async fn follow_log_level(mut settings: watch::Receiver<Arc<Settings>>, log: LogFilter, cancel: CancellationToken) {
    while let Some(Ok(())) = cancel.run_until_cancelled(settings.changed()).await {
        let settings = settings.borrow_and_update().clone();
        log.set(settings.log_level.as_deref());
    }
}

/// Tells the metrics which registry hosts may be labels.
async fn know_hosts(mut compiled: watch::Receiver<Option<Compiled>>, metrics: Arc<Metrics>, cancel: CancellationToken) {
    while let Some(Ok(())) = cancel.run_until_cancelled(compiled.changed()).await {
        if let Some(compiled) = compiled.borrow_and_update().clone() {
            metrics.know_hosts(compiled.snapshot.named_hosts());
        }
    }
}

/// Readiness: everything listed, a snapshot published, a certificate loaded, the settings looked for, both listeners bound (they are, or
/// nothing would have started).
struct Ready {
    gate: Arc<Gate>,
    material: watch::Receiver<Option<Arc<ServingMaterial>>>,
    settings_read: Arc<SetOnce<()>>,
    stopping: CancellationToken,
}

impl Readiness for Ready {
    fn missing(&self) -> Option<&'static str> {
        if self.stopping.is_cancelled() {
            Some("stopping")
        } else if self.gate.snapshots.borrow().is_none() {
            Some("not everything was listed yet")
        } else if self.material.borrow().is_none() {
            Some("the certificate was not read yet")
        } else if !self.settings_read.initialized() {
            Some("the settings were not read yet")
        } else {
            None
        }
    }
}
