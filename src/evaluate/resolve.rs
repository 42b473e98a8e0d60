//! Tag to digest, once per request and credential set.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use oci::{Access, Client, Digest, Keyring, Reference};
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

/// The digest that each credential set sees under the reference.
pub(super) async fn digests(
    client: &Client,
    reference: &Reference,
    sets: &[Credentials],
    deadline: Instant,
) -> BTreeMap<[u8; 32], Result<Digest, Fault>> {
    let distinct: BTreeMap<_, _> = sets.iter().map(|set| (set.fingerprint, set.access.clone())).collect();
    let mut answers = Vec::new();
    for (fingerprint, access) in distinct {
        answers.push(resolve(client, reference, fingerprint, access, deadline));
    }
    join_all(answers).await.into_iter().collect()
}

async fn resolve(
    client: &Client,
    reference: &Reference,
    fingerprint: [u8; 32],
    access: Arc<Access>,
    deadline: Instant,
) -> ([u8; 32], Result<Digest, Fault>) {
    let digest = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => Ok(digest.clone()),
        (None, Some(tag)) => client.session(access, deadline).resolve(reference.repository(), tag).await.map_err(Fault::from),
        (None, None) => Err(Fault::Internal),
    };
    (fingerprint, digest)
}

/// The one digest that all agree on.
pub(super) fn agreed<'a>(mut digests: impl Iterator<Item = &'a Digest>) -> Result<Option<&'a Digest>, Refusal> {
    let Some(first) = digests.next() else { return Ok(None) };
    match digests.find(|digest| *digest != first) {
        None => Ok(Some(first)),
        Some(second) => Err(Refusal::AmbiguousDigest { first: first.clone(), second: second.clone() }),
    }
}
