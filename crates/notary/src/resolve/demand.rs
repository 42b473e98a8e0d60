//! What is asked of the trust data.

use oci::Digest;

use crate::key::PublicKey;
use crate::name::DelegationName;

/// The image that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// `repository:tag`
    Tag(&'a str),
    /// `repository@sha256:...`
    Digest(&'a Digest),
    /// `repository:tag@sha256:...`; both must be the same image.
    TagAndDigest(&'a str, &'a Digest),
}

/// Which role decides what a tag is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deciding {
    /// The rule of `docker pull`: `targets/releases` where it has the tag, otherwise `targets`.
    #[default]
    ReleasesThenTargets,
    /// Only `targets/releases` where it is delegated; `targets` only where it is not.
    Releases,
}

/// What must hold for an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Which role decides what a tag is.
    pub deciding: Deciding,
    /// Who must have signed the tag besides; all of them.
    pub signers: Vec<RequiredSigner>,
}

/// A role that must have signed the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredSigner {
    /// The role, delegated by `targets` itself.
    pub role: DelegationName,
    /// A key that must have signed the file of the role, whatever other keys the role has.
    pub key: Option<PublicKey>,
}
