//! Servers that want fewer requests, and parties that want more than their share.

use futures::future::join_all;
use oci::{ManifestRef, RegistryError};
use registry_double::Misbehaviour;

use super::*;

const V1: &str = "/v2/app/manifests/v1";

fn limited(retry_after: Option<u64>) -> Misbehaviour {
    Misbehaviour::Status(429, retry_after.map(|seconds| ("retry-after", seconds.to_string())).into_iter().collect())
}

fn on_behalf_of(client: &Client, party: &str, registry: &RegistryDouble, time: Duration) -> Session {
    client.session(Party::from(party), Grants::new(reach(&[registry])), Instant::now() + time)
}

#[tokio::test]
async fn a_limited_request_is_repeated_after_the_time_that_the_server_names() {
    let (registry, repository, digest) = with_image().await;
    registry.script_once(V1, limited(Some(1)));
    let start = Instant::now();
    assert_eq!(session(reach(&[&registry])).resolve(&repository, &tag("v1")).await, Ok(digest));
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(registry.requests().len(), 2);
}

#[tokio::test]
async fn a_limited_request_is_repeated_where_the_server_names_no_time() {
    let (registry, repository, digest) = with_image().await;
    registry.script_once(V1, limited(None));
    registry.script_once(V1, limited(None));
    assert_eq!(session(reach(&[&registry])).resolve(&repository, &tag("v1")).await, Ok(digest));
}

#[tokio::test]
async fn a_limit_is_remembered_and_those_who_cannot_wait_for_its_end_send_nothing() {
    let (registry, repository, _) = with_image().await;
    registry.script(V1, limited(Some(40)));
    let client = client();
    let ask = || {
        let session = on_behalf_of(&client, "shop", &registry, AMPLE);
        let repository = repository.clone();
        async move { session.resolve(&repository, &tag("v1")).await.unwrap_err() }
    };
    assert_eq!(ask().await, RegistryError::RateLimited { host: host(&registry), retry_after: Some(Duration::from_secs(40)) });
    assert!(matches!(ask().await, RegistryError::RateLimited { .. }));
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn nobody_is_kept_from_asking_for_longer_than_a_minute() {
    let (registry, repository, _) = with_image().await;
    registry.script(V1, limited(Some(3600)));
    let client = client();
    on_behalf_of(&client, "shop", &registry, AMPLE).resolve(&repository, &tag("v1")).await.unwrap_err();
    let error = on_behalf_of(&client, "shop", &registry, AMPLE).resolve(&repository, &tag("v1")).await.unwrap_err();
    let RegistryError::RateLimited { retry_after: Some(left), .. } = error else { panic!("{error}") };
    assert!(left <= Duration::from_mins(1), "{left:?}");
}

#[tokio::test]
async fn a_limit_for_one_set_of_grants_is_none_for_another() {
    let (registry, repository, digest) = with_image_over_tls().await;
    registry.script_once(V1, limited(Some(40)));
    let client = client();
    on_behalf_of(&client, "shop", &registry, SHORT).resolve(&repository, &tag("v1")).await.unwrap_err();
    let other = client.session(Party::from("shop"), Grants::new(reach_with(&[&registry], login())), Instant::now() + AMPLE);
    assert_eq!(other.resolve(&repository, &tag("v1")).await, Ok(digest));
}

#[tokio::test]
async fn those_who_waited_come_back_spread_out() {
    let (registry, repository, _) = with_image().await;
    registry.script_once(V1, limited(Some(1)));
    let client = client();
    on_behalf_of(&client, "first", &registry, SHORT).resolve(&repository, &tag("v1")).await.unwrap_err();
    let ask = |_| {
        let (session, repository) = (on_behalf_of(&client, "shop", &registry, AMPLE), repository.clone());
        async move {
            session.resolve(&repository, &tag("v1")).await.unwrap();
            Instant::now()
        }
    };
    let mut back = join_all((0..20).map(ask)).await;
    back.sort_unstable();
    assert!(back[19] - back[0] > Duration::from_millis(500), "{:?}", back[19] - back[0]);
}

#[tokio::test]
async fn one_party_that_waits_for_a_stalled_path_leaves_slots_to_others() {
    let (registry, repository, digest) = with_image().await;
    registry.script("/v2/app/manifests/stalled", Misbehaviour::Stall);
    let client = counting(Arc::new(|_, _| ()), 4);
    let greedy: Vec<_> = (0..50)
        .map(|_| {
            let (session, repository) = (on_behalf_of(&client, "greedy", &registry, AMPLE), repository.clone());
            tokio::spawn(async move { session.resolve(&repository, &tag("stalled")).await })
        })
        .collect();
    while registry.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    let modest = on_behalf_of(&client, "modest", &registry, AMPLE);
    assert_eq!(modest.resolve(&repository, &tag("v1")).await, Ok(digest));
    greedy.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn one_party_that_holds_much_leaves_memory_to_others() {
    let (registry, repository, _) = with_image().await;
    let (large, small) = (format!("{{\"x\":\"{}\"}}", "x".repeat(60_000)), format!("{{\"x\":\"{}\"}}", "x".repeat(6_000)));
    registry.push_manifest("app", "large", IMAGE, large);
    registry.push_manifest("app", "small", IMAGE, small);
    let client = Client::new(ClientSettings { max_bytes: 150_000, ..settings() }).unwrap();
    let get = |party: &'static str, name: &'static str| {
        let (session, repository) = (on_behalf_of(&client, party, &registry, AMPLE), repository.clone());
        async move { session.manifest(&repository, &ManifestRef::Tag(tag(name))).await }
    };
    let held = get("greedy", "large").await.unwrap();
    assert_eq!(get("greedy", "large").await.unwrap_err(), RegistryError::OverBudget { host: host(&registry) });
    let other = get("modest", "small").await.unwrap();
    drop(held);
    assert!(get("greedy", "large").await.is_ok());
    drop(other);
    assert_eq!(client.free_bytes(), 150_000);
}
