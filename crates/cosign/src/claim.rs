//! What a signature object says it signs, read from its payload.
//!
//! Boundary: the two payload formats (simple signing, in-toto statement) end here. Invariant: a [`Claim`] comes from a
//! well-formed image-signature payload and names at least one digest. It is a claim until a key vouches for it.

use oci::Digest;

/// The image digests that one payload names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    first: Digest,
    others: Vec<Digest>,
}

impl Claim {
    /// `None` without any digest.
    pub(crate) fn naming(digests: impl IntoIterator<Item = Digest>) -> Option<Claim> {
        let mut digests = digests.into_iter();
        let first = digests.next()?;
        Some(Claim { first, others: digests.collect() })
    }

    pub(crate) fn names(&self, digest: &Digest) -> bool {
        self.first == *digest || self.others.contains(digest)
    }

    /// The digest to show when it is not the one that was asked for.
    pub(crate) fn into_first(self) -> Digest {
        self.first
    }
}

/// Why a payload yields no claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimError {
    /// Well-formed, but it states something else than "this image is signed".
    NotAnImageSignature,
    Malformed(MalformedSignature),
}

/// What is broken about a signature object that was offered as an image signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedSignature {
    /// Not the JSON of its format, or a member that is read occurs twice.
    #[error("the payload is not what its format prescribes")]
    Payload,
    /// Not base64 (RFC 4648, section 4, with padding).
    #[error("the signature is not base64")]
    Encoding,
    /// There are no bytes to check.
    #[error("the signature is empty")]
    Empty,
    /// The payload names its image by something that is no SHA-256 digest.
    #[error("the signed digest is unreadable")]
    Digest,
    /// The statement names no subject with a SHA-256 digest.
    #[error("the statement has no subject with a sha256 digest")]
    NoSubject,
    /// Neither in-toto Statement v1 nor v0.1.
    #[error("the statement is of an unknown version")]
    StatementVersion,
}
