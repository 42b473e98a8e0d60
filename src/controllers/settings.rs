//! The settings of the operator: one `ConfigMap`, read by every replica as soon as it changes.
//!
//! Boundary: reads the `ConfigMap`, publishes what `settings` makes of it. Invariant: what cannot be used changes nothing
//! that is in force, and is told: by a metric and the log of every replica, and by one Event of the leader.

use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::watcher::watch_object;
use kube::{Api, Client, Resource, ResourceExt};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{SetOnce, watch};
use tokio_util::sync::CancellationToken;

use crate::chain;
use crate::settings::{Settings, SettingsError};
use crate::text::shown;

/// The key of the `ConfigMap` that holds them.
pub const KEY: &str = "settings.yaml";
const CONTROLLER: &str = "bonafide";
/// What the API server takes of a note.
const MOST_NOTE: usize = 1000;

/// Where settings come from, and where it is told what becomes of them.
pub struct SettingsSource {
    /// Towards the API server.
    pub client: Client,
    /// The namespace of the `ConfigMap`.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether this replica writes Events.
    pub leader: watch::Receiver<bool>,
    /// 1 while what is written is in force, 0 while it cannot be used.
    pub usable: Gauge,
    /// Texts that could not be used.
    pub refused: Counter,
}

/// Where settings are published.
pub struct Publish {
    /// What is in force; the defaults at first, and for as long as nothing usable was read.
    pub settings: watch::Sender<Arc<Settings>>,
    /// Set when they were looked for once: nobody is to begin with other settings than the written ones.
    pub read: Arc<SetOnce<()>>,
}

/// Settings that cannot be used.
struct Refused {
    map: ConfigMap,
    error: SettingsError,
    told: bool,
}

impl SettingsSource {
    /// Follows the `ConfigMap` until `cancel`.
    pub async fn follow(mut self, publish: Publish, cancel: CancellationToken) {
        let recorder = Recorder::new(self.client.clone(), Reporter { controller: CONTROLLER.to_owned(), instance: None });
        let mut maps = pin!(watch_object(self.api(), &self.name).default_backoff());
        let mut refused: Option<Refused> = None;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                map = maps.next() => match map {
                    Some(Ok(map)) => refused = self.take(map, &publish),
                    Some(Err(error)) => tracing::warn!(error = %chain(&error), name = self.name, "the settings cannot be watched; what is in force stays"),
                    None => return,
                },
                Ok(()) = self.leader.changed() => {}
            }
            let due = refused.as_mut().filter(|refused| !refused.told && *self.leader.borrow());
            if let Some(refused) = due {
                tell(&recorder, refused).await;
            }
        }
    }

    fn take(&self, map: Option<ConfigMap>, publish: &Publish) -> Option<Refused> {
        let refused = self.compare(map, &publish.settings);
        // Set already, unless it is the first time.
        let _ = publish.read.set(());
        refused
    }

    fn compare(&self, map: Option<ConfigMap>, settings: &watch::Sender<Arc<Settings>>) -> Option<Refused> {
        let parsed = map.as_ref().map_or_else(|| Ok(Settings::default()), read);
        self.usable.set(i64::from(parsed.is_ok()));
        match (parsed, map) {
            (Err(error), Some(map)) => {
                self.refused.inc();
                tracing::error!(name = self.name, %error, "the settings cannot be used; what is in force stays");
                Some(Refused { map, error, told: false })
            }
            (parsed, _) => {
                let new = Arc::new(parsed.unwrap_or_default());
                let changed = settings.send_if_modified(|current| {
                    let changed = *current != new;
                    *current = new;
                    changed
                });
                if changed {
                    tracing::info!(name = self.name, "other settings are in force");
                }
                None
            }
        }
    }

    fn api(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

/// Without its key a `ConfigMap` says nothing, which is likely a mistake.
fn read(map: &ConfigMap) -> Result<Settings, SettingsError> {
    match map.data.as_ref().and_then(|data| data.get(KEY)) {
        Some(text) => Settings::parse(text),
        None => Err(SettingsError::Unreadable(format!("has no key {KEY}"))),
    }
}

/// Once per text: also when the API server does not take it.
async fn tell(recorder: &Recorder, refused: &mut Refused) {
    refused.told = true;
    let event = Event {
        type_: EventType::Warning,
        reason: "SettingsRefused".to_owned(),
        note: Some(shown(&format!("{KEY} cannot be used, the former settings stay: {}", refused.error), MOST_NOTE)),
        action: "Reload".to_owned(),
        secondary: None,
    };
    if let Err(error) = recorder.publish(&event, &refused.map.object_ref(&())).await {
        tracing::warn!(name = refused.map.name_any(), error = %chain(&error), "an Event could not be written");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn map(key: &str, text: &str) -> ConfigMap {
        ConfigMap { data: Some(BTreeMap::from([(key.to_owned(), text.to_owned())])), ..ConfigMap::default() }
    }

    #[test]
    fn a_config_map_without_the_key_is_a_mistake_and_not_the_defaults() {
        assert_eq!(read(&map(KEY, "")), Ok(Settings::default()));
        assert!(read(&map("setings.yaml", "")).is_err() && read(&ConfigMap::default()).is_err());
    }
}
