//! The Secrets and `ConfigMap`s that receivers of alerts name: watched in the operator namespace for as long as they are.
//!
//! Boundary: reads for `alerting`, which knows no client. Invariant: nothing outside of the operator namespace is read, and
//! what was read once stays in use while the API server is away.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::sources::Sources;
use crate::alerting::{Absent, Dispatcher, Material};
use crate::index::{Source, SourceKind, SourceRef};
use crate::policy::ObjectName;
use crate::settings::{Alerting, Settings};

/// What receivers name, as it was read last.
pub struct AlertMaterial {
    namespace: String,
    sources: Mutex<Sources>,
}

impl AlertMaterial {
    /// Nothing is read before somebody names it.
    pub fn new(client: Client, namespace: String) -> Arc<Self> {
        // Not among the tasks that are waited for at the end: what is told last may need a Secret.
        let tasks = TaskTracker::new();
        // Whoever reads, reads what is there: nobody waits for changes.
        let sources = Sources::new(client, tasks, Arc::new(Notify::new()));
        Arc::new(Self { namespace, sources: Mutex::new(sources) })
    }

    /// Makes the receivers what the settings say, now and whenever they change, until `cancel`.
    pub async fn follow(self: Arc<Self>, mut settings: watch::Receiver<Arc<Settings>>, dispatcher: Dispatcher, cancel: CancellationToken) {
        loop {
            let now = settings.borrow_and_update().clone();
            self.sources.lock().unwrap_or_else(PoisonError::into_inner).follow(&self.named(&now.alerting));
            dispatcher.follow(&now.alerting);
            if !matches!(cancel.run_until_cancelled(settings.changed()).await, Some(Ok(()))) {
                return;
            }
        }
    }

    fn named(&self, alerting: &Alerting) -> BTreeSet<SourceRef> {
        let receivers = alerting.receivers.iter();
        let secrets = receivers.clone().flat_map(|receiver| receiver.secrets()).map(|name| self.source(SourceKind::Secret, name));
        let maps = receivers.filter_map(|receiver| receiver.config_map()).map(|name| self.source(SourceKind::ConfigMap, name));
        secrets.chain(maps).collect()
    }

    fn source(&self, kind: SourceKind, name: &str) -> SourceRef {
        SourceRef { kind, name: ObjectName::new(&self.namespace, name) }
    }

    fn value(&self, kind: SourceKind, name: &str, key: &str) -> Result<Vec<u8>, Absent> {
        let source = self.sources.lock().unwrap_or_else(PoisonError::into_inner).get(&self.source(kind, name));
        let (kind, name) = (kind.as_str(), name.to_owned());
        let missing = || Absent::Key { kind, name: name.clone(), key: key.to_owned() };
        match source {
            None => Err(Absent::Unread { kind, name }),
            Some(Source::Forbidden) => Err(Absent::Forbidden { kind, name }),
            Some(Source::Missing | Source::Beyond) => Err(missing()),
            Some(Source::Found(data)) => data.data.get(key).cloned().ok_or_else(missing),
        }
    }
}

impl Material for AlertMaterial {
    fn secret(&self, name: &str, key: &str) -> Result<Vec<u8>, Absent> {
        self.value(SourceKind::Secret, name, key)
    }

    fn config_map(&self, name: &str, key: &str) -> Result<Vec<u8>, Absent> {
        self.value(SourceKind::ConfigMap, name, key)
    }
}
