//! Tag to digest, once per request and credential set.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Digest, Grants, Reference};
use tokio::sync::OnceCell;

use super::{Evaluator, Fault, PullSecrets, Question, Refusal};
use crate::policy::Requirement;

/// What a requirement may use: its validator's grants, and the pod's pull secrets where the validator wants them.
pub(super) async fn grants(requirement: &Requirement, pulls: &dyn PullSecrets) -> Result<Grants, Fault> {
    let own = &requirement.registry.grants;
    if !requirement.registry.pod_pull_secrets {
        return Ok(own.clone());
    }
    let pulled = pulls.keyring().await?;
    let mut access = own.access().clone();
    access.keyring.merge((*pulled).clone());
    Ok(Grants::new(access))
}

/// The digests that a reference has for each credential set, each asked for once.
pub(super) struct Digests<'a> {
    evaluator: &'a Evaluator,
    question: &'a Question<'a>,
    reference: &'a Reference,
    seen: Mutex<BTreeMap<[u8; 32], Seen>>,
}

type Seen = Arc<OnceCell<Result<Digest, Fault>>>;

impl<'a> Digests<'a> {
    /// Nothing is asked yet; a digest that is known otherwise is never asked for.
    pub(super) fn new(evaluator: &'a Evaluator, question: &'a Question<'a>, reference: &'a Reference) -> Self {
        Self { evaluator, question, reference, seen: Mutex::default() }
    }

    /// The digest that these credentials see.
    pub(super) async fn seen_with(&self, grants: &Grants) -> Result<Digest, Fault> {
        if let Some(known) = self.question.digest.or(self.reference.digest()) {
            return Ok(known.clone());
        }
        let cell = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.entry(grants.fingerprint()).or_default().clone()
        };
        cell.get_or_init(|| self.ask(grants)).await.clone()
    }

    async fn ask(&self, grants: &Grants) -> Result<Digest, Fault> {
        let tag = self.reference.tag().ok_or(Fault::Internal)?;
        let session = || self.evaluator.session(self.question, grants);
        let named = (self.reference.repository(), tag);
        self.evaluator.tags().digest(session, named, grants.fingerprint(), self.question.deadline).await
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
