//! One cosign requirement against one digest: find the signatures, verify them, count distinct trust roots.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cosign::{Budget, CandidateError, Discovered, Layout, PublicKey, Search, SkipReason};
use oci::{Digest, Session};

use super::cache::Key;
use super::habits::Habits;
use super::{Evidence, Fault, Refusal, RequirementVerdict, Signer};
use crate::policy::{CosignRequirement, ObjectName};

/// What is asked: a validator's name for evidence, and what must be shown.
pub(super) type Asked<'a> = (&'a ObjectName, &'a Arc<CosignRequirement>);

/// Asks the registry and judges what it finds; the arithmetic runs where it blocks nobody.
///
/// Signatures are looked for in the usual place of their registry first, and in all others when those do not suffice.
pub(super) async fn judge(
    session: &Session,
    habits: &Habits,
    key: &Key,
    (validator, cosign): Asked<'_>,
) -> Result<RequirementVerdict, Fault> {
    let search = Search::new(session, &key.repository, &key.digest, cosign.signature_repository.as_ref());
    let host = search.repository().host();
    let usual = habits.usual(host, key.credentials);
    let mut weighed = Weighed::default();
    if let Some(layout) = usual {
        weighed = weighed.add(search.at(layout).await, &key.digest, cosign).await?;
    }
    if !weighed.suffices(cosign) {
        weighed = weighed.add(search.elsewhere(usual).await, &key.digest, cosign).await?;
    }
    let Weighed { found, tally } = weighed;
    if let Some(signers) = tally.satisfies(cosign) {
        if let Some(layout) = tally.layout {
            habits.learn(host, key.credentials, layout);
        }
        return Ok(Ok(Evidence { digest: key.digest.clone(), validators: vec![validator.clone()], signers, expires: None }));
    }
    match found.fault {
        // What was not seen might have sufficed: then nobody knows.
        Some(fault) => Err(fault.into()),
        None if found.candidates.is_empty() && !session.exists(&key.repository, &key.digest).await? => Err(Fault::ImageNotFound),
        None => Ok(Err(tally.refusal(&found, cosign))),
    }
}

/// What was found so far, all of it checked.
#[derive(Default)]
struct Weighed {
    found: Discovered,
    tally: Tally,
}

impl Weighed {
    async fn add(self, more: Discovered, digest: &Digest, cosign: &Arc<CosignRequirement>) -> Result<Self, Fault> {
        let Self { found, mut tally } = self;
        if more.candidates.is_empty() {
            return Ok(Self { found: found.and(more), tally });
        }
        let (digest, cosign) = (digest.clone(), cosign.clone());
        let weigh = move || {
            tally.add(&more, &digest, &cosign);
            Self { found: found.and(more), tally }
        };
        tokio::task::spawn_blocking(weigh).await.map_err(|_| Fault::Internal)
    }

    fn suffices(&self, requirement: &CosignRequirement) -> bool {
        self.tally.satisfies(requirement).is_some()
    }
}

/// Who has signed, and what the other signatures were.
#[derive(Default)]
struct Tally {
    signed: BTreeMap<usize, Signer>,
    /// Where the last good one was.
    layout: Option<Layout>,
    worst: Option<CandidateError>,
    claimed: Option<cosign::Fingerprint>,
    budget: Budget,
}

impl Tally {
    fn add(&mut self, discovered: &Discovered, digest: &Digest, requirement: &CosignRequirement) {
        let keys: Vec<PublicKey> = requirement.roots.iter().flat_map(|root| root.keys.iter().map(|key| key.key.clone())).collect();
        for candidate in &discovered.candidates {
            match cosign::verify(candidate, digest, &keys, &mut self.budget) {
                Ok(verified) => {
                    self.layout = Some(verified.layout());
                    self.credit(verified.key(), requirement);
                }
                Err(error) => self.note(error),
            }
            if self.satisfies(requirement).is_some() {
                break;
            }
        }
    }

    /// A key counts for one trust root only, the first that holds it (security rule 8).
    fn credit(&mut self, key: &cosign::Fingerprint, requirement: &CosignRequirement) {
        for (index, root) in requirement.roots.iter().enumerate() {
            if let Some(named) = root.keys.iter().find(|named| named.key.fingerprint() == key) {
                self.signed.entry(index).or_insert_with(|| Signer { root: root.name.clone(), key: named.name.clone() });
                return;
            }
        }
    }

    fn note(&mut self, error: CandidateError) {
        if let CandidateError::UntrustedKey { claimed: Some(key) } = &error {
            self.claimed.get_or_insert_with(|| key.clone());
        }
        if self.worst.as_ref().is_none_or(|worst| worst.rank() < error.rank()) {
            self.worst = Some(error);
        }
    }

    fn satisfies(&self, requirement: &CosignRequirement) -> Option<Vec<Signer>> {
        let enough = !self.signed.is_empty() && self.signed.len() >= requirement.threshold;
        let required = requirement.required.iter().all(|index| self.signed.contains_key(index));
        (enough && required).then(|| self.signed.values().cloned().collect())
    }

    fn refusal(self, discovered: &Discovered, requirement: &CosignRequirement) -> Refusal {
        let names = |keep: &dyn Fn(usize) -> bool| -> Vec<ObjectName> {
            let roots = requirement.roots.iter().enumerate();
            roots.filter(|(index, _)| keep(*index)).map(|(_, root)| root.name.clone()).collect()
        };
        let found = discovered.candidates.len();
        // What was not looked at might have sufficed, but its number is the pusher's choice: a refusal (security rule 23).
        if discovered.skipped.iter().any(|skipped| skipped.reason == SkipReason::TooMany) {
            return Refusal::TooLarge;
        }
        if !self.signed.is_empty() {
            let missing: BTreeSet<_> = requirement.required.iter().filter(|index| !self.signed.contains_key(index)).copied().collect();
            if !missing.is_empty() {
                return Refusal::RequiredSignerMissing { missing: names(&|index| missing.contains(&index)) };
            }
            let signed = names(&|index| self.signed.contains_key(&index));
            return Refusal::ThresholdNotMet {
                needed: requirement.threshold,
                signed,
                missing: names(&|index| !self.signed.contains_key(&index)),
            };
        }
        match self.worst {
            None | Some(CandidateError::NotAnImageSignature) => {
                let attestations = discovered.skipped.iter().filter(|skipped| skipped.reason == SkipReason::Attestation).count();
                Refusal::NoSignature { skipped: discovered.skipped.len() + found, attestations }
            }
            Some(CandidateError::UntrustedKey { .. }) => {
                Refusal::UntrustedSigner { found, claimed: self.claimed, trusted: names(&|_| true) }
            }
            Some(CandidateError::DigestMismatch { signed }) => Refusal::DigestMismatch { signed },
            Some(CandidateError::BudgetExhausted) => Refusal::TooLarge,
            Some(error @ (CandidateError::InvalidSignature { .. } | CandidateError::Malformed(_))) => {
                Refusal::InvalidSignature { found, error }
            }
        }
    }
}
