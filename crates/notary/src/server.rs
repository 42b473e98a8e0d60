//! The client of a Notary v1 server (specification, section 1).
//!
//! Boundary: bytes of files for the update; how a server is reached, who may see a credential and what an answer may
//! cost are the rules of the `oci` crate, which are the same for registries. Invariant: a token is asked for to pull
//! this one repository, whatever a challenge says, and a file that is kept has the hash in its name.

mod error;
mod files;
mod url;

use std::sync::Arc;

use bytes::Bytes;
use oci::{Client, Freshness, Grants, Party, RegistryError, Scope, Session};
use tokio::time::Instant;

pub use error::ServerError;
pub use url::{ServerUrl, ServerUrlError};

use crate::fetch::{At, Fetch, FetchError, FileName};
use crate::name::Gun;
use files::Files;

/// Asks trust servers; cheap to clone. Files that never change are kept for all sessions with the same grants.
#[derive(Clone, Debug)]
pub struct ServerClient {
    client: Client,
    files: Files,
}

impl ServerClient {
    /// Nothing is dialled yet.
    pub fn new(client: Client) -> ServerClient {
        ServerClient { client, files: Files::default() }
    }

    /// The trust data of one repository, for `party`, with what `grants` give for the server's host, until `deadline`.
    pub fn session(&self, server: ServerUrl, gun: Gun, party: Party, grants: Grants, deadline: Instant) -> ServerSession {
        let scope = Scope::new(server.host().clone(), gun.as_str());
        let credentials = grants.fingerprint();
        ServerSession { session: self.client.session(party, grants, deadline), files: self.files.clone(), server, gun, scope, credentials }
    }
}

/// Fetches files of one repository from one server.
#[derive(Clone, Debug)]
pub struct ServerSession {
    session: Session,
    files: Files,
    server: ServerUrl,
    gun: Gun,
    scope: Scope,
    credentials: [u8; 32],
}

impl ServerSession {
    /// The same, for work that nobody waits for.
    #[must_use]
    pub fn in_background(self) -> Self {
        Self { session: self.session.in_background(), ..self }
    }

    async fn ask(&self, url: &::url::Url, at: At, limit: u64) -> Result<Bytes, FetchError> {
        // A file by its hash is checked, so it matters to nobody where it comes from.
        let freshness = if matches!(at, At::Hash(_)) { Freshness::Any } else { Freshness::Now };
        let cap = usize::try_from(limit).unwrap_or(usize::MAX);
        self.session.file(url, &self.scope, cap, freshness).await.map_err(failure)
    }
}

impl Fetch for ServerSession {
    async fn fetch(&self, file: &FileName, limit: u64) -> Result<Bytes, FetchError> {
        let url = self.server.file(&self.gun, file);
        let key = (self.credentials, url.clone());
        if let Some(known) = self.files.get(&key, file.at()) {
            return if known.len() as u64 > limit { Err(FetchError::TooLong) } else { Ok(known) };
        }
        let bytes = self.ask(&url, file.at(), limit).await?;
        self.files.keep(key, file.at(), &bytes);
        Ok(bytes)
    }
}

fn failure(error: RegistryError) -> FetchError {
    match error {
        RegistryError::NotFound { .. } => FetchError::NotFound,
        RegistryError::TooLarge { .. } => FetchError::TooLong,
        error => FetchError::Unavailable(Arc::new(ServerError(error))),
    }
}
