//! Servers that are slow, endless, or failing: what they cost, and what they are taken for.

use std::time::Duration;

use notary::{Role, UpdateError, limits};
use oci::{Outage, RedirectFault, RegistryError};
use registry_double::Misbehaviour;
use tokio::time::Instant;

use super::{AMPLE, SHORT, client, first_contact, outage, over_tls, path, plain, reach, run, session};
use crate::forge::repo::Repo;

#[tokio::test]
async fn an_endless_body_costs_the_cap_of_its_role() {
    let (server, repo) = plain().await;
    server.script(&path("timestamp.json"), Misbehaviour::Endless);
    let error = first_contact(&server, &repo, reach(&[&server])).await.unwrap_err();
    assert!(matches!(error, UpdateError::TooLong { role: Role::Timestamp, limit: limits::TIMESTAMP_BYTES }), "{error}");
}

#[tokio::test]
async fn a_body_of_100_mib_is_not_taken_for_a_file_of_the_length_that_is_signed() {
    let (server, repo) = plain().await;
    let name = snapshot_name(&repo);
    server.script(&path(&name), Misbehaviour::Body("text/plain".to_owned(), vec![b' '; 100 * 1024 * 1024].into()));
    let error = first_contact(&server, &repo, reach(&[&server])).await.unwrap_err();
    assert!(matches!(error, UpdateError::WrongLength { role: Role::Snapshot }), "{error}");
}

#[tokio::test]
async fn a_dripping_body_ends_with_the_deadline() {
    let (server, repo) = plain().await;
    server.script(&path("root.json"), Misbehaviour::Drip(Duration::from_millis(50)));
    let started = Instant::now();
    let error = outage(run(&session(&client(), &server, reach(&[&server]), SHORT), &repo, None).await);
    assert!(matches!(error, RegistryError::Timeout { .. }), "{error}");
    assert!(started.elapsed() < SHORT + Duration::from_secs(2));
}

#[tokio::test]
async fn a_silent_server_ends_with_the_deadline() {
    let (server, repo) = plain().await;
    server.script(&path("root.json"), Misbehaviour::Stall);
    let error = outage(run(&session(&client(), &server, reach(&[&server]), SHORT), &repo, None).await);
    assert!(matches!(error, RegistryError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn any_answer_but_404_is_unavailability() {
    let (server, repo) = plain().await;
    for status in [400, 403, 410, 500, 503] {
        server.script(&path("root.json"), Misbehaviour::Status(status, vec![]));
        let outcome = first_contact(&server, &repo, reach(&[&server])).await;
        assert!(matches!(outcome, Err(UpdateError::Unavailable { role: Role::Root, .. })), "{status}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_failing_server_is_asked_once_more() {
    let (server, repo) = plain().await;
    server.script_once(&path("root.json"), Misbehaviour::Status(502, vec![]));
    first_contact(&server, &repo, reach(&[&server])).await.unwrap();
    server.script(&path("root.json"), Misbehaviour::Status(502, vec![]));
    let error = outage(first_contact(&server, &repo, reach(&[&server])).await);
    assert!(matches!(error, RegistryError::Unavailable { cause: Outage::Status(502), .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_to_plain_http_is_not_followed() {
    let (server, repo) = over_tls().await;
    let (unsafe_server, _) = plain().await;
    server.script(&path("root.json"), Misbehaviour::Redirect(unsafe_server.url(&path("root.json"))));
    let error = outage(run(&session(&client(), &server, reach(&[&server]), AMPLE), &repo, None).await);
    assert!(matches!(error, RegistryError::RedirectRefused { why: RedirectFault::Scheme, .. }), "{error}");
    assert_eq!(unsafe_server.requests().len(), 0);
}

#[tokio::test]
async fn egress_guard_holds_for_trust_servers_and_their_redirects() {
    let (server, repo) = plain().await;
    server.script(&path("root.json"), Misbehaviour::Redirect("https://169.254.169.254/latest".to_owned()));
    let error = outage(first_contact(&server, &repo, reach(&[&server])).await);
    assert!(matches!(error, RegistryError::EgressRefused { .. }), "{error}");
}

fn snapshot_name(repo: &Repo) -> String {
    let files = repo.publish().served();
    files.into_iter().map(|(name, _)| name).find(|name| name.starts_with("snapshot.")).unwrap()
}
