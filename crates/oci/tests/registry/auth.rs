//! Challenges, tokens, and who gets to see a credential.

use oci::{Keyring, Malformation, RedirectFault, RegistryError};
use registry_double::{Auth, BearerAuth, Kind, Misbehaviour};
use url::Url;

use super::*;

async fn resolve(access: Access, repository: &Repository) -> Result<Digest, RegistryError> {
    session(access).resolve(repository, &tag("v1")).await
}

/// Everything that was sent as proof of who asks.
fn proofs(registry: &RegistryDouble) -> Vec<String> {
    let requests = registry.requests();
    requests.into_iter().flat_map(|seen| seen.authorization.into_iter().chain([seen.body])).filter(|text| !text.is_empty()).collect()
}

fn no_login_seen(registry: &RegistryDouble) -> bool {
    !proofs(registry).iter().any(|proof| proof.starts_with("Basic") || proof.contains("secret"))
}

fn bearer_at(realm: &RegistryDouble) -> BearerAuth {
    BearerAuth { realm: Some(realm.url("/token")), ..BearerAuth::default() }
}

#[tokio::test]
async fn an_anonymous_token_is_fetched_when_the_registry_wants_one() {
    let (registry, repository, digest) = with_image().await;
    registry.require(Auth::anonymous_bearer());
    assert_eq!(resolve(reach(&[&registry]), &repository).await, Ok(digest));
    let token = registry.requests().into_iter().find(|seen| seen.kind == Kind::Token).unwrap();
    assert_eq!((token.query.as_str(), token.authorization), ("service=double&scope=repository%3Aapp%3Apull", None));
}

#[tokio::test]
async fn challenge_scope_is_not_believed() {
    let (registry, repository, digest) = with_image().await;
    let challenge_scope = Some("repository:victim:pull,push".to_owned());
    let realm = Some(registry.url("/token?scope=repository:victim:push&x=y"));
    registry.require(Auth::Bearer(BearerAuth { challenge_scope, realm, ..BearerAuth::default() }));
    assert_eq!(resolve(reach(&[&registry]), &repository).await, Ok(digest));
    let token = registry.requests().into_iter().find(|seen| seen.kind == Kind::Token).unwrap();
    assert_eq!(token.query, "service=double&scope=repository%3Aapp%3Apull");
}

#[tokio::test]
async fn a_login_goes_to_the_token_server_on_the_same_host() {
    let (registry, repository, digest) = with_image_over_tls().await;
    registry.require(Auth::bearer("user", "pass"));
    assert_eq!(resolve(reach_with(&[&registry], login()), &repository).await, Ok(digest));
}

#[tokio::test]
async fn a_login_is_not_sent_before_it_is_asked_for() {
    let (registry, repository, digest) = with_image_over_tls().await;
    assert_eq!(resolve(reach_with(&[&registry], login()), &repository).await, Ok(digest));
    assert_eq!(proofs(&registry), [""; 0]);
}

#[tokio::test]
async fn credentials_never_reach_unlisted_host() {
    let (registry, repository, digest) = with_image_over_tls().await;
    let evil = RegistryDouble::start_tls().await;
    registry.require(Auth::Bearer(bearer_at(&evil)));
    // The anonymous token is good enough here: what counts is what the realm saw.
    assert_eq!(resolve(reach_with(&[&registry, &evil], login()), &repository).await, Ok(digest.clone()));
    let token = Credential::IdentityToken { token: "secret".to_owned() };
    assert_eq!(resolve(reach_with(&[&registry, &evil], token), &repository).await, Ok(digest));
    assert_eq!(evil.count(Kind::Token), 2);
    assert_eq!(proofs(&evil), [""; 0]);
}

#[tokio::test]
async fn a_listed_realm_receives_the_credential() {
    let (registry, repository, digest) = with_image_over_tls().await;
    let realm = RegistryDouble::start_tls().await;
    registry.require(Auth::Bearer(bearer_at(&realm)));
    realm.require(Auth::bearer("user", "pass"));
    let mut access = reach_with(&[&registry, &realm], login());
    assert!(matches!(resolve(access.clone(), &repository).await, Err(RegistryError::Denied { .. })));
    access.hosts.get_mut(&host(&registry)).unwrap().token_realms = vec![Url::parse(&realm.url("/token")).unwrap()];
    assert_eq!(resolve(access, &repository).await, Ok(digest));
}

