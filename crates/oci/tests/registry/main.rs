//! The client against a registry on loopback, honest and hostile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]

mod auth;
mod egress;
mod fairness;
mod limits;
mod post;
mod pull;
mod rates;
mod redirects;
mod referrers;

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, time::Duration};

use oci::{
    Access, CaBundle, Client, ClientSettings, Credential, Descriptor, Digest, Egress, Grants, Host, HostSettings, OnRequest, Party,
    Repository, Session, Tag,
};
use registry_double::RegistryDouble;
use tokio::time::Instant;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const BODY: &str = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;

/// For requests that must not wait for anything: far away.
const AMPLE: Duration = Duration::from_secs(30);
/// For requests that wait for what never comes.
const SHORT: Duration = Duration::from_millis(200);

fn loopback() -> Egress {
    Egress::allowing(&["127.0.0.0/8".to_owned()]).unwrap()
}

fn settings() -> ClientSettings {
    ClientSettings {
        egress: loopback(),
        user_agent: "test".to_owned(),
        on_request: None,
        max_concurrent_per_host: oci::DEFAULT_CONCURRENCY,
        max_bytes: oci::DEFAULT_BYTES,
    }
}

fn client() -> Client {
    Client::new(settings()).unwrap()
}

fn counting(on_request: OnRequest, most: usize) -> Client {
    let max_concurrent_per_host = NonZeroUsize::new(most).unwrap();
    Client::new(ClientSettings { on_request: Some(on_request), max_concurrent_per_host, ..settings() }).unwrap()
}

fn host(registry: &RegistryDouble) -> Host {
    registry.address().parse().unwrap()
}

/// What it takes to talk to these registries at all.
fn reach(registries: &[&RegistryDouble]) -> Access {
    let one = |registry: &&RegistryDouble| {
        let ca_bundle = registry.ca_pem().map(|pem| CaBundle::from_pem(pem).unwrap());
        (host(registry), HostSettings { plain_http: ca_bundle.is_none(), ca_bundle, ..HostSettings::default() })
    };
    Access { hosts: registries.iter().map(one).collect(), ..Access::default() }
}

/// The same, with a credential for the first.
fn reach_with(registries: &[&RegistryDouble], credential: Credential) -> Access {
    let mut access = reach(registries);
    access.hosts.get_mut(&host(registries[0])).unwrap().credential = Some(credential);
    access
}

fn login() -> Credential {
    Credential::Basic { username: "user".to_owned(), password: "pass".to_owned() }
}

fn session(access: Access) -> Session {
    client().session(Party::from("test"), Grants::new(access), Instant::now() + AMPLE)
}

fn impatient(access: Access) -> Session {
    client().session(Party::from("test"), Grants::new(access), Instant::now() + SHORT)
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn descriptor(digest: &Digest, size: usize) -> Descriptor {
    Descriptor {
        media_type: "application/octet-stream".to_owned(),
        digest: digest.clone(),
        size: size as u64,
        artifact_type: None,
        annotations: BTreeMap::new(),
    }
}

/// A registry that holds `app:v1`.
async fn with_image() -> (RegistryDouble, Repository, Digest) {
    let registry = RegistryDouble::start().await;
    holding_image(registry)
}

async fn with_image_over_tls() -> (RegistryDouble, Repository, Digest) {
    let registry = RegistryDouble::start_tls().await;
    holding_image(registry)
}

fn holding_image(registry: RegistryDouble) -> (RegistryDouble, Repository, Digest) {
    let digest = registry.push_manifest("app", "v1", IMAGE, BODY);
    let repository = registry.repository("app");
    (registry, repository, digest)
}
