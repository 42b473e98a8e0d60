//! The rate of requests that the settings allow.

use std::num::NonZeroU32;

use futures::future::{join, join_all};
use oci::{ManifestRef, RegistryError, RequestRates};
use registry_double::Misbehaviour;

use super::*;

fn rate(number: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(number)
}

fn limited(rates: RequestRates) -> Client {
    let client = client();
    client.limits().set(rates);
    client
}

fn every_host(number: u32) -> RequestRates {
    RequestRates { default: rate(number), ..RequestRates::default() }
}

fn asking(client: &Client, registry: &RegistryDouble, time: Duration) -> Session {
    client.session(Party::from("test"), Grants::new(reach(&[registry])), Instant::now() + time)
}

async fn get(session: &Session, repository: &Repository) -> Result<Digest, RegistryError> {
    Ok(session.manifest(repository, &ManifestRef::Tag(tag("v1"))).await?.digest)
}

/// How long so many questions take together, all of which are answered.
async fn together(client: &Client, registry: &RegistryDouble, repository: &Repository, count: usize) -> Duration {
    let (start, session) = (Instant::now(), asking(client, registry, Duration::from_mins(1)));
    let answers = join_all((0..count).map(|_| get(&session, repository))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    start.elapsed()
}

#[tokio::test]
async fn a_host_gets_no_more_requests_than_its_rate_and_every_question_its_answer() {
    let (registry, repository, _) = with_image().await;
    let took = together(&limited(every_host(50)), &registry, &repository, 26).await;
    assert!(took >= Duration::from_millis(500), "{took:?}");
    assert_eq!(registry.requests().len(), 26);
}

#[tokio::test]
async fn the_rate_of_a_host_is_that_of_all_credentials_and_parties_together() {
    let (registry, repository, _) = with_image_over_tls().await;
    let client = limited(every_host(10));
    let start = Instant::now();
    let ask = async |party: &str, access: Access| {
        let session = client.session(Party::from(party), Grants::new(access), Instant::now() + AMPLE);
        get(&session, &repository).await.unwrap();
    };
    tokio::join!(
        ask("shop", reach(&[&registry])),
        ask("bank", reach(&[&registry])),
        ask("shop", reach_with(&[&registry], login())),
        ask("bank", reach_with(&[&registry], login()))
    );
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[tokio::test]
async fn each_host_has_a_rate_of_its_own() {
    let (slow, slow_repository, _) = with_image().await;
    let (free, free_repository, _) = with_image().await;
    let client = limited(RequestRates { default: None, hosts: [(host(&slow), rate(2).unwrap())].into() });
    let (slow, free) = join(together(&client, &slow, &slow_repository, 3), together(&client, &free, &free_repository, 20)).await;
    assert!(slow >= Duration::from_secs(1), "{slow:?}");
    assert!(free < slow, "{free:?}");
}

#[tokio::test]
async fn a_request_that_has_no_turn_in_time_is_not_sent_and_fails_at_once() {
    let (registry, repository, _) = with_image().await;
    let client = limited(every_host(1));
    get(&asking(&client, &registry, SHORT), &repository).await.unwrap();
    let start = Instant::now();
    let error = get(&asking(&client, &registry, SHORT), &repository).await.unwrap_err();
    assert_eq!((error.class().as_str(), &error), ("rate_limited", &RegistryError::OverRate { host: host(&registry) }));
    assert!(start.elapsed() < SHORT);
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn another_rate_counts_for_requests_that_wait() {
    let (registry, repository, _) = with_image().await;
    let client = limited(every_host(1));
    let session = asking(&client, &registry, AMPLE);
    get(&session, &repository).await.unwrap();
    let start = Instant::now();
    let change = async { client.limits().set(RequestRates::default()) };
    let (answers, ()) = join(join_all((0..10).map(|_| get(&session, &repository))), change).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_request_that_waited_for_a_place_waits_for_a_turn_again() {
    let (registry, repository, _) = with_image().await;
    let client = counting(Arc::new(|_, _| ()), 2);
    client.limits().set(every_host(10));
    registry.script_once("/v2/app/manifests/v1", Misbehaviour::Stall);
    // One place, taken for 500 ms; five have had their turns by then and must not come all at once.
    let stalled = asking(&client, &registry, Duration::from_millis(500));
    let session = asking(&client, &registry, AMPLE);
    let start = Instant::now();
    let others = async {
        tokio::task::yield_now().await;
        join_all((0..5).map(|_| get(&session, &repository))).await
    };
    let (stalled, answers) = join(get(&stalled, &repository), others).await;
    assert!(stalled.is_err() && answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
}

#[tokio::test]
async fn whoever_waits_for_an_answer_is_before_what_happens_in_the_background() {
    let (registry, repository, _) = with_image().await;
    let client = limited(every_host(20));
    let (background, foreground) = (asking(&client, &registry, AMPLE).in_background(), asking(&client, &registry, AMPLE));
    let start = Instant::now();
    let time = async |session: &Session| {
        get(session, &repository).await.unwrap();
        start.elapsed()
    };
    let (background, foreground) = join(join_all((0..10).map(|_| time(&background))), time(&foreground)).await;
    assert!(background.iter().filter(|other| **other < foreground).count() <= 2, "{foreground:?} {background:?}");
}

#[tokio::test]
async fn a_request_that_waited_while_the_host_asked_to_be_left_alone_is_not_sent() {
    let (registry, repository, _) = with_image().await;
    let client = limited(every_host(10));
    registry.script("/v2/app/manifests/v1", Misbehaviour::Status(429, vec![("retry-after", "40".to_owned())]));
    let session = asking(&client, &registry, AMPLE);
    let answers = join_all((0..5).map(|_| get(&session, &repository))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(RegistryError::RateLimited { .. }))), "{answers:?}");
    assert_eq!(registry.requests().len(), 1);
}
