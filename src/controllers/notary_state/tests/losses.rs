//! What is lost is noticed, as far as it can be.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;

/// Runs a census until it has published something other than `before`.
async fn count(server: &ConfigMaps, lost: &Counter) -> Remembered {
    let (_leader, leads) = watch::channel(true);
    let (remembered, mut result) = watch::channel(None);
    let census = Census { client: server.client(), namespace: NAMESPACE.to_owned(), leader: leads, lost: lost.clone(), remembered };
    let cancel = CancellationToken::new();
    let task = tokio::spawn(census.run(cancel.clone()));
    let counted = result.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    cancel.cancel();
    task.await.unwrap();
    counted
}

#[tokio::test]
async fn a_deleted_config_map_is_noticed_after_a_restart_too() {
    let server = ConfigMaps::default();
    let (store, lost) = (replica(&server), Counter::default());
    let (tenants, clusters) = (key("shop", "registry.test/app"), cluster("registry.test/app"));
    kept(&store, &tenants, &version(1)).await;
    kept(&store, &clusters, &version(1)).await;
    let counted = count(&server, &lost).await;
    assert_eq!((counted.cluster_guns, counted.tenant_guns, counted.losses.len(), lost.get()), (1, 1, 0, 0));
    assert!(counted.bytes > 1_000);
    server.delete(&shard_of(&tenants));
    let counted = count(&server, &lost).await;
    assert_eq!((counted.tenant_guns, lost.get()), (0, 1));
    assert_eq!((counted.losses[0].owner.as_str(), counted.losses[0].guns), ("shop", 1));
    count(&server, &lost).await;
    assert_eq!(lost.get(), 1, "counted once");
}

#[tokio::test]
async fn a_config_map_that_was_deleted_and_made_again_is_a_loss() {
    let server = ConfigMaps::default();
    let (store, lost) = (replica(&server), Counter::default());
    let key = cluster("registry.test/app");
    kept(&store, &key, &version(2)).await;
    count(&server, &lost).await;
    server.delete(&shard_of(&key));
    assert_eq!(loaded(&store, &key).await, None);
    kept(&store, &key, &version(1)).await;
    count(&server, &lost).await;
    assert_eq!(lost.get(), 1);
}

#[tokio::test]
async fn a_state_that_was_taken_out_by_hand_is_a_fault_until_it_is_given_up() {
    let server = ConfigMaps::default();
    let (store, lost) = (replica(&server), Counter::default());
    let key = cluster("registry.test/app");
    kept(&store, &key, &version(1)).await;
    count(&server, &lost).await;
    let mut stored = server.get(&shard_of(&key)).unwrap();
    stored.binary_data = None;
    server.put(stored);
    assert_eq!(StateStore::load(&store, &key).await.unwrap_err(), StateFault::Unreadable);
    assert_eq!(StateStore::keep(&store, &key, &version(1)).await.unwrap_err(), StateFault::Unreadable);
    let given_up = Shard::new(server.get(&shard_of(&key)).unwrap()).without(&[], true, "by an administrator");
    server.put(given_up.config_map().clone());
    assert_eq!(loaded(&store, &key).await, None);
    count(&server, &lost).await;
    assert_eq!(lost.get(), 0, "on purpose");
}

#[tokio::test]
async fn a_state_that_was_put_back_to_an_older_one_is_noticed_by_who_knew_the_newer() {
    let server = ConfigMaps::default();
    let (went_back, key) = (Counter::default(), cluster("registry.test/app"));
    let store = counting(&server, &went_back);
    kept(&store, &key, &version(1)).await;
    let backup = server.get(&shard_of(&key)).unwrap();
    kept(&replica(&server), &key, &version(2)).await;
    assert_eq!((loaded(&store, &key).await, went_back.get()), (Some(version(2)), 0));
    server.put(backup);
    assert_eq!((loaded(&store, &key).await, went_back.get()), (Some(version(1)), 1));
}

#[tokio::test]
async fn a_reset_is_first_contact_again_and_no_loss() {
    let server = ConfigMaps::default();
    let (went_back, lost) = (Counter::default(), Counter::default());
    let (store, key) = (counting(&server, &went_back), cluster("registry.test/app"));
    kept(&store, &key, &version(5)).await;
    count(&server, &lost).await;
    let place = Place::of(&key, NAMESPACE);
    let reset = Shard::new(server.get(&place.shard).unwrap()).without(&[&place.entry], false, "{}");
    server.put(reset.config_map().clone());
    assert_eq!(loaded(&store, &key).await, None);
    assert_eq!(kept(&store, &key, &version(1)).await, version(1));
    count(&server, &lost).await;
    assert_eq!((went_back.get(), lost.get()), (0, 0));
}

#[tokio::test]
async fn where_nothing_is_remembered_nothing_is_written() {
    let server = ConfigMaps::default();
    assert_eq!(count(&server, &Counter::default()).await, Remembered::default());
    assert!(server.names().is_empty());
}

#[tokio::test]
async fn who_does_not_lead_counts_nothing() {
    let server = ConfigMaps::default();
    let (_leader, leads) = watch::channel(false);
    let (remembered, result) = watch::channel(Some(Remembered::default()));
    let census = Census { client: server.client(), namespace: NAMESPACE.to_owned(), leader: leads, lost: Counter::default(), remembered };
    let cancel = CancellationToken::new();
    cancel.cancel();
    census.run(cancel).await;
    assert!(result.borrow().is_none() && server.asked().is_empty() && server.names().is_empty());
}
