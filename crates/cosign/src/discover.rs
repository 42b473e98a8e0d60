//! Finding the signature objects of an image: the only part that asks a registry.
//!
//! Both layouts are asked at the same time and both always count: an attestation bundle beside a legacy signature must
//! not hide it. With a signature repository cosign (`COSIGN_REPOSITORY`) writes both layouts there, referrers included.
//! Invariant: what whoever may push can break (an object, a manifest) is skipped and reported; what only the registry
//! or the network can break is a fault. Neither hides what was found.

mod bundles;
mod legacy;
mod shape;

use oci::{Digest, Malformation, RegistryError, Repository, Session};

use crate::candidate::{Candidate, Discovered, SkipReason, Skipped};

/// Where signatures of one image are looked for.
#[derive(Clone, Copy)]
struct Place<'a> {
    session: &'a Session,
    repository: &'a Repository,
    image: &'a Digest,
}

/// Why an object yields no candidate.
enum Miss {
    Skipped(Skipped),
    Fault(RegistryError),
}

/// Finds what may be signatures of `image@digest`, in `signatures` if given, else beside the image.
///
/// A fault is an error when nothing was found; beside candidates it is part of the answer, because one good
/// signature suffices.
pub async fn discover(
    session: &Session,
    image: &Repository,
    digest: &Digest,
    signatures: Option<&Repository>,
) -> Result<Discovered, RegistryError> {
    let place = Place { session, repository: signatures.unwrap_or(image), image: digest };
    let (legacy, bundles) = futures::join!(legacy::search(place), bundles::search(place));
    let mut both = legacy.and(bundles);
    match both.fault.take_if(|_| both.candidates.is_empty()) {
        Some(fault) => Err(fault),
        None => Ok(both),
    }
}

impl Discovered {
    fn note(&mut self, object: Result<Candidate, Miss>) {
        match object {
            Ok(candidate) => self.candidates.push(candidate),
            Err(Miss::Skipped(skipped)) => self.skipped.push(skipped),
            Err(Miss::Fault(fault)) => self.fault = self.fault.take().or(Some(fault)),
        }
    }

    fn and(mut self, mut other: Discovered) -> Discovered {
        self.candidates.append(&mut other.candidates);
        self.skipped.append(&mut other.skipped);
        self.fault = self.fault.or(other.fault);
        self
    }
}

impl Miss {
    fn skipped(digest: &Digest, reason: SkipReason) -> Miss {
        Miss::Skipped(Skipped { digest: Some(digest.clone()), reason })
    }

    fn too_many() -> Miss {
        Miss::Skipped(Skipped { digest: None, reason: SkipReason::TooMany })
    }

    /// An object that could not be had.
    fn unavailable(digest: Option<&Digest>, error: RegistryError) -> Miss {
        let reason = match &error {
            RegistryError::NotFound { .. } => SkipReason::Gone,
            RegistryError::TooLarge { .. } => SkipReason::TooLarge,
            RegistryError::Malformed { what: Malformation::Manifest | Malformation::Ambiguous | Malformation::Size, .. } => {
                SkipReason::MalformedManifest
            }
            _ => return Miss::Fault(error),
        };
        Miss::Skipped(Skipped { digest: digest.cloned(), reason })
    }
}

#[cfg(test)]
mod tests;
