//! Why an image is not vouched for by trust data that is good as such.

use oci::Digest;

use crate::error::{Failure, UpdateError};
use crate::metadata::UnusableTarget;
use crate::name::{DelegationName, Role};

/// Why trust data does not vouch for an image.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unresolved {
    /// The deciding role has no such tag or digest.
    #[error("it is not signed")]
    NotSigned,
    /// The deciding role has the tag, without a digest that could be used.
    #[error("{role}: the tag is signed without a usable digest")]
    Unusable {
        /// The deciding role.
        role: Role,
        /// What is wrong with the entry.
        source: UnusableTarget,
    },
    /// The tag is signed, but as another image than the digest in the reference.
    #[error("the tag is signed as another image, {signed}")]
    OtherDigest {
        /// The image that is signed.
        signed: Digest,
    },
    /// `targets/releases` is published but cannot be believed; there is no falling back to a weaker role.
    #[error("targets/releases decides and cannot be believed")]
    ReleasesBroken(#[source] UpdateError),
    /// `targets/releases` must decide, is delegated, and has published nothing.
    #[error("targets/releases decides and has published nothing")]
    ReleasesUnpublished,
    /// A role that must decide was left out of the update.
    #[error("{role}: was not looked at")]
    OutOfScope {
        /// The role.
        role: DelegationName,
    },
    /// So many tags have the digest that not all of them are looked at.
    #[error("more than {most} tags have this digest")]
    TooManyTags {
        /// How many are.
        most: usize,
    },
    /// A required signer does not vouch for the tag.
    #[error("required signer {role} does not vouch for it")]
    Signer {
        /// The role of the signer.
        role: DelegationName,
        /// Why not.
        #[source]
        problem: SignerProblem,
    },
}

/// Why a required signer does not vouch for a tag.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SignerProblem {
    /// `targets` does not delegate to the role itself.
    #[error("targets does not delegate to this role")]
    NotDelegated,
    /// Delegated, but nothing was ever published.
    #[error("the role has published nothing")]
    Unpublished,
    /// Published, but the file cannot be believed.
    #[error("the file of the role cannot be believed")]
    Broken(#[source] UpdateError),
    /// The pinned key did not sign, though enough other keys of the role may have.
    #[error("the key that is required did not sign")]
    KeyDidNotSign,
    /// The tag is outside the paths that were delegated.
    #[error("the tag is outside of what is delegated to the role")]
    OutsidePaths,
    /// The role has no such tag.
    #[error("the role has not signed this tag")]
    TagNotSigned,
    /// The role has the tag, without a digest that could be used.
    #[error("the role signed the tag without a usable digest")]
    Unusable(#[from] UnusableTarget),
    /// The role signed the tag as another image than the deciding role.
    #[error("the role signed the tag as another image, {signed}")]
    OtherDigest {
        /// The image that the role signed.
        signed: Digest,
    },
}

impl Unresolved {
    /// What kind of failure it is: a file that could not be fetched is no refusal.
    pub fn failure(&self) -> Failure {
        match self {
            Unresolved::ReleasesBroken(error) | Unresolved::Signer { problem: SignerProblem::Broken(error), .. } => error.failure(),
            _ => Failure::Refused,
        }
    }
}

impl SignerProblem {
    pub(super) fn of(self, required: &super::RequiredSigner) -> Unresolved {
        Unresolved::Signer { role: required.role.clone(), problem: self }
    }
}
