//! One cosign requirement against one digest: find the signatures, verify them, count distinct trust roots.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cosign::{Budget, CandidateError, Discovered, PublicKey, SkipReason};
use oci::{Digest, Repository, Session};

use super::{Evidence, Fault, Refusal, RequirementVerdict, Signer};
use crate::policy::{CosignRequirement, ObjectName, Requirement, Scheme};

/// Asks the registry and judges what it finds; the arithmetic runs where it blocks nobody.
pub(super) async fn judge(
    session: &Session,
    repository: &Repository,
    digest: &Digest,
    requirement: Arc<Requirement>,
) -> Result<RequirementVerdict, Fault> {
    let Scheme::Cosign(cosign) = &requirement.scheme;
    let discovered = cosign::discover(session, repository, digest, cosign.signature_repository.as_ref()).await?;
    let (is_empty, fault) = (discovered.candidates.is_empty(), discovered.fault.clone());
    let (of, against) = (digest.clone(), requirement.clone());
    let judged = tokio::task::spawn_blocking(move || tally(&discovered, &of, &against)).await.map_err(|_| Fault::Internal)?;
    match (judged, fault) {
        (Ok(evidence), _) => Ok(Ok(evidence)),
        // What was not seen might have sufficed: then nobody knows.
        (Err(_), Some(fault)) => Err(fault.into()),
        (Err(_), None) if is_empty && !session.exists(repository, digest).await? => Err(Fault::ImageNotFound),
        (Err(refusal), None) => Ok(Err(refusal)),
    }
}

fn tally(discovered: &Discovered, digest: &Digest, requirement: &Requirement) -> RequirementVerdict {
    let Scheme::Cosign(cosign) = &requirement.scheme;
    let tally = Tally::of(discovered, digest, cosign);
    match tally.satisfies(cosign) {
        Some(signers) => Ok(Evidence { digest: digest.clone(), validators: vec![requirement.validator.clone()], signers }),
        None => Err(tally.refusal(discovered, cosign)),
    }
}

/// Who has signed, and what the other signatures were.
struct Tally {
    signed: BTreeMap<usize, Signer>,
    worst: Option<CandidateError>,
    claimed: Option<cosign::Fingerprint>,
}

impl Tally {
    fn of(discovered: &Discovered, digest: &Digest, requirement: &CosignRequirement) -> Self {
        let keys: Vec<PublicKey> = requirement.roots.iter().flat_map(|root| root.keys.iter().map(|key| key.key.clone())).collect();
        let mut budget = Budget::default();
        let mut tally = Self { signed: BTreeMap::new(), worst: None, claimed: None };
        for candidate in &discovered.candidates {
            match cosign::verify(candidate, digest, &keys, &mut budget) {
                Ok(verified) => tally.credit(verified.key(), requirement),
                Err(error) => tally.note(error),
            }
            if tally.satisfies(requirement).is_some() {
                break;
            }
        }
        tally
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
