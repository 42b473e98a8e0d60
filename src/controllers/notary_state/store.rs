//! Loads and keeps, for the evaluator.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use moka::sync::Cache;
use notary::State;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Mutex;

use super::entry::{self, EntryError};
use super::place::{Place, shards_of};
use super::shard::{Found, GUNS, Shard, number};
use crate::chain;
use crate::evaluate::{StateFault, StateKey, StateStore};

/// For all of one load or keep; well within the deadline of an admission request.
const WITHIN: Duration = Duration::from_secs(4);
/// After another replica was faster; doubled each time, and jittered.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);
/// ConfigMaps whose content is remembered, so that an unchanged one is not read again, and the largest of them.
const MOST_REMEMBERED: u64 = 384;
const LARGEST_REMEMBERED: usize = 256 * 1024;
const MANAGER: &str = "bonafide-notary-state";

/// Keeps states in ConfigMaps.
pub struct ConfigMapStateStore {
    config_maps: Api<ConfigMap>,
    operator_namespace: String,
    quota: usize,
    went_back: Counter,
    slots: Cache<String, Slot>,
}

/// What is remembered of a ConfigMap. Whoever holds it is the only one of this replica who reads or writes that one.
type Slot = Arc<Mutex<Option<Arc<Shard>>>>;

impl ConfigMapStateStore {
    /// A store in the namespace `home`. A tenant may have `quota` repositories; `went_back` counts states that are
    /// older than what this replica has read before.
    pub fn new(client: Client, home: &str, operator_namespace: &str, quota: usize, went_back: Counter) -> Self {
        Self {
            config_maps: Api::namespaced(client, home),
            operator_namespace: operator_namespace.to_owned(),
            quota,
            went_back,
            slots: Cache::new(MOST_REMEMBERED),
        }
    }

    async fn load(&self, key: &StateKey) -> Result<Option<Arc<State>>, StateFault> {
        let place = Place::of(key, &self.operator_namespace);
        let slot = self.slot(&place);
        let mut slot = slot.lock().await;
        let shard = self.refresh(&place, &mut slot).await?;
        shard.map_or(Ok(None), |shard| state(key, &place, &shard)).map(|state| state.map(Arc::new))
    }

    async fn keep(&self, key: &StateKey, state_now: &State) -> Result<Arc<State>, StateFault> {
        let place = Place::of(key, &self.operator_namespace);
        let slot = self.slot(&place);
        let mut slot = slot.lock().await;
        let mut pause = FIRST_PAUSE;
        loop {
            let shard = self.refresh(&place, &mut slot).await?.unwrap_or_else(|| Arc::new(Shard::empty(&place)));
            let before = state(key, &place, &shard)?;
            let merged = match &before {
                Some(before) => before.merge(state_now).map_err(StateFault::Conflict)?,
                None => state_now.clone(),
            };
            if before.as_ref() == Some(&merged) {
                return Ok(Arc::new(merged));
            }
            if before.is_none() {
                self.check_quota(&place).await?;
            }
            let next = with(key, &place, &shard, &merged)?;
            if let Some(written) = self.write(next).await? {
                remember(&mut slot, &written);
                return Ok(Arc::new(merged));
            }
            tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn slot(&self, place: &Place) -> Slot {
        self.slots.get_with_by_ref(&place.shard, Slot::default)
    }

    /// The ConfigMap as it is now. Only its metadata is read when it is as it was.
    async fn refresh(&self, place: &Place, slot: &mut Option<Arc<Shard>>) -> Result<Option<Arc<Shard>>, StateFault> {
        if let Some(known) = slot.as_ref() {
            let metadata = self.config_maps.get_metadata_opt(&place.shard).await.map_err(|error| unavailable(place, &error))?;
            if metadata.is_some_and(|metadata| metadata.resource_version().as_deref() == known.version()) {
                return Ok(Some(known.clone()));
            }
        }
        let stored = self.config_maps.get_opt(&place.shard).await.map_err(|error| unavailable(place, &error))?;
        let stored = stored.map(Shard::new).map(Arc::new);
        if let (Some(before), Some(now)) = (slot.take(), &stored) {
            self.compare(place, &before, now);
        }
        if let Some(stored) = &stored {
            remember(slot, stored);
        }
        Ok(stored)
    }

    /// What is gone altogether is the census's business; this finds what somebody put back to an older state.
    fn compare(&self, place: &Place, before: &Shard, now: &Shard) {
        if before.uid() != now.uid() || before.resets() != now.resets() {
            return;
        }
        let older = before.changed(now).filter(|(before, now)| is_older(before, now)).count();
        if older > 0 {
            self.went_back.inc_by(older.try_into().unwrap_or(u64::MAX));
            tracing::warn!(config_map = place.shard, states = older, "states are older than they were: somebody has put them back");
        }
    }

    /// What holds cluster-wide has the room of its ConfigMaps; nobody but the administrators' anchors fills it.
    async fn check_quota(&self, place: &Place) -> Result<(), StateFault> {
        if place.owner == self.operator_namespace {
            return Ok(());
        }
        let shards = self.config_maps.list_metadata(&shards_of(&place.owner)).await.map_err(|error| unavailable(place, &error))?;
        let guns: u64 = shards.iter().map(|shard| number(&shard.metadata, GUNS)).sum();
        if usize::try_from(guns).unwrap_or(usize::MAX) < self.quota {
            return Ok(());
        }
        tracing::warn!(namespace = place.owner, guns, quota = self.quota, "a namespace has as many repositories remembered as it may");
        Err(StateFault::QuotaExceeded)
    }

    /// Creates the ConfigMap, or replaces the one that was read; nothing when another was faster.
    async fn write(&self, shard: Shard) -> Result<Option<Arc<Shard>>, StateFault> {
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let config_map = shard.config_map();
        let name = config_map.name_any();
        let written = match shard.version() {
            None => self.config_maps.create(&parameters, config_map).await,
            Some(_) => self.config_maps.replace(&name, &parameters, config_map).await,
        };
        match written {
            Ok(written) => Ok(Some(Arc::new(Shard::new(written)))),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() || status.is_not_found() => Ok(None),
            Err(error) => {
                tracing::warn!(config_map = name, error = %chain(&error), "what was seen of trust data could not be written");
                Err(StateFault::Unavailable)
            }
        }
    }
}

impl StateStore for ConfigMapStateStore {
    fn load<'a>(&'a self, key: &'a StateKey) -> BoxFuture<'a, Result<Option<Arc<State>>, StateFault>> {
        within(self.load(key)).boxed()
    }

    fn keep<'a>(&'a self, key: &'a StateKey, state: &'a State) -> BoxFuture<'a, Result<Arc<State>, StateFault>> {
        within(self.keep(key, state)).boxed()
    }
}

