//! What credentials and tokens are for: to pull one name from one host.
//!
//! Boundary: names only. Invariant: what a token is asked for is computed from here, never read from a challenge
//! (security rule 11).

use crate::{Host, Repository};

/// To pull `name`, as its server calls it, from the server `host`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    host: Host,
    name: String,
}

impl Scope {
    /// To pull something that is no repository of the host itself, such as the trust data of a repository elsewhere.
    pub fn new(host: Host, name: impl Into<String>) -> Self {
        Self { host, name: name.into() }
    }

    /// To pull a repository from its registry.
    pub(super) fn of(repository: &Repository) -> Self {
        Self::new(repository.host().clone(), repository.path())
    }

    /// The server whose settings and credentials hold.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What a token is asked for, as the distribution project's token specification writes it.
    pub(super) fn text(&self) -> String {
        format!("repository:{}:pull", self.name)
    }

    /// What credentials are looked up by.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}
