//! Where redirects may lead, and what they carry.

use oci::{RedirectFault, RegistryError};
use registry_double::{Auth, Misbehaviour};

use super::*;

fn blob_path(digest: &Digest) -> String {
    format!("/v2/app/blobs/{digest}")
}

fn refused(registry: &RegistryDouble, why: RedirectFault) -> RegistryError {
    RegistryError::RedirectRefused { host: host(registry), why }
}

#[tokio::test]
async fn a_redirect_to_another_host_carries_no_credential() {
    let (registry, repository, _) = with_image_over_tls().await;
    let storage = RegistryDouble::start_tls().await;
    let digest = registry.push_blob("app", "payload");
    storage.push_blob("app", "payload");
    registry.require(Auth::Basic("user".to_owned(), "pass".to_owned()));
    registry.script_once(&blob_path(&digest), Misbehaviour::Status(401, vec![("www-authenticate", "Basic realm=x".to_owned())]));
    registry.script_once(&blob_path(&digest), Misbehaviour::Redirect(storage.url(&blob_path(&digest))));
    let session = session(reach_with(&[&registry, &storage], login()));
    assert_eq!(session.blob(&repository, &descriptor(&digest, 7), 10).await.unwrap(), "payload");
    assert!(registry.requests()[1].authorization.is_some());
    assert_eq!(storage.requests()[0].authorization, None);
}

#[tokio::test]
async fn a_redirect_on_the_same_host_keeps_the_credential() {
    let (registry, repository, _) = with_image_over_tls().await;
    let digest = registry.push_blob("app", "payload");
    registry.require(Auth::Basic("user".to_owned(), "pass".to_owned()));
    registry.script_once(&blob_path(&digest), Misbehaviour::Redirect("/elsewhere".to_owned()));
    registry.script("/elsewhere", Misbehaviour::Redirect(blob_path(&digest)));
    let session = session(reach_with(&[&registry], login()));
    assert_eq!(session.blob(&repository, &descriptor(&digest, 7), 10).await.unwrap(), "payload");
}

#[tokio::test]
async fn a_credential_does_not_come_back_after_a_detour() {
    let (registry, repository, _) = with_image_over_tls().await;
    let detour = RegistryDouble::start_tls().await;
    let digest = registry.push_blob("app", "payload");
    registry.require(Auth::Basic("user".to_owned(), "pass".to_owned()));
    let path = blob_path(&digest);
    registry.script_once(&path, Misbehaviour::Status(401, vec![("www-authenticate", "Basic realm=x".to_owned())]));
    registry.script_once(&path, Misbehaviour::Redirect(detour.url("/x")));
    detour.script("/x", Misbehaviour::Redirect(registry.url("/back")));
    let error = session(reach_with(&[&registry, &detour], login())).blob(&repository, &descriptor(&digest, 7), 10).await.unwrap_err();
    assert_eq!(error, RegistryError::Denied { host: host(&registry) });
    let back = registry.requests().into_iter().find(|seen| seen.path == "/back").unwrap();
    assert_eq!(back.authorization, None);
}

#[tokio::test]
async fn a_challenge_from_a_redirect_target_is_not_met() {
    let (registry, repository, _) = with_image_over_tls().await;
    let evil = RegistryDouble::start_tls().await;
    let digest = registry.push_blob("app", "payload");
    registry.script(&blob_path(&digest), Misbehaviour::Redirect(evil.url("/x")));
    evil.require(Auth::Basic("user".to_owned(), "pass".to_owned()));
    let error = session(reach_with(&[&registry, &evil], login())).blob(&repository, &descriptor(&digest, 7), 10).await.unwrap_err();
    assert_eq!(error, RegistryError::Denied { host: host(&registry) });
    assert_eq!(evil.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_plain_http_needs_the_targets_own_setting() {
    let (registry, repository, _) = with_image_over_tls().await;
    let storage = RegistryDouble::start().await;
    let digest = storage.push_blob("app", "payload");
    registry.script(&blob_path(&digest), Misbehaviour::Redirect(storage.url(&blob_path(&digest))));
    let blob = descriptor(&digest, 7);
    let error = session(reach(&[&registry])).blob(&repository, &blob, 10).await.unwrap_err();
    assert_eq!(error, refused(&registry, RedirectFault::Scheme));
    assert_eq!(storage.requests(), []);
    assert_eq!(session(reach(&[&registry, &storage])).blob(&repository, &blob, 10).await.unwrap(), "payload");
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let (registry, repository, digest) = with_image().await;
    registry.script(&blob_path(&digest), Misbehaviour::Redirect(blob_path(&digest)));
    let error = session(reach(&[&registry])).blob(&repository, &descriptor(&digest, 7), 10).await.unwrap_err();
    assert_eq!(error, refused(&registry, RedirectFault::TooMany));
    assert_eq!(registry.requests().len(), 6);
}

#[tokio::test]
async fn redirects_to_what_is_no_server_are_refused() {
    let cases = [
        ("file:///etc/passwd", RedirectFault::Unreadable),
        ("data:text/plain,x", RedirectFault::Unreadable),
        ("http://", RedirectFault::Unreadable),
        ("https://user:pass@127.0.0.1/x", RedirectFault::Unreadable),
        ("ftp://127.0.0.1/x", RedirectFault::Scheme),
    ];
    for (location, why) in cases {
        let (registry, repository, digest) = with_image().await;
        registry.script(&blob_path(&digest), Misbehaviour::Redirect(location.to_owned()));
        let error = session(reach(&[&registry])).blob(&repository, &descriptor(&digest, 7), 10).await.unwrap_err();
        assert_eq!(error, refused(&registry, why), "{location}");
        assert_eq!(registry.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_without_a_target_is_refused() {
    let (registry, repository, digest) = with_image().await;
    registry.script(&blob_path(&digest), Misbehaviour::Status(302, vec![]));
    let error = session(reach(&[&registry])).blob(&repository, &descriptor(&digest, 7), 10).await.unwrap_err();
    assert_eq!(error, refused(&registry, RedirectFault::Unreadable));
}
