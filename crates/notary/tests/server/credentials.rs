//! Challenges, tokens, and who gets to see a credential: the rules of the registry client, for a GUN.

use oci::RegistryError;
use registry_double::{Auth, BearerAuth, Kind, Misbehaviour, RegistryDouble};

use super::{AMPLE, client, first_contact, outage, over_tls, path, plain, reach, reach_with_login, run, session};

/// Everything that was sent as proof of who asks.
fn proofs(server: &RegistryDouble) -> Vec<String> {
    server.requests().into_iter().filter_map(|seen| seen.authorization).collect()
}

fn bearer_at(realm: &RegistryDouble) -> Auth {
    Auth::Bearer(BearerAuth { realm: Some(realm.url("/token")), ..BearerAuth::default() })
}

#[tokio::test]
async fn a_token_is_asked_for_to_pull_this_gun_whatever_the_challenge_says() {
    let (server, repo) = plain().await;
    let challenge_scope = Some("repository:victim:pull,push".to_owned());
    server.require(Auth::Bearer(BearerAuth { challenge_scope, ..BearerAuth::default() }));
    first_contact(&server, &repo, reach(&[&server])).await.unwrap();
    let token = server.requests().into_iter().find(|seen| seen.kind == Kind::Token).unwrap();
    assert_eq!(token.query, "service=double&scope=repository%3Aregistry.test%2Fteam%2Fapp%3Apull");
}

#[tokio::test]
async fn a_login_is_sent_to_the_token_server_of_the_same_host() {
    let (server, repo) = over_tls().await;
    server.require(Auth::bearer("user", "pass"));
    first_contact(&server, &repo, reach_with_login(&[&server])).await.unwrap();
}

#[tokio::test]
async fn a_login_answers_a_basic_challenge() {
    let (server, repo) = over_tls().await;
    server.require(Auth::Basic("user".to_owned(), "pass".to_owned()));
    first_contact(&server, &repo, reach_with_login(&[&server])).await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_are_unavailability_and_never_missing_trust_data() {
    let (server, repo) = over_tls().await;
    for auth in [Auth::bearer("user", "other"), Auth::Basic("user".to_owned(), "other".to_owned())] {
        server.require(auth);
        let error = outage(first_contact(&server, &repo, reach_with_login(&[&server])).await);
        assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_has_expired_is_replaced() {
    let (server, repo) = over_tls().await;
    server.require(Auth::bearer("user", "pass"));
    let client = client();
    let session = session(&client, &server, reach_with_login(&[&server]), AMPLE);
    let first = run(&session, &repo, None).await.unwrap();
    server.revoke_tokens();
    run(&session, &repo, Some(first.state())).await.unwrap();
}

#[tokio::test]
async fn credentials_never_reach_a_realm_elsewhere_unless_it_is_listed() {
    let (server, repo) = over_tls().await;
    let realm = RegistryDouble::start_tls().await;
    realm.require(Auth::bearer("user", "pass"));
    server.require(bearer_at(&realm));
    let mut access = reach_with_login(&[&server, &realm]);
    let error = outage(first_contact(&server, &repo, access.clone()).await);
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    assert_eq!(proofs(&realm), [""; 0]);
    let host = server.address().parse().unwrap();
    access.hosts.get_mut(&host).unwrap().token_realms = vec![realm.url("/token").parse().unwrap()];
    first_contact(&server, &repo, access).await.unwrap();
}

#[tokio::test]
async fn credentials_never_leave_over_plain_http() {
    let (server, repo) = plain().await;
    server.require(Auth::Basic("user".to_owned(), "pass".to_owned()));
    let error = outage(first_contact(&server, &repo, reach_with_login(&[&server])).await);
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    assert_eq!(proofs(&server), [""; 0]);
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_elsewhere() {
    let (server, repo) = over_tls().await;
    let elsewhere = RegistryDouble::start_tls().await;
    elsewhere.serve_trust_data(super::GUN, repo.publish().served());
    server.require(Auth::bearer("user", "pass"));
    let client = client();
    let session = session(&client, &server, reach_with_login(&[&server, &elsewhere]), AMPLE);
    let first = run(&session, &repo, None).await.unwrap();
    server.script(&path("timestamp.json"), Misbehaviour::Redirect(elsewhere.url(&path("timestamp.json"))));
    run(&session, &repo, Some(first.state())).await.unwrap();
    assert_eq!((elsewhere.requests().len(), proofs(&elsewhere)), (1, vec![]));
}
