//! Size, time and concurrency.

use std::sync::Mutex;

use futures::future::join_all;
use oci::{ManifestRef, RegistryError, RequestOutcome, Unit};
use registry_double::{Misbehaviour, Place};

use super::*;

const V1: &str = "/v2/app/manifests/v1";

#[tokio::test]
async fn an_endless_manifest_ends_at_the_cap() {
    let (registry, repository, _) = with_image().await;
    registry.script(V1, Misbehaviour::Endless);
    let error = session(reach(&[&registry])).manifest(&repository, &ManifestRef::Tag(tag("v1"))).await.unwrap_err();
    assert_eq!(error, RegistryError::TooLarge { host: host(&registry), limit: 4 * 1024 * 1024, unit: Unit::Bytes });
}

#[tokio::test]
async fn an_endless_blob_ends_at_the_size_of_its_descriptor() {
    let (registry, repository, digest) = with_image().await;
    registry.script(&format!("/v2/app/blobs/{digest}"), Misbehaviour::Endless);
    let error = session(reach(&[&registry])).blob(&repository, &descriptor(&digest, 10_000), 1 << 30).await.unwrap_err();
    assert_eq!(error, RegistryError::TooLarge { host: host(&registry), limit: 10_000, unit: Unit::Bytes });
}

#[tokio::test]
async fn a_stalled_registry_costs_no_more_than_the_deadline() {
    for stall in [Misbehaviour::Stall, Misbehaviour::SlowBody] {
        let (registry, repository, _) = with_image().await;
        registry.script(V1, stall);
        let error = impatient(reach(&[&registry])).manifest(&repository, &ManifestRef::Tag(tag("v1"))).await.unwrap_err();
        assert_eq!(error, RegistryError::Timeout { host: host(&registry) });
    }
}

#[tokio::test]
async fn a_deadline_in_the_past_sends_nothing() {
    let (registry, repository, _) = with_image().await;
    let session = client().session(Party::from("test"), Grants::new(reach(&[&registry])), Instant::now());
    assert_eq!(session.resolve(&repository, &tag("v1")).await, Err(RegistryError::Timeout { host: host(&registry) }));
    assert_eq!(registry.requests(), []);
}

#[tokio::test]
async fn a_host_gets_no_more_than_its_share_of_requests_at_one_time() {
    let (registry, repository, _) = with_image().await;
    registry.script(V1, Misbehaviour::Stall);
    let client = counting(Arc::new(|_, _| ()), 4);
    let grants = Grants::new(reach(&[&registry]));
    let ask = |_| {
        let (session, repository) = (client.session(Party::from("test"), grants.clone(), Instant::now() + SHORT), repository.clone());
        async move { session.resolve(&repository, &tag("v1")).await }
    };
    let answers = join_all((0..8).map(ask)).await;
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(registry.requests().len(), 2);
}

#[tokio::test]
async fn a_stalled_host_delays_no_other_host() {
    let (stalled, stalled_repository, _) = with_image().await;
    let (other, repository, digest) = with_image().await;
    stalled.script(V1, Misbehaviour::Stall);
    let client = counting(Arc::new(|_, _| ()), 1);
    let session = client.session(Party::from("test"), Grants::new(reach(&[&stalled, &other])), Instant::now() + AMPLE);
    let (waiting, v1) = (session.clone(), tag("v1"));
    tokio::select! {
        _ = waiting.resolve(&stalled_repository, &v1) => panic!("a stalled registry answered"),
        answer = session.resolve(&repository, &v1) => assert_eq!(answer, Ok(digest)),
    }
}

#[tokio::test]
async fn one_slot_is_enough_for_a_challenge_from_the_same_host() {
    let (registry, repository, digest) = with_image_over_tls().await;
    registry.require(registry_double::Auth::anonymous_bearer());
    let client = counting(Arc::new(|_, _| ()), 1);
    let session = client.session(Party::from("test"), Grants::new(reach(&[&registry])), Instant::now() + AMPLE);
    assert_eq!(session.resolve(&repository, &tag("v1")).await, Ok(digest));
}

#[tokio::test]
async fn every_exchange_is_counted() {
    let (registry, repository, _) = with_image().await;
    registry.script_once(V1, Misbehaviour::Status(502, vec![]));
    let seen: Arc<Mutex<Vec<(String, RequestOutcome)>>> = Arc::default();
    let log = Arc::clone(&seen);
    let on_request: OnRequest = Arc::new(move |host: &Host, outcome| log.lock().unwrap().push((host.to_string(), outcome)));
    let session = counting(on_request, 4).session(Party::from("test"), Grants::new(reach(&[&registry])), Instant::now() + AMPLE);
    session.resolve(&repository, &tag("v1")).await.unwrap();
    session.resolve(&repository, &tag("v2")).await.unwrap_err();
    let outcomes = [RequestOutcome::ServerError, RequestOutcome::Success, RequestOutcome::NotFound];
    assert_eq!(*seen.lock().unwrap(), outcomes.map(|outcome| (registry.address(), outcome)));
}

#[tokio::test]
async fn a_connection_that_has_gone_silent_is_given_up_for_another() {
    let (registry, repository, digest) = with_image_over_tls().await;
    registry.script(V1, Misbehaviour::StallAt(Place::StatusLine));
    let (client, grants) = (client(), Grants::new(reach(&[&registry])));
    let ask = |time| {
        let (session, repository) = (client.session(Party::from("test"), grants.clone(), Instant::now() + time), repository.clone());
        async move { session.resolve(&repository, &tag("v1")).await }
    };
    assert_eq!(ask(SHORT * 5).await, Err(RegistryError::Timeout { host: host(&registry) }));
    registry.behave();
    // Within the time of an admission request.
    assert_eq!(ask(Duration::from_secs(8)).await, Ok(digest));
}
