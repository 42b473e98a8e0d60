//! Finding the signature objects of an image: the only part that asks a registry.
//!
//! All layouts count: an attestation bundle beside a legacy signature must not hide it. Which is asked first is a matter
//! of traffic only: who has not found enough in one place looks in all others too. With a signature repository cosign
//! (`COSIGN_REPOSITORY`) writes both layouts there, referrers included.
//! Invariant: what whoever may push can break (an object, a manifest) is skipped and reported; what only the registry
//! or the network can break is a fault. Neither hides what was found.

mod bundles;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod legacy;
mod shape;

use oci::{Digest, Malformation, RegistryError, Repository, Session};

use crate::candidate::{Candidate, Discovered, Layout, SkipReason, Skipped};

/// A search for what may be signatures of one image.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    session: &'a Session,
    repository: &'a Repository,
    image: &'a Digest,
}

/// Why an object yields no candidate.
enum Miss {
    Skipped(Skipped),
    Fault(RegistryError),
}

impl<'a> Search<'a> {
    /// Signatures of `image@digest`, in the repository `signatures` if given, else beside the image.
    pub fn new(session: &'a Session, image: &'a Repository, digest: &'a Digest, signatures: Option<&'a Repository>) -> Self {
        Self { session, repository: signatures.unwrap_or(image), image: digest }
    }

    /// The repository that is searched.
    pub fn repository(&self) -> &'a Repository {
        self.repository
    }

    /// Looks in one place; what is not there may be [`Search::elsewhere`].
    pub async fn at(self, layout: Layout) -> Discovered {
        match layout {
            Layout::LegacyTag => legacy::search(self).await,
            Layout::Referrers => bundles::search(self).await,
            Layout::ReferrersTag => bundles::tagged(self).await,
        }
    }

    /// Looks in all places at the same time but the one that was looked at already.
    pub async fn elsewhere(self, looked_at: Option<Layout>) -> Discovered {
        match looked_at {
            None => both(legacy::search(self), bundles::search(self)).await,
            Some(Layout::LegacyTag) => bundles::search(self).await,
            Some(Layout::Referrers) => legacy::search(self).await,
            Some(Layout::ReferrersTag) => both(legacy::search(self), bundles::listed(self)).await,
        }
    }
}

async fn both(one: impl Future<Output = Discovered>, other: impl Future<Output = Discovered>) -> Discovered {
    let (one, other) = futures::join!(one, other);
    one.and(other)
}

impl Discovered {
    fn note(&mut self, object: Result<Candidate, Miss>) {
        match object {
            Ok(candidate) => self.candidates.push(candidate),
            Err(Miss::Skipped(skipped)) => self.skipped.push(skipped),
            Err(Miss::Fault(fault)) => self.fault = self.fault.take().or(Some(fault)),
        }
    }

    /// What was found in two places.
    #[must_use]
    pub fn and(mut self, mut other: Discovered) -> Discovered {
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
