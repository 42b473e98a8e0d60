//! One signature object against the keys that are trusted and the digest that is meant.
//!
//! Order: what the payload claims is read first, because a refusal needs no proof; then a key must be found that made
//! the signature; only then is the digest compared, so that "a trusted key signed another image" can be told from
//! "somebody signed something". Invariant: [`Verified`] is built in one place, after all three.

use base64::{Engine, engine::general_purpose::STANDARD};
use oci::Digest;

use crate::budget::Budget;
use crate::candidate::{Candidate, Layout};
use crate::claim::{ClaimError, MalformedSignature};
use crate::fingerprint::Fingerprint;
use crate::key::PublicKey;

/// Proof that one of the given keys signed the given digest as an image; only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    key: Fingerprint,
    digest: Digest,
    layout: Layout,
    evidence: Digest,
}

impl Verified {
    /// The key that signed.
    pub fn key(&self) -> &Fingerprint {
        &self.key
    }

    /// The image that is signed.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Where the signature was found.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Digest of the manifest that holds the signature.
    pub fn evidence(&self) -> &Digest {
        &self.evidence
    }
}

/// Why one signature object does not vouch for the image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CandidateError {
    /// None of the keys made this signature.
    #[error("signed by none of the trusted keys{}", claimed_key(claimed.as_ref()))]
    UntrustedKey {
        /// The key that the object names; unproven.
        claimed: Option<Fingerprint>,
    },
    /// The object names a trusted key, but that key did not sign this payload: it was altered, or the name is false.
    #[error("the signature is not one of key {}, which it names", claimed.short())]
    InvalidSignature {
        /// The trusted key that the object names.
        claimed: Fingerprint,
    },
    /// A trusted key signed another image, and that signature was attached to this one.
    #[error("a trusted key signed another image, {signed}")]
    DigestMismatch {
        /// The digest that the trusted key signed.
        signed: Digest,
    },
    /// A well-formed payload that states something else than an image signature.
    #[error("it is not an image signature")]
    NotAnImageSignature,
    /// The object is broken.
    #[error("the signature is malformed")]
    Malformed(#[from] MalformedSignature),
    /// The image carries more signatures than are checked; whether this one is good was not found out.
    #[error("the image carries more signatures than are checked")]
    BudgetExhausted,
}

impl CandidateError {
    /// How much this error explains; of several, people are shown the highest.
    pub fn rank(&self) -> u8 {
        match self {
            CandidateError::Malformed(_) => 0,
            CandidateError::NotAnImageSignature => 1,
            CandidateError::UntrustedKey { .. } => 2,
            CandidateError::InvalidSignature { .. } => 3,
            CandidateError::DigestMismatch { .. } => 4,
            CandidateError::BudgetExhausted => 5,
        }
    }
}

impl From<ClaimError> for CandidateError {
    fn from(error: ClaimError) -> CandidateError {
        match error {
            ClaimError::NotAnImageSignature => CandidateError::NotAnImageSignature,
            ClaimError::Malformed(what) => CandidateError::Malformed(what),
        }
    }
}

/// Checks that one of `keys` signed `digest`; yields at most one key, the one that made the signature.
pub fn verify(candidate: &Candidate, digest: &Digest, keys: &[PublicKey], budget: &mut Budget) -> Result<Verified, CandidateError> {
    let claim = candidate.claim()?;
    let signature = decode(candidate.signature())?;
    let signer = signer(candidate, &signature, keys, budget)?;
    if !claim.names(digest) {
        return Err(CandidateError::DigestMismatch { signed: claim.into_first() });
    }
    Ok(Verified {
        key: signer.fingerprint().clone(),
        digest: digest.clone(),
        layout: candidate.layout(),
        evidence: candidate.evidence().clone(),
    })
}

fn decode(signature: &str) -> Result<Vec<u8>, MalformedSignature> {
    let bytes = STANDARD.decode(signature).map_err(|_| MalformedSignature::Encoding)?;
    if bytes.is_empty() {
        return Err(MalformedSignature::Empty);
    }
    Ok(bytes)
}

fn signer<'k>(
    candidate: &Candidate,
    signature: &[u8],
    keys: &'k [PublicKey],
    budget: &mut Budget,
) -> Result<&'k PublicKey, CandidateError> {
    let message = candidate.message();
    let is_hinted = |key: &&PublicKey| Some(key.fingerprint()) == candidate.hint();
    // The named key first: usually right, and then one check is all it costs.
    let named_first = keys.iter().filter(is_hinted).chain(keys.iter().filter(|key| !is_hinted(key)));
    for key in named_first {
        match key.signed(&message, signature, budget) {
            Ok(true) => return Ok(key),
            Ok(false) => {}
            Err(_) => return Err(CandidateError::BudgetExhausted),
        }
    }
    let claimed = candidate.hint().cloned();
    match claimed {
        Some(claimed) if keys.iter().any(|key| *key.fingerprint() == claimed) => Err(CandidateError::InvalidSignature { claimed }),
        claimed => Err(CandidateError::UntrustedKey { claimed }),
    }
}

fn claimed_key(claimed: Option<&Fingerprint>) -> String {
    claimed.map(|key| format!(" (it names key {})", key.short())).unwrap_or_default()
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
