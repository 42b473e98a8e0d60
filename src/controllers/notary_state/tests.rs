//! Two replicas, one API server.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod losses;
mod room;

use notary::{Sha256, State};
use prometheus_client::metrics::counter::Counter;
use serde_json::json;

use super::entry::EntryError;
use super::place::Place;
use super::shard::Shard;
use super::*;
use crate::evaluate::{StateFault, StateKey, StateStore};
use crate::testing::ConfigMaps;

const NAMESPACE: &str = "bonafide-system";
const ROOT: &str = include_str!("../../../crates/notary/tests/vectors/ed25519-docker-library-demo/root.json");

/// What is known after a timestamp of this version with this content was believed.
fn seen(version: u64, content: &str) -> State {
    let entry = json!({"version": version, "sha256": Sha256::of(content.as_bytes()).to_string()});
    let document = json!({"format": 1, "root": ROOT, "recoveredAt": 0, "seen": {"timestamp": entry}, "published": []});
    State::from_json(&document.to_string()).unwrap()
}

fn version(number: u64) -> State {
    seen(number, &number.to_string())
}

fn key(owner: &str, gun: &str) -> StateKey {
    StateKey { owner: owner.to_owned(), server: "https://notary.test".to_owned(), gun: gun.parse().unwrap(), anchors: [7; 32] }
}

fn cluster(gun: &str) -> StateKey {
    key(NAMESPACE, gun)
}

fn replica(server: &ConfigMaps) -> ConfigMapStateStore {
    counting(server, &Counter::default())
}

fn counting(server: &ConfigMaps, went_back: &Counter) -> ConfigMapStateStore {
    ConfigMapStateStore::new(server.client(), NAMESPACE, NAMESPACE, 3, went_back.clone())
}

fn shard_of(key: &StateKey) -> String {
    Place::of(key, NAMESPACE).shard
}

async fn loaded(store: &ConfigMapStateStore, key: &StateKey) -> Option<State> {
    StateStore::load(store, key).await.unwrap().map(|state| (*state).clone())
}

async fn kept(store: &ConfigMapStateStore, key: &StateKey, state: &State) -> State {
    (*StateStore::keep(store, key, state).await.unwrap()).clone()
}

#[tokio::test]
async fn what_one_replica_has_seen_every_other_knows_and_a_restarted_one_too() {
    let server = ConfigMaps::default();
    let (one, other) = (replica(&server), replica(&server));
    let key = cluster("registry.test/app");
    assert_eq!(loaded(&one, &key).await, None, "first contact");
    assert_eq!(kept(&one, &key, &version(1)).await, version(1));
    assert_eq!(loaded(&other, &key).await, Some(version(1)));
    kept(&other, &key, &version(2)).await;
    assert_eq!(loaded(&one, &key).await, Some(version(2)), "what was remembered is not believed");
    assert_eq!(loaded(&replica(&server), &key).await, Some(version(2)));
}

#[tokio::test]
async fn tenant_state_never_seeds_cluster_state() {
    let server = ConfigMaps::default();
    let store = replica(&server);
    let tenants = key("shop", "registry.test/app");
    kept(&store, &tenants, &version(9)).await;
    let mut others = [cluster("registry.test/app"), tenants.clone(), tenants.clone(), tenants.clone()];
    others[1].owner = "other".to_owned();
    others[2].server = "https://else.test".to_owned();
    others[3].anchors = [8; 32];
    for other in &others {
        assert_eq!(loaded(&store, other).await, None, "{other:?}");
    }
    let bytes = server.get(&shard_of(&tenants)).unwrap().binary_data.unwrap();
    let copied = Place::of(&others[0], NAMESPACE);
    let mut planted = Shard::empty(&copied).config_map().clone();
    planted.binary_data = Some([(copied.entry, bytes.into_values().next().unwrap())].into());
    server.put(planted);
    assert_eq!(StateStore::load(&store, &others[0]).await.unwrap_err(), StateFault::Unreadable);
    let misplaced = Place::of(&others[2], NAMESPACE);
    let mut shard = server.get(&shard_of(&tenants)).unwrap();
    let bytes = shard.binary_data.as_ref().unwrap().values().next().unwrap().clone();
    shard.binary_data.as_mut().unwrap().insert(misplaced.entry.clone(), bytes);
    shard.metadata.name = Some(misplaced.shard);
    server.put(shard);
    assert_eq!(StateStore::load(&store, &others[2]).await.unwrap_err(), StateFault::Unreadable);
}

#[tokio::test]
async fn two_replicas_that_write_at_the_same_time_leave_what_both_know() {
    let key = cluster("registry.test/app");
    for first in [None, Some(version(1))] {
        let server = ConfigMaps::default();
        let store = replica(&server);
        if let Some(first) = &first {
            kept(&store, &key, first).await;
        }
        let (place, newer) = (Place::of(&key, NAMESPACE), entry::pack(&key, &version(5)).unwrap());
        server.before_write(move |server| {
            let stored = server.get(&place.shard).map_or_else(|| Shard::empty(&place), Shard::new);
            server.put(stored.with(&place.entry, newer).unwrap().config_map().clone());
        });
        // Whoever gets another state back than it gave has decided without the newest knowledge.
        assert_eq!(kept(&store, &key, &version(3)).await, version(5), "{}", first.is_some());
        assert_eq!(loaded(&replica(&server), &key).await, Some(version(5)));
    }
}

