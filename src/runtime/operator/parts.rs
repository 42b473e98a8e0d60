//! The parts of the operator, each started by one function.

use std::sync::Arc;

use anyhow::Context;
use kube::Client;
use prometheus_client::registry::Registry;
use tokio::sync::{SetOnce, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::leadership::Leadership;
use super::super::metrics::{Metrics, State};
use super::super::results::ResultsCluster;
use super::super::surroundings::Cluster;
use super::super::telemetry::LogFilter;
use super::webhook::{Webhook, WebhookConfig};
use super::{LEASE, Operator, OperatorConfig};
use crate::admission::{Gate, Traffic};
use crate::alerting::{Alerts, Dispatcher};
use crate::controllers::certificates::{self, CertificateSettings};
use crate::controllers::notary_state::{Census, ConfigMapStateStore, Remembered};
use crate::controllers::settings::{Publish, SettingsSource};
use crate::controllers::status::StatusWriter;
use crate::controllers::verification_report::{self, ReportSettings, Running};
use crate::controllers::webhook_configuration::{self, Installed, Target, WebhookSettings};
use crate::controllers::{AlertMaterial, Collector, Compiled, NamespaceReader, Publisher, PullSecretReader, node_critical};
use crate::evaluate::{Evaluator, StateStore};
use crate::index::{Coverage, Snapshot};
use crate::settings::Settings;

/// Towards registries and receivers of alerts.
const USER_AGENT: &str = concat!("bonafide/", env!("CARGO_PKG_VERSION"));

/// What every part is started with.
struct Parts<'a> {
    config: &'a OperatorConfig,
    client: &'a Client,
    leadership: &'a Leadership,
    tasks: TaskTracker,
    cancel: CancellationToken,
    metrics: Arc<Metrics>,
}

/// Starts everything but the listeners.
pub(super) fn start(
    config: &OperatorConfig,
    client: &Client,
    leadership: &Leadership,
    cancel: CancellationToken,
) -> anyhow::Result<Operator> {
    let mut registry = Registry::with_prefix("bonafide");
    let metrics = Metrics::register(&mut registry);
    let parts = Parts { config, client, leadership, tasks: TaskTracker::new(), cancel, metrics };

    let (settings, settings_read) = parts.settings();
    parts.spawn(follow_log_level(settings.clone(), config.log.clone(), parts.cancel.clone()));
    let alerts = parts.alerts(settings.clone())?;
    let evaluator = parts.evaluator(settings.clone())?;
    let (traffic, running) = (Traffic::default(), Running::default());
    let pull_secrets = PullSecretReader::new(client.clone());
    let (snapshots, snapshots_read) = watch::channel::<Option<Arc<Snapshot>>>(None);
    let (compiled, compiled_read) = watch::channel::<Option<Compiled>>(None);
    let (coverage, coverage_read) = watch::channel(None);
    let (installed, installed_read) = watch::channel::<Option<Installed>>(None);
    let collector = parts.collector();
    let stores = collector.stores.clone();
    parts.spawn(collector.run(Publisher { snapshots, compiled, coverage }, parts.cancel.clone()));
    parts.spawn(know_hosts(compiled_read.clone(), parts.metrics.clone(), parts.cancel.clone()));

    let remembered = parts.census();
    let status = StatusWriter {
        client: client.clone(),
        stores,
        compiled: compiled_read.clone(),
        installed: installed_read.clone(),
        remembered: remembered.clone(),
        leader: leadership.leader(),
        reach: config.reach.clone(),
    };
    parts.spawn(status.run(parts.cancel.clone()));
    let reports = ReportSettings {
        client: client.clone(),
        reach: config.reach.clone(),
        evaluator: evaluator.clone(),
        snapshots: snapshots_read.clone(),
        leader: leadership.leader(),
        pull_secrets: pull_secrets.clone(),
        traffic: traffic.clone(),
        alerts: alerts.clone(),
        running: running.clone(),
        settings: settings.clone(),
        cancel: parts.cancel.clone(),
    };
    parts.spawn(when(settings_read.clone(), verification_report::run(reports)));
    parts.spawn(verification_report::remind(running.clone(), alerts.clone(), parts.cancel.clone()));
    registry.register_collector(Box::new(State {
        compiled: compiled_read,
        leader: leadership.leader(),
        verdicts: evaluator.verdicts().clone(),
        installed: installed_read,
        remembered,
        running: running.clone(),
        alerts: alerts.clone(),
        settings,
    }));
    let results = Arc::new(parts.results(running));
    let webhook = config.webhook.as_ref().map(|webhook| {
        let cluster = Cluster { namespaces: NamespaceReader::new(client.clone()), pull_secrets };
        let observer = parts.metrics.clone();
        let gate = Gate { snapshots: snapshots_read.clone(), evaluator, surroundings: Arc::new(cluster), observer, traffic, alerts };
        parts.webhook(webhook, gate, coverage_read, installed)
    });
    let Parts { tasks, cancel, .. } = parts;
    Ok(Operator { tasks, cancel, registry: Arc::new(registry), results, snapshots: snapshots_read, settings_read, webhook })
}

