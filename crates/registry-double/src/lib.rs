//! A container registry inside a test: on loopback, over plain HTTP or TLS.
//!
//! Boundary: as much of the OCI distribution specification as a puller meets, plus the misbehaviour that no honest
//! program shows. Development only. Invariant: what was pushed is served unchanged unless the test scripted otherwise,
//! and every request that arrived can be read back.
//!
//! Tests own this crate's input, so it panics on nonsense.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, reason = "a test's server may fail the test")]

mod auth;
mod body;
mod respond;
mod script;
mod seen;
mod server;
mod store;
mod tls;
mod wire;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use oci::{Digest, Repository};
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{
    auth::{Auth, BearerAuth},
    script::{Misbehaviour, Place, Reception},
    seen::{Kind, Seen},
};
use self::{script::Scripts, store::Store};

/// A running registry; it ends when it is dropped.
#[derive(Debug)]
pub struct RegistryDouble {
    address: SocketAddr,
    ca_pem: Option<String>,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

/// Everything that requests read and tests change.
#[derive(Debug, Default)]
struct State {
    store: Store,
    auth: Auth,
    scripts: Scripts,
    reception: Reception,
    seen: Vec<Seen>,
    referrers: Option<ReferrersApi>,
}

/// How the referrers API answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReferrersApi {
    /// Entries per page; all on one page if absent.
    pub page_size: Option<usize>,
    /// Whether the server honours `artifactType`.
    pub filters: bool,
}

impl RegistryDouble {
    /// Serves plain HTTP on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    /// Serves HTTPS with a certificate for `127.0.0.1` and `localhost`, made for this one server.
    pub async fn start_tls() -> Self {
        Self::serve(Some(tls::issue())).await
    }

    async fn serve(tls: Option<tls::Issued>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::default();
        let (ca_pem, acceptors) = tls.map(|issued| (issued.ca_pem, issued.acceptors)).unzip();
        let task = tokio::spawn(server::run(listener, acceptors, Arc::clone(&state)));
        Self { address, ca_pem, state, task }
    }

    /// `127.0.0.1:port`, as it stands in a reference.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The address to dial.
    pub fn socket_address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path`, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The repository with this name on this registry.
    pub fn repository(&self, name: &str) -> Repository {
        format!("{}/{name}", self.address).parse().expect("a repository name")
    }

    /// The certificate that a client must trust; none without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Stores a manifest under its digest and, if one is given, a tag. One with a `subject` becomes its referrer.
    pub fn push_manifest<'a>(
        &self,
        repository: &str,
        tag: impl Into<Option<&'a str>>,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Digest {
        self.state().store.push_manifest(repository, tag.into(), media_type, bytes.into())
    }

    /// Stores a blob.
    pub fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        self.state().store.push_blob(repository, bytes.into())
    }

    /// Serves exactly these files as the trust data of a repository, as a Notary v1 server does: `root.json` and others.
    pub fn serve_trust_data(&self, gun: &str, files: impl IntoIterator<Item = (String, Bytes)>) {
        self.state().store.replace_trust_data(gun, files);
    }

    /// Removes a tag; the manifest stays.
    pub fn remove_tag(&self, repository: &str, tag: &str) {
        self.state().store.remove_tag(repository, tag);
    }

    /// Answers the referrers API, which is 404 otherwise.
    pub fn serve_referrers(&self, api: ReferrersApi) {
        self.state().referrers = Some(api);
    }

    /// Asks for credentials from now on. Tokens come from `/token` of the same server unless the realm says otherwise.
    pub fn require(&self, auth: Auth) {
        self.state().auth = auth;
    }

    /// Makes all tokens that were issued so far worthless.
    pub fn revoke_tokens(&self) {
        self.state().auth.revoke();
    }

    /// Misbehaves at each request to `path` (without query), whatever its method.
    pub fn script(&self, path: &str, misbehaviour: Misbehaviour) {
        self.state().scripts.always(None, path, misbehaviour);
    }

    /// Misbehaves at each request to `path` with this method.
    pub fn script_method(&self, method: &str, path: &str, misbehaviour: Misbehaviour) {
        self.state().scripts.always(Some(method), path, misbehaviour);
    }

    /// Misbehaves at the next request to `path` only; several wait in their order.
    pub fn script_once(&self, path: &str, misbehaviour: Misbehaviour) {
        self.state().scripts.once(path, misbehaviour);
    }

    /// Receives connections like this from now on.
    pub fn receive(&self, reception: Reception) {
        self.state().reception = reception;
    }

    /// Forgets all scripts: from now on everybody gets honest answers.
    pub fn behave(&self) {
        let mut state = self.state();
        (state.scripts, state.reception) = (Scripts::default(), Reception::default());
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// How many requests of a kind arrived.
    pub fn count(&self, kind: Kind) -> usize {
        self.state().seen.iter().filter(|seen| seen.kind == kind).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no request panicked")
    }
}

impl Drop for RegistryDouble {
    fn drop(&mut self) {
        self.task.abort();
    }
}
