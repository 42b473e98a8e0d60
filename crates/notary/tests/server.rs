//! The client of a trust server against one on loopback, honest and hostile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a failure here is a failed test")]

#[path = "server/credentials.rs"]
mod credentials;
#[allow(dead_code, reason = "other tests use the rest of it")]
mod forge;
#[path = "server/honest.rs"]
mod honest;
#[path = "server/hostile.rs"]
mod hostile;

use std::time::Duration;

use forge::repo::{GUN, Repo};
use notary::{Anchors, Request, Scope, ServerClient, ServerSession, State, Trusted, UpdateError, update};
use oci::{Access, CaBundle, Client, ClientSettings, Credential, Egress, Grants, HostSettings, RegistryError};
use registry_double::RegistryDouble;
use tokio::time::Instant;

/// For requests that must not wait for anything: far away.
const AMPLE: Duration = Duration::from_secs(30);
/// For requests that wait for what never comes.
const SHORT: Duration = Duration::from_millis(300);
const BASE: &str = "/v2/registry.test/team/app/_trust/tuf";

fn path(file: &str) -> String {
    format!("{BASE}/{file}")
}

fn client() -> ServerClient {
    let egress = Egress::allowing(&["127.0.0.0/8".to_owned()]).unwrap();
    let settings = ClientSettings {
        egress,
        user_agent: "test".to_owned(),
        on_request: None,
        max_concurrent_per_host: oci::DEFAULT_CONCURRENCY,
        max_bytes: oci::DEFAULT_BYTES,
    };
    ServerClient::new(Client::new(settings).unwrap())
}

/// What it takes to talk to these servers at all.
fn reach(servers: &[&RegistryDouble]) -> Access {
    let one = |server: &&RegistryDouble| {
        let ca_bundle = server.ca_pem().map(|pem| CaBundle::from_pem(pem).unwrap());
        (server.address().parse().unwrap(), HostSettings { plain_http: ca_bundle.is_none(), ca_bundle, ..HostSettings::default() })
    };
    Access { hosts: servers.iter().map(one).collect(), ..Access::default() }
}

/// The same, with a login for the first.
fn reach_with_login(servers: &[&RegistryDouble]) -> Access {
    let mut access = reach(servers);
    let login = Credential::Basic { username: "user".to_owned(), password: "pass".to_owned() };
    access.hosts.get_mut(&servers[0].address().parse().unwrap()).unwrap().credential = Some(login);
    access
}

fn session(client: &ServerClient, server: &RegistryDouble, access: Access, patience: Duration) -> ServerSession {
    let url = server.url("").parse().unwrap();
    client.session(url, GUN.parse().unwrap(), "test".into(), Grants::new(access), Instant::now() + patience)
}

fn request(repo: &Repo) -> Request {
    Request {
        gun: GUN.parse().unwrap(),
        anchors: Anchors::new(repo.root.keys.iter().map(forge::key::Key::public_key).collect(), vec![], None).unwrap(),
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
        scope: Scope::of_policy([]),
        min_root_version: None,
        base_root_version: None,
    }
}

async fn run(session: &ServerSession, repo: &Repo, state: Option<&State>) -> Result<Trusted, UpdateError> {
    update(session, &request(repo), state).await
}

/// One run of a client that knows nothing, with these grants.
async fn first_contact(server: &RegistryDouble, repo: &Repo, access: Access) -> Result<Trusted, UpdateError> {
    run(&session(&client(), server, access, AMPLE), repo, None).await
}

/// What the registry client says of a run that could not find out.
fn outage(outcome: Result<Trusted, UpdateError>) -> RegistryError {
    match outcome {
        Err(UpdateError::Unavailable { source: notary::FetchError::Unavailable(cause), .. }) => {
            cause.downcast_ref::<notary::ServerError>().unwrap().0.clone()
        }
        other => panic!("{other:?}"),
    }
}

fn serving(server: RegistryDouble) -> (RegistryDouble, Repo) {
    let repo = Repo::new();
    server.serve_trust_data(GUN, repo.publish().served());
    (server, repo)
}

async fn plain() -> (RegistryDouble, Repo) {
    serving(RegistryDouble::start().await)
}

async fn over_tls() -> (RegistryDouble, Repo) {
    serving(RegistryDouble::start_tls().await)
}
