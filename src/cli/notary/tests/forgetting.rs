//! `bonafide notary reset` over the ConfigMaps that the operator writes.

use notary::State;
use prometheus_client::metrics::counter::Counter;

use super::super::reset::{ResetArguments, reset};
use super::{GUN, Repo, Scope, gun, reach, serving};
use crate::controllers::notary_state::{ConfigMapStateStore, What};
use crate::evaluate::{StateFault, StateKey, StateStore};
use crate::testing::ConfigMaps;

const NAMESPACE: &str = "bonafide-system";
const SERVERS: [&str; 2] = ["https://one.test", "https://other.test"];

async fn state() -> State {
    let (_double, url) = serving(&Repo::new()).await;
    reach().fetch(&url, &gun(GUN).unwrap(), Scope::Everything).await.unwrap().unwrap().state().clone()
}

fn key(owner: &str, server: &str) -> StateKey {
    StateKey { owner: owner.to_owned(), server: server.to_owned(), gun: GUN.parse().unwrap(), anchors: [1; 32] }
}

fn store(api: &ConfigMaps) -> ConfigMapStateStore {
    ConfigMapStateStore::new(api.client(), NAMESPACE, NAMESPACE, 10, Counter::default())
}

/// The same repository on two servers, and on one of them for a tenant.
async fn remembering() -> ConfigMaps {
    let (api, state) = (ConfigMaps::default(), state().await);
    for key in [key(NAMESPACE, SERVERS[0]), key(NAMESPACE, SERVERS[1]), key("shop", SERVERS[0])] {
        store(&api).keep(&key, &state).await.unwrap();
    }
    api
}

async fn remembered(api: &ConfigMaps) -> [bool; 3] {
    let store = store(api);
    let keys = [key(NAMESPACE, SERVERS[0]), key(NAMESPACE, SERVERS[1]), key("shop", SERVERS[0])];
    let [one, other, tenants] = keys.each_ref().map(|key| store.load(key));
    [one.await.unwrap().is_some(), other.await.unwrap().is_some(), tenants.await.unwrap().is_some()]
}

fn asking(gun: Option<&str>) -> ResetArguments {
    ResetArguments { gun: gun.map(str::to_owned), operator_namespace: NAMESPACE.to_owned(), ..ResetArguments::default() }
}

#[tokio::test]
async fn only_the_repository_that_is_named_is_forgotten() {
    let api = remembering().await;
    assert!(!reset(&asking(Some("registry.test/other")), api.client(), |_| Ok(true)).await.unwrap());
    let arguments = ResetArguments { server: Some(SERVERS[1].to_owned()), ..asking(Some(GUN)) };
    assert!(reset(&arguments, api.client(), |_| Ok(true)).await.unwrap());
    assert_eq!(remembered(&api).await, [true, false, true]);
    let arguments = ResetArguments { namespace: Some("shop".to_owned()), ..asking(Some(GUN)) };
    assert!(reset(&arguments, api.client(), |_| Ok(true)).await.unwrap());
    assert_eq!(remembered(&api).await, [true, false, false]);
}

#[tokio::test]
async fn whoever_says_no_changes_nothing_and_was_shown_everything() {
    let api = remembering().await;
    let mut shown = vec![];
    let arguments = asking(Some(GUN));
    let done = reset(&arguments, api.client(), |chosen| {
        shown.extend(chosen.iter().map(|kept| kept.what.clone()));
        Ok(false)
    });
    assert!(!done.await.unwrap());
    assert_eq!(remembered(&api).await, [true, true, true]);
    assert_eq!(shown.len(), 2);
    let all =
        |what: &What| matches!(what, What::State { versions, .. } if versions.contains(&("root".to_owned(), 1)) && versions.len() == 6);
    assert!(shown.iter().all(all), "{shown:?}");
}

#[tokio::test]
async fn the_config_map_says_that_something_was_forgotten_and_when() {
    let api = remembering().await;
    reset(&asking(Some(GUN)), api.client(), |_| Ok(true)).await.unwrap();
    let notes = api.names().into_iter().filter_map(|name| api.get(&name)?.metadata.annotations?.remove("bonafide.dev/notary-last-reset"));
    let notes: Vec<serde_json::Value> = notes.map(|note| serde_json::from_str(&note).unwrap()).collect();
    assert!(!notes.is_empty() && notes.iter().all(|note| note["by"] == "administrator" && note["at"].is_string()), "{notes:?}");
}

#[tokio::test]
async fn another_writer_in_between_loses_nothing() {
    let api = remembering().await;
    let arguments = ResetArguments { server: Some(SERVERS[1].to_owned()), ..asking(Some(GUN)) };
    api.before_write(|api| {
        for name in api.names() {
            let mut object = api.get(&name).unwrap();
            object.metadata.annotations.get_or_insert_default().insert("touched".to_owned(), "yes".to_owned());
            api.put(object);
        }
    });
    assert!(reset(&arguments, api.client(), |_| Ok(true)).await.unwrap());
    assert_eq!(remembered(&api).await, [true, false, true]);
    assert!(api.names().iter().all(|name| api.get(name).unwrap().metadata.annotations.unwrap().contains_key("touched")));
}

#[tokio::test]
async fn what_cannot_be_read_is_given_up_only_when_that_is_asked_for() {
    let api = remembering().await;
    let broken = key("shop", SERVERS[0]);
    let name = api.names().into_iter().find(|name| name.contains(".shop.")).unwrap();
    let mut object = api.get(&name).unwrap();
    object.binary_data.as_mut().unwrap().values_mut().for_each(|value| value.0.truncate(10));
    api.put(object);
    let shop = |gun: Option<&str>| ResetArguments { namespace: Some("shop".to_owned()), unreadable: gun.is_none(), ..asking(gun) };
    assert!(!reset(&shop(Some(GUN)), api.client(), |_| Ok(true)).await.unwrap());
    assert_eq!(store(&api).load(&broken).await.unwrap_err(), StateFault::Unreadable);
    assert!(reset(&shop(None), api.client(), |_| Ok(true)).await.unwrap());
    assert_eq!(remembered(&api).await, [true, true, false]);
}
