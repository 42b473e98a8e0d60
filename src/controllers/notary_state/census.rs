//! Counts what is remembered, and notices what was lost: the leader's business, once a minute.
//!
//! It reads metadata alone, and compares it with an index of what was there a round before. The index is a ConfigMap too, so a
//! loss while no replica ran is noticed as long as the index is there. Resets on purpose are no loss.

mod index;

use std::time::Duration;

use chrono::Utc;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use index::Loss;
use index::{Index, IndexError, Seen};

use super::place::OWNER_LABEL;
use super::shard::{BYTES, number};
use crate::chain;

const INTERVAL: Duration = Duration::from_mins(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const INDEX: &str = "bonafide-notary-state-index";

/// What is remembered of trust data, all in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Repositories of the operator namespace.
    pub cluster_guns: u64,
    /// Repositories of all tenants.
    pub tenant_guns: u64,
    /// Bytes of all states.
    pub bytes: u64,
    /// What was lost within the last days.
    pub losses: Vec<Loss>,
}

/// The leader's counting.
pub struct Census {
    /// The client.
    pub client: Client,
    /// The operator namespace.
    pub namespace: String,
    /// Whether this replica counts.
    pub leader: watch::Receiver<bool>,
    /// Counts states that were lost.
    pub lost: Counter,
    /// Where the result is published; nothing on a replica that does not lead.
    pub remembered: watch::Sender<Option<Remembered>>,
}

#[derive(Debug, thiserror::Error)]
enum CensusError {
    #[error("cannot read or write ConfigMaps with states of trust data")]
    Api(#[from] kube::Error),
    #[error("the API server did not answer")]
    Timeout,
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl Census {
    /// Counts until `cancel`.
    pub async fn run(mut self, cancel: CancellationToken) {
        let config_maps = Api::namespaced(self.client.clone(), &self.namespace);
        let mut last = None;
        loop {
            if *self.leader.borrow_and_update() {
                if let Err(error) = self.round(&config_maps, &mut last).await {
                    tracing::warn!(error = %chain(&error), "what is remembered of trust data was not counted");
                }
            } else {
                last = None;
                self.remembered.send_replace(None);
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = self.leader.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// `known` is what the round before wrote: it stands in for an index that was deleted.
    async fn round(&self, config_maps: &Api<ConfigMap>, known: &mut Option<Index>) -> Result<(), CensusError> {
        let stored = within(config_maps.get_opt(INDEX)).await?;
        let read = stored.as_ref().map(Index::read).transpose().unwrap_or_else(|error| {
            tracing::error!(error = %chain(&error), "the index of what is remembered of trust data is made anew");
            None
        });
        let before = read.as_ref().or(known.as_ref()).cloned().unwrap_or_default();
        let shards = within(config_maps.list_metadata(&ListParams::default().labels(OWNER_LABEL))).await?;
        let seen: Vec<Seen> = shards.iter().map(|shard| Seen::of(&shard.metadata)).collect();
        let (index, lost) = before.next(&seen, Utc::now());
        if index != read.unwrap_or_default() {
            let written = index.write(stored.as_ref())?;
            self.put(config_maps, &written).await?;
        }
        if lost > 0 {
            tracing::error!(repositories = lost, "what was seen of trust data was lost: older trust data of these would not be noticed");
            self.lost.inc_by(lost);
        }
        let bytes = shards.iter().map(|shard| number(&shard.metadata, BYTES)).sum();
        self.publish(&seen, bytes, &index);
        *known = Some(index);
        Ok(())
    }

    /// Fenced: another leader that wrote meanwhile has noticed the same.
    async fn put(&self, config_maps: &Api<ConfigMap>, index: &ConfigMap) -> Result<(), CensusError> {
        let parameters = PostParams::default();
        if index.metadata.resource_version.is_some() {
            within(config_maps.replace(&index.name_any(), &parameters, index)).await?;
        } else {
            within(config_maps.create(&parameters, index)).await?;
        }
        Ok(())
    }

    fn publish(&self, seen: &[Seen], bytes: u64, index: &Index) {
        let of = |is_cluster: bool| seen.iter().filter(|shard| (shard.owner == self.namespace) == is_cluster).map(|shard| shard.guns).sum();
        let remembered = Remembered { cluster_guns: of(true), tenant_guns: of(false), bytes, losses: index.losses().to_vec() };
        self.remembered.send_if_modified(|old| {
            let changed = old.as_ref() != Some(&remembered);
            *old = Some(remembered);
            changed
        });
    }
}

async fn within<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, CensusError> {
    Ok(tokio::time::timeout(REQUEST_TIMEOUT, request).await.map_err(|_| CensusError::Timeout)??)
}