#[tokio::test]
async fn no_credential_is_sent_over_plain_http() {
    let (registry, repository, digest) = with_image().await;
    registry.require(Auth::anonymous_bearer());
    let mut access = reach_with(&[&registry], login());
    let config = serde_json::json!({"auths": {registry.address(): {"username": "user", "password": "secret"}}});
    access.keyring = Keyring::from_docker_config(&serde_json::to_vec(&config).unwrap()).unwrap();
    assert_eq!(resolve(access.clone(), &repository).await, Ok(digest));
    registry.require(Auth::Basic("user".to_owned(), "pass".to_owned()));
    assert!(matches!(resolve(access, &repository).await, Err(RegistryError::Denied { .. })));
    assert!(no_login_seen(&registry));
}

#[tokio::test]
async fn a_realm_on_plain_http_is_refused_unless_it_is_the_plain_registry_itself() {
    let (registry, repository, _) = with_image_over_tls().await;
    let realm = RegistryDouble::start().await;
    registry.require(Auth::Bearer(bearer_at(&realm)));
    let error = resolve(reach_with(&[&registry, &realm], login()), &repository).await.unwrap_err();
    assert_eq!(error, RegistryError::PlainHttp { host: host(&realm) });
    assert_eq!(realm.requests(), []);
}

#[tokio::test]
async fn basic_credentials_answer_a_basic_challenge_once_per_repository() {
    let (registry, repository, digest) = with_image_over_tls().await;
    registry.require(Auth::Basic("user".to_owned(), "pass".to_owned()));
    let session = session(reach_with(&[&registry], login()));
    for _ in 0..3 {
        assert_eq!(session.resolve(&repository, &tag("v1")).await, Ok(digest.clone()));
    }
    assert_eq!(registry.requests().len(), 4);
}

#[tokio::test]
async fn an_identity_token_is_exchanged_by_post() {
    let (registry, repository, digest) = with_image_over_tls().await;
    registry.require(Auth::Bearer(BearerAuth { identity_token: Some("secret".to_owned()), ..BearerAuth::default() }));
    let token = Credential::IdentityToken { token: "secret".to_owned() };
    assert_eq!(resolve(reach_with(&[&registry], token), &repository).await, Ok(digest));
    let posted = registry.requests().into_iter().find(|seen| seen.kind == Kind::Token).unwrap();
    assert_eq!((posted.method.as_str(), posted.query.as_str()), ("POST", ""));
    assert!(posted.body.contains("grant_type=refresh_token&refresh_token=secret"));
}

#[tokio::test]
async fn a_registry_token_is_sent_as_it_is() {
    let (registry, repository, digest) = with_image_over_tls().await;
    registry.require(Auth::anonymous_bearer());
    let token = Credential::RegistryToken { token: "t0.repository~app~pull".to_owned() };
    assert_eq!(resolve(reach_with(&[&registry], token), &repository).await, Ok(digest));
    assert_eq!(registry.count(Kind::Token), 0);
}

#[tokio::test]
async fn a_token_is_used_again_for_its_repository_and_grants_only() {
    let (registry, repository, digest) = with_image_over_tls().await;
    registry.push_manifest("other", "v1", IMAGE, BODY);
    registry.require(Auth::Bearer(BearerAuth { expires_in: Some(300), ..BearerAuth::default() }));
    let client = client();
    let of = |access: Access| client.session(Party::from("test"), Grants::new(access), Instant::now() + AMPLE);
    let anonymous = of(reach(&[&registry]));
    for _ in 0..3 {
        assert_eq!(anonymous.resolve(&repository, &tag("v1")).await, Ok(digest.clone()));
    }
    assert_eq!(registry.count(Kind::Token), 1);
    of(reach_with(&[&registry], login())).resolve(&repository, &tag("v1")).await.unwrap();
    assert_eq!(registry.count(Kind::Token), 2);
    anonymous.resolve(&registry.repository("other"), &tag("v1")).await.unwrap();
    assert_eq!(registry.count(Kind::Token), 3);
}

