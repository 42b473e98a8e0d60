//! Addresses that are not dialled, on every kind of hop; TLS that is not trusted.

use std::net::{IpAddr, Ipv4Addr};

use oci::{Malformation, Outage, RegistryError};
use registry_double::{Auth, BearerAuth, Misbehaviour, ReferrersApi};

use super::*;

/// Loopback but for 127.0.0.2: a host for registries and one that must not be dialled.
fn guarded() -> Client {
    let egress = Egress::allowing(&["127.0.0.1/32".to_owned()]).unwrap();
    Client::new(ClientSettings { egress, ..settings() }).unwrap()
}

fn refused(host: &str, address: [u8; 4]) -> RegistryError {
    RegistryError::EgressRefused { host: host.parse().unwrap(), address: Some(IpAddr::V4(Ipv4Addr::from(address))) }
}

async fn resolve(client: &Client, access: Access, repository: &Repository) -> Result<Digest, RegistryError> {
    client.session(Party::from("test"), Grants::new(access), Instant::now() + AMPLE).resolve(repository, &tag("v1")).await
}

fn closed() -> Client {
    Client::new(ClientSettings { egress: Egress::closed(), ..settings() }).unwrap()
}

#[tokio::test]
async fn a_refused_address_is_not_dialled() {
    let (registry, repository, _) = with_image().await;
    let error = resolve(&closed(), reach(&[&registry]), &repository).await.unwrap_err();
    assert_eq!(error, refused(&registry.address(), [127, 0, 0, 1]));
    assert_eq!(registry.requests(), []);
}

#[tokio::test]
async fn a_name_with_a_refused_address_is_not_dialled() {
    let (registry, _, _) = with_image().await;
    let repository: Repository = format!("localhost:{}/app", registry.socket_address().port()).parse().unwrap();
    let plain = HostSettings { plain_http: true, ..HostSettings::default() };
    let access = Access { hosts: [(repository.host().clone(), plain)].into(), ..Access::default() };
    let error = resolve(&closed(), access.clone(), &repository).await.unwrap_err();
    assert!(
        matches!(&error, RegistryError::EgressRefused { host, address: Some(address) } if host == repository.host() && address.is_loopback())
    );
    assert_eq!(registry.requests(), []);
    assert!(resolve(&client(), access, &repository).await.is_ok());
}

#[tokio::test]
async fn egress_guard_holds_on_every_hop() {
    // Redirect.
    let (registry, repository, _) = with_image().await;
    registry.script("/v2/app/manifests/v1", Misbehaviour::Redirect("https://127.0.0.2/x".to_owned()));
    assert_eq!(resolve(&guarded(), reach(&[&registry]), &repository).await, Err(refused("127.0.0.2", [127, 0, 0, 2])));
    // Redirect to an address in another spelling.
    registry.script("/v2/app/manifests/v1", Misbehaviour::Redirect("https://[::ffff:7f00:2]/x".to_owned()));
    let error = resolve(&guarded(), reach(&[&registry]), &repository).await.unwrap_err();
    assert!(matches!(error, RegistryError::EgressRefused { .. }), "{error}");
    registry.script("/v2/app/manifests/v1", Misbehaviour::Redirect("https://2130706434/x".to_owned()));
    assert_eq!(resolve(&guarded(), reach(&[&registry]), &repository).await, Err(refused("127.0.0.2", [127, 0, 0, 2])));
    // Realm.
    let (registry, repository, _) = with_image().await;
    registry.require(Auth::Bearer(BearerAuth { realm: Some("https://169.254.169.254/token".to_owned()), ..BearerAuth::default() }));
    assert_eq!(resolve(&guarded(), reach(&[&registry]), &repository).await, Err(refused("169.254.169.254", [169, 254, 169, 254])));
    // Link: another address is another origin, which is refused before.
    let (registry, repository, digest) = with_image().await;
    registry.serve_referrers(ReferrersApi::default());
    let link = "<http://127.0.0.2/x>; rel=\"next\"".to_owned();
    registry.script(&format!("/v2/app/referrers/{digest}"), Misbehaviour::Header("link", link));
    let session = guarded().session(Party::from("test"), Grants::new(reach(&[&registry])), Instant::now() + AMPLE);
    let error = session.referrers(&repository, &digest, None).await.unwrap_err();
    assert_eq!(error, RegistryError::Malformed { host: host(&registry), what: Malformation::Link });
}

#[tokio::test]
async fn plain_http_is_spoken_only_where_it_is_allowed() {
    let (registry, repository, _) = with_image().await;
    let error = resolve(&client(), Access::default(), &repository).await.unwrap_err();
    assert_eq!(error, RegistryError::Unavailable { host: host(&registry), cause: Outage::Tls });
    assert_eq!(registry.requests(), []);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let (registry, repository, digest) = with_image_over_tls().await;
    let error = resolve(&client(), Access::default(), &repository).await.unwrap_err();
    assert_eq!(error, RegistryError::Unavailable { host: host(&registry), cause: Outage::Tls });
    assert_eq!(resolve(&client(), reach(&[&registry]), &repository).await, Ok(digest));
}

#[tokio::test]
async fn a_bundle_serves_no_other_host() {
    let (registry, _, _) = with_image_over_tls().await;
    let (other, repository, _) = with_image_over_tls().await;
    let client = client();
    let mut access = reach(&[&registry]);
    assert!(resolve(&client, access.clone(), &registry.repository("app")).await.is_ok());
    let error = Err(RegistryError::Unavailable { host: host(&other), cause: Outage::Tls });
    assert_eq!(resolve(&client, access.clone(), &repository).await, error);
    // Neither does one that names the wrong authority.
    let wrong = access.hosts[&host(&registry)].clone();
    access.hosts.insert(host(&other), wrong);
    assert_eq!(resolve(&client, access, &repository).await, error);
}

#[tokio::test]
async fn a_session_with_the_right_bundle_lends_its_connection_to_no_one_else() {
    let (registry, repository, _) = with_image_over_tls().await;
    let client = client();
    assert!(resolve(&client, reach(&[&registry]), &repository).await.is_ok());
    assert!(resolve(&client, Access::default(), &repository).await.is_err());
}
