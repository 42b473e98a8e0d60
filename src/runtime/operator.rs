//! The operator: its settings, how it is served, and the order in which its parts stop.

mod parts;
mod webhook;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kube::Client;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{SetOnce, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::webhook::Webhook;
pub use self::webhook::WebhookConfig;
use super::admin::{self, Readiness};
use super::leadership::Leadership;
use super::results::ResultsCluster;
use super::telemetry::LogFilter;
use crate::controllers::Reach;
use crate::controllers::certificates::ServingMaterial;
use crate::controllers::webhook_configuration::Target;
use crate::index::Snapshot;

/// The Lease that replicas compete for.
const LEASE: &str = "bonafide";
/// Time for requests in flight when the process stops.
const DRAIN: Duration = Duration::from_secs(10);
/// Time for the endpoints of the Service to forget a replica that stops.
const FORGET: Duration = Duration::from_secs(5);

/// Settings of the operator, checked.
#[derive(Clone, Debug)]
pub struct OperatorConfig {
    /// Where cluster-wide objects live.
    pub namespace: String,
    /// Whose objects and pods it looks at.
    pub reach: Reach,
    /// Namespaces that no policy holds for.
    pub exempt_namespaces: BTreeSet<String>,
    /// The webhook; none in an operator that only verifies what runs.
    pub webhook: Option<WebhookConfig>,
    /// Where liveness, readiness and metrics are served.
    pub admin_listen: SocketAddr,
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

impl OperatorConfig {
    /// Where the operator's own objects live: Lease, settings, states, certificates.
    pub fn home(&self) -> &str {
        match &self.reach {
            Reach::Cluster => &self.namespace,
            Reach::Namespace(name) => name,
        }
    }
}

/// Runs until cancelled or until a part that nothing works without has died.
pub async fn run(config: OperatorConfig, client: Client, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = match &config.webhook {
        Some(webhook) => Some(bind(webhook.listen).await?),
        None => None,
    };
    let admin = bind(config.admin_listen).await?;
    let webhook = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    tracing::info!(?webhook, admin = %admin.local_addr()?, namespace = config.home(), "starting");
    let cancel = CancellationToken::new();
    let leadership = Leadership::start(client.clone(), config.home(), &config.identity, LEASE, &cancel);
    let operator = parts::start(&config, &client, &leadership, cancel)?;
    let serving = operator.serve(&config, listener, admin)?;
    let result = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        () = leadership.died() => Err(anyhow::anyhow!("the task of the leader election has ended")),
    };
    operator.stop(&config, serving, leadership).await;
    result
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

struct Operator {
    tasks: TaskTracker,
    cancel: CancellationToken,
    registry: Arc<Registry>,
    results: Arc<ResultsCluster>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    settings_read: Arc<SetOnce<()>>,
    webhook: Option<Webhook>,
}

struct Serving {
    stop: CancellationToken,
    ready: Arc<Ready>,
    admin: CancellationToken,
}

impl Operator {
    fn serve(&self, config: &OperatorConfig, listener: Option<TcpListener>, admin: TcpListener) -> anyhow::Result<Serving> {
        let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
        let ready = Arc::new(Ready {
            snapshots: self.snapshots.clone(),
            material: self.webhook.as_ref().map(|webhook| webhook.material.clone()),
            settings_read: self.settings_read.clone(),
            stopping: CancellationToken::new(),
        });
        if let (Some(webhook), Some(listener)) = (&self.webhook, listener) {
            webhook.serve(listener, &config.namespace, DRAIN, &self.tasks, stop.clone(), self.cancel.clone())?;
        }
        self.tasks.spawn(admin::serve(admin, ready.clone(), self.registry.clone(), self.results.clone(), stop_admin.clone()));
        Ok(Serving { stop, ready, admin: stop_admin })
    }

    /// Not ready, then no new connections, then the writers, then the Lease.
    async fn stop(self, config: &OperatorConfig, serving: Serving, leadership: Leadership) {
        tracing::info!("stopping");
        serving.ready.stopping.cancel();
        if config.webhook.as_ref().is_some_and(|webhook| matches!(webhook.target, Target::Service { .. })) {
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

/// Readiness: everything listed, a snapshot published, the settings looked for, a certificate loaded where there is a
/// webhook, all listeners bound (they are, or nothing would have started).
struct Ready {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    material: Option<watch::Receiver<Option<Arc<ServingMaterial>>>>,
    settings_read: Arc<SetOnce<()>>,
    stopping: CancellationToken,
}

impl Readiness for Ready {
    fn missing(&self) -> Option<&'static str> {
        if self.stopping.is_cancelled() {
            Some("stopping")
        } else if self.snapshots.borrow().is_none() {
            Some("not everything was listed yet")
        } else if self.material.as_ref().is_some_and(|material| material.borrow().is_none()) {
            Some("the certificate was not read yet")
        } else if !self.settings_read.initialized() {
            Some("the settings were not read yet")
        } else {
            None
        }
    }
}