impl Parts<'_> {
    fn spawn(&self, part: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(part);
    }

    /// The settings, and whether they were looked for.
    fn settings(&self) -> (watch::Receiver<Arc<Settings>>, Arc<SetOnce<()>>) {
        let (settings, in_force) = watch::channel(Arc::new(Settings::default()));
        let read = Arc::new(SetOnce::new());
        let source = SettingsSource {
            client: self.client.clone(),
            namespace: self.config.home().to_owned(),
            name: self.config.settings.clone(),
            leader: self.leadership.leader(),
            usable: self.metrics.settings_usable.clone(),
            refused: self.metrics.settings_refused.clone(),
        };
        self.spawn(source.follow(Publish { settings, read: read.clone() }, self.cancel.clone()));
        (in_force, read)
    }

    fn evaluator(&self, settings: watch::Receiver<Arc<Settings>>) -> anyhow::Result<Evaluator> {
        let (config, lost) = (self.config, self.metrics.notary_state_lost.clone());
        let states = ConfigMapStateStore::new(self.client.clone(), config.home(), &config.namespace, config.notary_quota, lost);
        let states: Arc<dyn StateStore> = Arc::new(states);
        let counted = self.metrics.clone();
        let client = oci::ClientSettings {
            egress: config.egress.clone(),
            user_agent: USER_AGENT.to_owned(),
            on_request: Some(Arc::new(move |host: &oci::Host, outcome| counted.registry_request(host, outcome))),
            max_concurrent_per_host: oci::DEFAULT_CONCURRENCY,
            max_bytes: oci::DEFAULT_BYTES,
        };
        let registries = oci::Client::new(client).context("the registry client cannot be set up")?;
        self.spawn(follow_request_rates(settings, registries.limits().clone(), self.cancel.clone()));
        Ok(Evaluator::new(registries, self.metrics.clone(), states))
    }

    /// Those who are told, as the settings have them.
    fn alerts(&self, settings: watch::Receiver<Arc<Settings>>) -> anyhow::Result<Alerts> {
        let alerts = Alerts::default();
        let poster =
            oci::Poster::new(self.config.egress.clone(), USER_AGENT.to_owned()).context("the client for alerts cannot be set up")?;
        let material = AlertMaterial::new(self.client.clone(), self.config.home().to_owned());
        let dispatcher = Dispatcher::new(alerts.clone(), poster, material.clone(), self.tasks.clone(), self.cancel.clone());
        self.spawn(material.follow(settings, dispatcher, self.cancel.clone()));
        Ok(alerts)
    }

    fn collector(&self) -> Collector {
        let OperatorConfig { namespace, exempt_namespaces, reach, .. } = self.config;
        let errors = &self.metrics.watch_errors;
        Collector::start(self.client, reach, namespace.clone(), exempt_namespaces.clone(), errors, &self.tasks, &self.cancel)
    }

    /// Counts what is remembered of trust data.
    fn census(&self) -> watch::Receiver<Option<Remembered>> {
        let (remembered, read) = watch::channel(None);
        let census = Census {
            client: self.client.clone(),
            namespace: self.config.home().to_owned(),
            leader: self.leadership.leader(),
            lost: self.metrics.notary_state_lost.clone(),
            remembered,
        };
        self.spawn(census.run(self.cancel.clone()));
        read
    }

    /// What `/results` tells from, and whom it asks who may see it.
    fn results(&self, running: Running) -> ResultsCluster {
        let in_pods = self.config.webhook.as_ref().is_none_or(|webhook| matches!(webhook.target, Target::Service { .. }));
        ResultsCluster {
            client: self.client.clone(),
            running,
            namespace: self.config.home().to_owned(),
            lease: LEASE,
            pod_port: in_pods.then(|| self.config.admin_listen.port()),
        }
    }

    /// The certificates, the webhook configurations, and what answers behind them.
    fn webhook(
        &self,
        config: &WebhookConfig,
        gate: Gate,
        coverage: watch::Receiver<Option<Coverage>>,
        installed: watch::Sender<Option<Installed>>,
    ) -> Webhook {
        let OperatorConfig { namespace, exempt_namespaces, .. } = self.config;
        let (client, leader) = (self.client, self.leadership.leader());
        self.spawn(node_critical::warn(client.clone(), exempt_namespaces.clone()));
        let unreadable = self.metrics.unreadable_certificates.clone();
        let material = certificates::observe(client.clone(), namespace, unreadable, &self.tasks, self.cancel.clone());
        let settings = CertificateSettings { namespace: namespace.clone(), names: config.target.names() };
        self.spawn(certificates::maintain(client.clone(), settings, leader.clone(), self.cancel.clone()));
        let settings = WebhookSettings {
            operator_namespace: namespace.clone(),
            exempt_namespaces: exempt_namespaces.clone(),
            target: config.target.clone(),
        };
        let cancel = self.cancel.clone();
        let material_read = material.clone();
        self.spawn(webhook_configuration::maintain(client.clone(), settings, coverage, material_read, leader, installed, cancel));
        Webhook { gate: Arc::new(gate), material }
    }
}

/// A part that begins when the settings were looked for, so that it never acts on others.
async fn when(settings_read: Arc<SetOnce<()>>, part: impl Future<Output = ()>) {
    settings_read.wait().await;
    part.await;
}

/// The log level of the settings, or that of the command line.
async fn follow_log_level(mut settings: watch::Receiver<Arc<Settings>>, log: LogFilter, cancel: CancellationToken) {
    while let Some(Ok(())) = cancel.run_until_cancelled(settings.changed()).await {
        let settings = settings.borrow_and_update().clone();
        log.set(settings.log_level.as_deref());
    }
}

/// How often registries may be asked.
async fn follow_request_rates(mut settings: watch::Receiver<Arc<Settings>>, limits: oci::Limits, cancel: CancellationToken) {
    loop {
        let in_force = settings.borrow_and_update().clone();
        limits.set((&in_force.limits.registry_requests_per_second).into());
        let Some(Ok(())) = cancel.run_until_cancelled(settings.changed()).await else { return };
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