#[tokio::test]
async fn many_writers_lose_nothing() {
    let server = ConfigMaps::default();
    let key = cluster("registry.test/app");
    let writers = (1..=8).map(|number| {
        let (store, key) = (replica(&server), key.clone());
        async move { StateStore::keep(&store, &key, &version(number)).await.map(|_| ()) }
    });
    for outcome in futures::future::join_all(writers).await {
        outcome.unwrap();
    }
    assert_eq!(loaded(&replica(&server), &key).await, Some(version(8)));
}

#[tokio::test]
async fn states_in_one_config_map_do_not_overwrite_each_other() {
    let server = ConfigMaps::default();
    let place = |gun: &str| shard_of(&key("shop", gun));
    let first = "registry.test/app".to_owned();
    let second = (0..1_000).map(|n| format!("registry.test/app{n}")).find(|gun| place(gun) == place(&first)).unwrap();
    let (one, other) = (replica(&server), replica(&server));
    assert_eq!(loaded(&other, &key("shop", &second)).await, None);
    kept(&one, &key("shop", &first), &version(1)).await;
    kept(&other, &key("shop", &second), &version(2)).await;
    assert_eq!(loaded(&one, &key("shop", &first)).await, Some(version(1)));
    assert_eq!(loaded(&one, &key("shop", &second)).await, Some(version(2)));
}

#[tokio::test]
async fn replicas_that_were_shown_different_files_of_one_version_are_a_conflict() {
    let server = ConfigMaps::default();
    let key = cluster("registry.test/app");
    kept(&replica(&server), &key, &seen(1, "one")).await;
    let outcome = StateStore::keep(&replica(&server), &key, &seen(1, "other")).await;
    assert!(matches!(outcome, Err(StateFault::Conflict(_))), "{outcome:?}");
    assert_eq!(loaded(&replica(&server), &key).await, Some(seen(1, "one")));
}

#[tokio::test]
async fn nothing_is_written_when_nothing_has_changed_and_little_is_read() {
    let server = ConfigMaps::default();
    let store = replica(&server);
    let key = cluster("registry.test/app");
    kept(&store, &key, &version(1)).await;
    assert_eq!(server.asked(), ["GET", "POST"]);
    loaded(&store, &key).await;
    kept(&store, &key, &version(1)).await;
    assert_eq!(server.asked(), ["META", "META"]);
    kept(&store, &key, &version(2)).await;
    assert_eq!(server.asked(), ["META", "PUT"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_a_fault_and_stays_as_it_is() {
    let key = cluster("registry.test/app");
    let place = Place::of(&key, NAMESPACE);
    let breaks: [fn(&mut Vec<u8>); 3] = [|bytes| bytes.truncate(bytes.len() / 2), |bytes| *bytes = b"{}".to_vec(), Vec::clear];
    for breaks in breaks {
        let server = ConfigMaps::default();
        let store = replica(&server);
        kept(&store, &key, &version(1)).await;
        let mut stored = server.get(&place.shard).unwrap();
        breaks(&mut stored.binary_data.as_mut().unwrap().get_mut(&place.entry).unwrap().0);
        server.put(stored);
        let stored = server.get(&place.shard);
        assert_eq!(StateStore::load(&store, &key).await.unwrap_err(), StateFault::Unreadable);
        assert_eq!(StateStore::keep(&store, &key, &version(2)).await.unwrap_err(), StateFault::Unreadable);
        assert_eq!(server.get(&place.shard), stored);
    }
}

#[tokio::test]
async fn an_api_server_that_fails_or_stays_silent_is_a_fault_and_not_first_contact() {
    let server = ConfigMaps::default();
    let store = replica(&server);
    let key = cluster("registry.test/app");
    kept(&store, &key, &version(1)).await;
    server.set_down(true);
    assert_eq!(StateStore::load(&store, &key).await.unwrap_err(), StateFault::Unavailable);
    assert_eq!(StateStore::keep(&store, &key, &version(2)).await.unwrap_err(), StateFault::Unavailable);
    server.set_down(false);
    assert_eq!(loaded(&store, &key).await, Some(version(1)), "it heals by itself");
    server.fall_silent();
    tokio::time::pause();
    assert_eq!(StateStore::load(&store, &key).await.unwrap_err(), StateFault::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_writer_who_always_comes_late_gives_up_within_the_time_of_a_request() {
    let server = ConfigMaps::default();
    let key = cluster("registry.test/app");
    for number in 0..1_000 {
        let place = Place::of(&key, NAMESPACE);
        server.before_write(move |server| {
            let mut stored = server.get(&place.shard).unwrap_or_else(|| Shard::empty(&place).config_map().clone());
            stored.metadata.annotations.get_or_insert_default().insert("touched".to_owned(), number.to_string());
            server.put(stored);
        });
    }
    let started = tokio::time::Instant::now();
    assert_eq!(StateStore::keep(&replica(&server), &key, &version(1)).await.unwrap_err(), StateFault::Unavailable);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}