/// A write that is cut off may still happen; then it is found by the next who reads.
async fn within<T>(answer: impl Future<Output = Result<T, StateFault>>) -> Result<T, StateFault> {
    tokio::time::timeout(WITHIN, answer).await.unwrap_or(Err(StateFault::Unavailable))
}

fn state(key: &StateKey, place: &Place, shard: &Shard) -> Result<Option<State>, StateFault> {
    match shard.find(&place.entry) {
        Found::New => Ok(None),
        Found::Stored(packed) => entry::unpack_of(key, packed).map(Some).map_err(|error| unreadable(key, place, &error)),
        Found::Missing => {
            let missing = shard.missing();
            tracing::error!(config_map = place.shard, gun = %key.gun, missing, "states were taken out of the ConfigMap by hand");
            Err(StateFault::Unreadable)
        }
    }
}

fn with(key: &StateKey, place: &Place, shard: &Shard, state: &State) -> Result<Shard, StateFault> {
    let packed = entry::pack(key, state).map_err(|error| too_much(key, place, &error))?;
    shard.with(&place.entry, packed).map_err(|error| too_much(key, place, &error))
}

fn remember(slot: &mut Option<Arc<Shard>>, shard: &Arc<Shard>) {
    *slot = (shard.bytes() <= LARGEST_REMEMBERED).then(|| shard.clone());
}

/// Whether the later of two entries knows less, or something else. One that cannot be read is a fault of its own.
fn is_older(before: &[u8], now: &[u8]) -> bool {
    let (Ok(before), Ok(now)) = (entry::unpack(before), entry::unpack(now)) else { return false };
    !before.state.merge(&now.state).is_ok_and(|merged| merged == now.state)
}

fn unreadable(key: &StateKey, place: &Place, error: &EntryError) -> StateFault {
    tracing::error!(config_map = place.shard, entry = place.entry, gun = %key.gun, error = %chain(error), "a state cannot be read");
    StateFault::Unreadable
}

fn too_much(key: &StateKey, place: &Place, error: &(dyn std::error::Error + 'static)) -> StateFault {
    tracing::error!(config_map = place.shard, gun = %key.gun, error = %chain(error), "there is no room for a state");
    StateFault::NoRoom
}

fn unavailable(place: &Place, error: &kube::Error) -> StateFault {
    tracing::warn!(config_map = place.shard, error = %chain(error), "what was seen of trust data could not be read");
    StateFault::Unavailable
}
