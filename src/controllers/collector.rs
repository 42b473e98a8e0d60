//! Stores to snapshot: waits for changes, compiles everything anew, publishes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::sources::Sources;
use super::watch::{Stores, observe};
use crate::index::{Coverage, Finding, Inputs, Snapshot, compile, wanted};
use crate::policy::Kind;

/// Changes that come together are compiled together.
const DEBOUNCE: Duration = Duration::from_millis(15);
/// How long a snapshot waits for a source that an object has just begun to name.
const READING: Duration = Duration::from_secs(1);

/// A snapshot with what was found out on the way.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What is in force.
    pub snapshot: Arc<Snapshot>,
    /// What becomes of each object's status.
    pub findings: Arc<Vec<Finding>>,
    /// When it was published.
    pub published: Instant,
}

/// Keeps the snapshot up to date.
pub struct Collector {
    /// The stores it is made from.
    pub stores: Stores,
    operator_namespace: String,
    exempt_namespaces: BTreeSet<String>,
    sources: Sources,
    changed: Arc<Notify>,
}

/// Where snapshots are published.
pub struct Publisher {
    /// For admission and re-verification.
    pub snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    /// For the status writers.
    pub compiled: watch::Sender<Option<Compiled>>,
    /// For the webhook configurations.
    pub coverage: watch::Sender<Option<Coverage>>,
}

impl Collector {
    /// Starts the watches.
    pub fn start(
        client: &Client,
        operator_namespace: String,
        exempt_namespaces: BTreeSet<String>,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> Self {
        let changed = Arc::new(Notify::new());
        let stores = observe(client, &changed, tasks, cancel);
        let sources = Sources::new(client.clone(), tasks.clone(), changed.clone());
        Self { stores, operator_namespace, exempt_namespaces, sources, changed }
    }

    /// Compiles after every change, until cancelled. Nothing is published before everything was listed.
    pub async fn run(mut self, publisher: Publisher, cancel: CancellationToken) {
        if cancel.run_until_cancelled(self.stores.listed()).await != Some(true) {
            return;
        }
        let mut waiting_since: Option<Instant> = None;
        loop {
            let inputs = self.inputs();
            self.sources.follow(&wanted(&inputs));
            let reading = !inputs.unread().is_empty();
            let since = *waiting_since.get_or_insert_with(Instant::now);
            if !reading || since.elapsed() >= READING {
                publisher.publish(&inputs);
            }
            if !reading {
                waiting_since = None;
            }
            let recheck = async {
                if reading && since.elapsed() < READING {
                    tokio::time::sleep_until(since + READING).await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.changed.notified() => tokio::time::sleep(DEBOUNCE).await,
                () = recheck => {}
            }
        }
    }

    fn inputs(&self) -> Inputs {
        Inputs {
            operator_namespace: self.operator_namespace.clone(),
            exempt_namespaces: self.exempt_namespaces.clone(),
            policies: self.stores.observed(Kind::ImagePolicy),
            validators: self.stores.observed(Kind::Validator),
            trust_roots: self.stores.observed(Kind::TrustRoot),
            namespaces: Arc::new(self.stores.labels()),
            sources: self.sources.read(),
        }
    }
}

impl Publisher {
    fn publish(&self, inputs: &Inputs) {
        let (snapshot, findings) = compile(inputs);
        let coverage = snapshot.coverage();
        let compiled = Compiled { snapshot: Arc::new(snapshot), findings: Arc::new(findings), published: Instant::now() };
        self.snapshots.send_replace(Some(compiled.snapshot.clone()));
        self.compiled.send_replace(Some(compiled));
        self.coverage.send_if_modified(|current| {
            let differs = current.as_ref() != Some(&coverage);
            *current = Some(coverage);
            differs
        });
    }
}
