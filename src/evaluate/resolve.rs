//! Tag to digest, once per request and credential set.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Access, Client, Digest, Keyring, Reference};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::{Fault, PullSecrets, Refusal};
use crate::policy::Requirement;

/// A credential set with its hash.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) access: Arc<Access>,
    pub(super) fingerprint: [u8; 32],
}

/// The access that a requirement gets: its validator's, and the pod's pull secrets where the validator wants them.
pub(super) async fn credentials(requirement: &Requirement, pulls: &dyn PullSecrets) -> Result<Credentials, Fault> {
    let own = &requirement.registry.access;
    let access = if requirement.registry.pod_pull_secrets {
        let pulled: Arc<Keyring> = pulls.keyring().await?;
        let mut access = Access::clone(own);
        access.keyring.merge((*pulled).clone());
        Arc::new(access)
    } else {
        own.clone()
    };
    Ok(Credentials { fingerprint: access.fingerprint(), access })
}

/// The digests that a reference has for each credential set, each asked for once.
pub(super) struct Digests<'a> {
    client: &'a Client,
    reference: &'a Reference,
    known: Option<&'a Digest>,
    deadline: Instant,
    seen: Mutex<BTreeMap<[u8; 32], Seen>>,
}

type Seen = Arc<OnceCell<Result<Digest, Fault>>>;

impl<'a> Digests<'a> {
    /// Nothing is asked yet; a digest that is `known` otherwise is never asked for.
    pub(super) fn new(client: &'a Client, reference: &'a Reference, known: Option<&'a Digest>, deadline: Instant) -> Self {
        Self { client, reference, known: known.or(reference.digest()), deadline, seen: Mutex::default() }
    }

    /// The digest that these credentials see.
    pub(super) async fn seen_with(&self, credentials: &Credentials) -> Result<Digest, Fault> {
        let cell = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.entry(credentials.fingerprint).or_default().clone()
        };
        cell.get_or_init(|| self.ask(credentials.access.clone())).await.clone()
    }

    async fn ask(&self, access: Arc<Access>) -> Result<Digest, Fault> {
        match (self.known, self.reference.tag()) {
            (Some(digest), _) => Ok(digest.clone()),
            (None, Some(tag)) => Ok(self.client.session(access, self.deadline).resolve(self.reference.repository(), tag).await?),
            (None, None) => Err(Fault::Internal),
        }
    }
}

/// The one digest that all agree on.
pub(super) fn agreed<'a>(mut digests: impl Iterator<Item = &'a Digest>) -> Result<Option<&'a Digest>, Refusal> {
    let Some(first) = digests.next() else { return Ok(None) };
    match digests.find(|digest| *digest != first) {
        None => Ok(Some(first)),
        Some(second) => Err(Refusal::AmbiguousDigest { first: first.clone(), second: second.clone() }),
    }
}
