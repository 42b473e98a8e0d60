//! What went wrong with trust data, as refusals (we looked) and faults (we could not find out).
//!
//! Invariant: only a server that did not answer is a fault; whatever it did answer is a refusal when it is not good.

use notary::{FetchError, ServerError, ServerUrl, SignerProblem, Unresolved, UpdateError};

use super::{Doubt, Fault, Refusal};
use crate::chain;
use crate::text::shown;

const LONGEST: usize = 512;

/// Why there is no trusted data.
pub(super) fn of_update(error: &UpdateError, server: &ServerUrl) -> Result<Refusal, Fault> {
    match error {
        UpdateError::Unavailable { source, .. } => Err(fault(source, said(error, server))),
        _ => Ok(Refusal::TrustData { doubt: doubt(error), why: said(error, server) }),
    }
}

/// Why trusted data does not vouch for the image.
pub(super) fn of_image(error: &Unresolved, server: &ServerUrl) -> Result<Refusal, Fault> {
    let why = said(error, server);
    let refusal = |doubt| Ok(Refusal::TrustData { doubt, why: why.clone() });
    match error {
        Unresolved::NotSigned | Unresolved::ReleasesUnpublished => refusal(Doubt::NotSigned),
        Unresolved::Unusable { .. } => refusal(Doubt::Invalid),
        Unresolved::TooManyTags { .. } => refusal(Doubt::TooLarge),
        Unresolved::OtherDigest { signed } => Ok(Refusal::DigestMismatch { signed: signed.clone() }),
        Unresolved::OutOfScope { .. } => Err(Fault::Internal),
        Unresolved::ReleasesBroken(broken) | Unresolved::Signer { problem: SignerProblem::Broken(broken), .. } => match broken {
            UpdateError::Unavailable { source, .. } => Err(fault(source, why)),
            broken => refusal(doubt(broken)),
        },
        Unresolved::Signer { problem: SignerProblem::OtherDigest { .. }, .. } => refusal(Doubt::SignersDisagree),
        Unresolved::Signer { .. } => refusal(Doubt::SignerMissing),
    }
}

fn doubt(error: &UpdateError) -> Doubt {
    match error {
        UpdateError::NoTrustData => Doubt::NoTrustData,
        UpdateError::TooLong { .. } | UpdateError::TooManyRoots { .. } => Doubt::TooLarge,
        UpdateError::Expired { .. } | UpdateError::RootCertificateExpired => Doubt::Expired,
        UpdateError::Rollback { .. }
        | UpdateError::SameVersionOtherContent { .. }
        | UpdateError::RootBelowMinimum { .. }
        | UpdateError::DelegationDropped { .. } => Doubt::RolledBack,
        UpdateError::RootNotAnchored => Doubt::Untrusted,
        UpdateError::Unavailable { .. }
        | UpdateError::WrongLength { .. }
        | UpdateError::WrongHash { .. }
        | UpdateError::Json { .. }
        | UpdateError::Structure { .. }
        | UpdateError::Signatures { .. }
        | UpdateError::RootVersion { .. }
        | UpdateError::RootNotSignedByPredecessor { .. }
        | UpdateError::RootNotInSnapshot => Doubt::Invalid,
    }
}

fn fault(error: &FetchError, why: String) -> Fault {
    let class = match error {
        FetchError::Unavailable(source) => source.downcast_ref::<ServerError>().map(ServerError::class),
        // The server has the root and not what it leads to: that is no outage.
        FetchError::NotFound | FetchError::TooLong => None,
    };
    Fault::TrustServer { class, why }
}

fn said(error: &dyn std::error::Error, server: &ServerUrl) -> String {
    shown(&format!("{} (trust server {server})", chain(error)), LONGEST)
}
