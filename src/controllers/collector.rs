//! Stores to snapshot: waits for changes, compiles everything anew, publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Reach;
use super::sources::Sources;
use super::watch::{Stores, WatchErrors, observe};
use crate::index::{Coverage, Finding, Inputs, Snapshot, Source, SourceRef, capped, compile, wanted};
use crate::policy::Kind;

/// Changes that come together are compiled together.
const DEBOUNCE: Duration = Duration::from_millis(15);
/// How long a snapshot waits for a source that an object has just begun to name.
const READING: Duration = Duration::from_secs(1);
/// The same for the first snapshot, before which this replica is not ready and others answer.
const FIRST_READING: Duration = Duration::from_secs(10);

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
        reach: &Reach,
        operator_namespace: String,
        exempt_namespaces: BTreeSet<String>,
        errors: &WatchErrors,
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> Self {
        let changed = Arc::new(Notify::new());
        let stores = observe(client, reach, &changed, errors, tasks, cancel);
        let sources = Sources::new(client.clone(), tasks.clone(), changed.clone());
        Self { stores, operator_namespace, exempt_namespaces, sources, changed }
    }

    /// Compiles after every change, until cancelled. Nothing is published before everything was listed.
    pub async fn run(mut self, publisher: Publisher, cancel: CancellationToken) {
        if cancel.run_until_cancelled(self.stores.listed()).await != Some(true) {
            return;
        }
        let mut patience = Patience::default();
        loop {
            let mut inputs = self.inputs();
            let (followed, beyond) = capped(wanted(&inputs));
            self.sources.follow(&followed);
            inputs.sources.extend(beyond.into_iter().map(|source| (source, Source::Beyond)));
            let wait = patience.left(inputs.unread(), Instant::now());
            if wait.is_none() {
                // What tenants write decides how long this takes: it must not hold up those who answer.
                let Ok((snapshot, findings)) = tokio::task::spawn_blocking(move || compile(&inputs)).await else {
                    tracing::error!("compiling has failed; what is in force stays, and no change is followed any more");
                    return;
                };
                publisher.publish(snapshot, findings);
                patience.published();
            }
            let again = async {
                match wait {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.changed.notified() => tokio::time::sleep(DEBOUNCE).await,
                () = again => {}
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

/// How long a snapshot waits for sources that objects name and nobody has read yet: for each one only once, and never
/// longer than that from the first change that it holds back.
#[derive(Debug, Default)]
struct Patience {
    since: BTreeMap<SourceRef, Instant>,
    held_back: Option<Instant>,
    published: bool,
}

impl Patience {
    /// Until when to wait; nothing when everything was read or has been waited for. Then it is time to publish.
    fn left(&mut self, unread: BTreeSet<SourceRef>, now: Instant) -> Option<Instant> {
        self.since.retain(|source, _| unread.contains(source));
        for source in unread {
            self.since.entry(source).or_insert(now);
        }
        let patience = if self.published { READING } else { FIRST_READING };
        let latest = *self.held_back.get_or_insert(now) + patience;
        let until = self.since.values().map(|since| *since + patience).max().map(|until| until.min(latest));
        until.filter(|until| *until > now)
    }

    fn published(&mut self) {
        self.published = true;
        self.held_back = None;
    }
}

impl Publisher {
    fn publish(&self, snapshot: Snapshot, findings: Vec<Finding>) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::SourceKind;
    use crate::policy::ObjectName;

    fn source(name: &str) -> SourceRef {
        SourceRef { kind: SourceKind::Secret, name: ObjectName::new("shop", name) }
    }

    #[test]
    fn a_source_that_stays_unread_costs_others_no_patience() {
        let (start, mut patience) = (Instant::now(), Patience { published: true, ..Patience::default() });
        assert_eq!(patience.left([source("never")].into(), start), Some(start + READING));
        let later = start + READING * 2;
        assert_eq!(patience.left([source("never")].into(), later), None);
        patience.published();
        assert_eq!(patience.left([source("never"), source("new")].into(), later), Some(later + READING));
        patience.published();
        assert_eq!(patience.left([source("never")].into(), later), None);
    }

    #[test]
    fn who_keeps_naming_new_sources_holds_nobody_back_for_longer() {
        let (start, mut patience) = (Instant::now(), Patience { published: true, ..Patience::default() });
        assert_eq!(patience.left([source("a")].into(), start), Some(start + READING));
        assert_eq!(patience.left([source("b")].into(), start + READING / 2), Some(start + READING));
        assert_eq!(patience.left([source("c")].into(), start + READING), None);
    }

    #[test]
    fn the_first_snapshot_waits_longer() {
        let (start, mut patience) = (Instant::now(), Patience::default());
        assert_eq!(patience.left([source("slow")].into(), start), Some(start + FIRST_READING));
        assert_eq!(patience.left(BTreeSet::new(), start), None);
    }
}