#[tokio::test]
async fn a_token_near_its_end_is_not_used_again() {
    let (registry, repository, _) = with_image().await;
    registry.require(Auth::Bearer(BearerAuth { expires_in: Some(5), ..BearerAuth::default() }));
    let session = session(reach(&[&registry]));
    for _ in 0..2 {
        session.resolve(&repository, &tag("v1")).await.unwrap();
    }
    assert_eq!(registry.count(Kind::Token), 2);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once() {
    let (registry, repository, digest) = with_image().await;
    registry.require(Auth::anonymous_bearer());
    let session = session(reach(&[&registry]));
    session.resolve(&repository, &tag("v1")).await.unwrap();
    registry.revoke_tokens();
    assert_eq!(session.resolve(&repository, &tag("v1")).await, Ok(digest));
    assert_eq!(registry.count(Kind::Token), 2);
    // A registry that accepts nothing is not asked for ever.
    let path = "/v2/app/manifests/v1";
    registry.script(path, Misbehaviour::Status(401, vec![("www-authenticate", format!("Bearer realm=\"{}\"", registry.url("/token")))]));
    assert!(matches!(session.resolve(&repository, &tag("v1")).await, Err(RegistryError::Denied { .. })));
    assert_eq!(registry.count(Kind::Token), 3);
    // What it refused is not sent again.
    let before = registry.requests().len();
    session.resolve(&repository, &tag("v1")).await.unwrap_err();
    assert_eq!(registry.requests()[before].authorization, None);
}

#[tokio::test]
async fn credentials_are_tried_in_turn_own_first() {
    let (registry, repository, digest) = with_image_over_tls().await;
    registry.require(Auth::bearer("user", "pass"));
    let wrong = Credential::Basic { username: "wrong".to_owned(), password: "wrong".to_owned() };
    let mut access = reach_with(&[&registry], wrong);
    let config = serde_json::json!({"auths": {registry.address(): {"username": "user", "password": "pass"}}});
    access.keyring = Keyring::from_docker_config(&serde_json::to_vec(&config).unwrap()).unwrap();
    assert_eq!(resolve(access, &repository).await, Ok(digest));
    assert_eq!(registry.count(Kind::Token), 2);
}

#[tokio::test]
async fn wrong_credentials_are_denied_not_dropped() {
    let (registry, repository, _) = with_image_over_tls().await;
    registry.require(Auth::bearer("user", "other"));
    let error = resolve(reach_with(&[&registry], login()), &repository).await.unwrap_err();
    assert_eq!(error, RegistryError::Denied { host: host(&registry) });
    assert_eq!(registry.count(Kind::Token), 1);
}

#[tokio::test]
async fn a_token_request_is_never_redirected() {
    let (registry, repository, _) = with_image_over_tls().await;
    let evil = RegistryDouble::start_tls().await;
    registry.require(Auth::bearer("user", "pass"));
    registry.script("/token", Misbehaviour::Redirect(evil.url("/token")));
    let error = resolve(reach_with(&[&registry, &evil], login()), &repository).await.unwrap_err();
    assert_eq!(error, RegistryError::RedirectRefused { host: host(&registry), why: RedirectFault::Token });
    assert_eq!(evil.requests(), []);
}

#[tokio::test]
async fn unusable_tokens_are_malformed() {
    let large = format!(r#"{{"token": "{}"}}"#, "x".repeat(64 * 1024));
    for body in ["", "[]", "{}", r#"{"token": ""}"#, r#"{"token": "a\nb"}"#, r#"{"token": 1}"#, &large] {
        let (registry, repository, _) = with_image().await;
        registry.require(Auth::anonymous_bearer());
        registry.script("/token", Misbehaviour::Body("application/json".to_owned(), body.to_owned().into()));
        let error = resolve(reach(&[&registry]), &repository).await.unwrap_err();
        let class = if body == large { "too_large" } else { "invalid" };
        assert_eq!(error.class().as_str(), class, "{error}");
    }
}

#[tokio::test]
async fn a_challenge_that_cannot_be_read_is_malformed() {
    for line in ["Negotiate", "Bearer service=x", "Bearer realm=\"https://user:pass@127.0.0.1/token\""] {
        let (registry, repository, _) = with_image().await;
        registry.script("/v2/app/manifests/v1", Misbehaviour::Status(401, vec![("www-authenticate", line.to_owned())]));
        let error = resolve(reach(&[&registry]), &repository).await.unwrap_err();
        assert_eq!(error, RegistryError::Malformed { host: host(&registry), what: Malformation::Challenge }, "{line}");
    }
}
