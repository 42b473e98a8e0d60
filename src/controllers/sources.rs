//! Secrets and `ConfigMap`s that our objects name: each watched by itself, by name, for as long as it is named.
//!
//! Invariant: what was read once stays in force while the API server is away; a deleted or forbidden source is known
//! as such.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::index::{Source, SourceData, SourceKind, SourceRef};

type Read = Arc<Mutex<BTreeMap<SourceRef, Source>>>;

/// A pause after any other failure.
const FAILED_RETRY: Duration = Duration::from_secs(1);
/// How long a permission that was given meanwhile may go unnoticed.
const FORBIDDEN_RETRY: Duration = Duration::from_secs(5);

/// The watches of named sources.
pub(super) struct Sources {
    client: Client,
    tasks: TaskTracker,
    changed: Arc<Notify>,
    read: Read,
    watching: BTreeMap<SourceRef, AbortHandle>,
}

impl Sources {
    pub(super) fn new(client: Client, tasks: TaskTracker, changed: Arc<Notify>) -> Self {
        Self { client, tasks, changed, read: Read::default(), watching: BTreeMap::new() }
    }

    /// What was read so far.
    pub(super) fn read(&self) -> BTreeMap<SourceRef, Source> {
        lock(&self.read).clone()
    }

    /// What was read of one source; nothing before it was looked for.
    pub(super) fn get(&self, source: &SourceRef) -> Option<Source> {
        lock(&self.read).get(source).cloned()
    }

    /// Starts and ends watches so that just the wanted sources are watched.
    pub(super) fn follow(&mut self, wanted: &BTreeSet<SourceRef>) {
        let gone: Vec<_> = self.watching.keys().filter(|source| !wanted.contains(source)).cloned().collect();
        for source in gone {
            if let Some(task) = self.watching.remove(&source) {
                task.abort();
            }
            lock(&self.read).remove(&source);
        }
        for source in wanted {
            if !self.watching.contains_key(source) {
                // A watch that was ended may have written once more.
                lock(&self.read).remove(source);
                self.watching.insert(source.clone(), self.start(source.clone()));
            }
        }
    }

    fn start(&self, source: SourceRef) -> AbortHandle {
        let namespace = source.name.namespace.clone();
        let (read, changed) = (self.read.clone(), self.changed.clone());
        match source.kind {
            SourceKind::Secret => {
                let api: Api<Secret> = Api::namespaced(self.client.clone(), &namespace);
                self.tasks.spawn(watch(api, source, secret_data, read, changed)).abort_handle()
            }
            SourceKind::ConfigMap => {
                let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &namespace);
                self.tasks.spawn(watch(api, source, config_map_data, read, changed)).abort_handle()
            }
        }
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.watching.values().for_each(AbortHandle::abort);
    }
}

fn lock(read: &Read) -> std::sync::MutexGuard<'_, BTreeMap<SourceRef, Source>> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn watch<K>(api: Api<K>, source: SourceRef, data: fn(K) -> SourceData, read: Read, changed: Arc<Notify>)
where
    K: kube::Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let config = watcher::Config::default().fields(&format!("metadata.name={}", source.name.name));
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    let mut listed = Source::Missing;
    while let Some(event) = events.next().await {
        let now = match event {
            Ok(watcher::Event::Init) => {
                listed = Source::Missing;
                continue;
            }
            Ok(watcher::Event::InitApply(object)) => {
                listed = Source::Found(Arc::new(data(object)));
                continue;
            }
            Ok(watcher::Event::InitDone) => std::mem::replace(&mut listed, Source::Missing),
            Ok(watcher::Event::Apply(object)) => Source::Found(Arc::new(data(object))),
            Ok(watcher::Event::Delete(_)) => Source::Missing,
            Err(error) if is_forbidden(&error) => Source::Forbidden,
            Err(error) => {
                tracing::warn!(kind = source.kind.as_str(), name = %source.name, error = %crate::chain(&error), "watch failed");
                tokio::time::sleep(FAILED_RETRY).await;
                continue;
            }
        };
        let forbidden = now == Source::Forbidden;
        let before = lock(&read).insert(source.clone(), now.clone());
        if before.as_ref() != Some(&now) {
            changed.notify_one();
        }
        if forbidden {
            // The watcher starts its own back-off anew with each attempt to list.
            tokio::time::sleep(FORBIDDEN_RETRY).await;
        }
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status)) | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => {
            status.is_forbidden()
        }
        watcher::Error::WatchError(status) => status.is_forbidden(),
        _ => false,
    }
}

fn secret_data(secret: Secret) -> SourceData {
    let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
    SourceData { secret_type: secret.type_, data }
}

fn config_map_data(map: ConfigMap) -> SourceData {
    let text = map.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes()));
    let binary = map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
    SourceData { secret_type: None, data: text.chain(binary).collect() }
}
