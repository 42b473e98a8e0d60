//! The closed list of reasons that conditions, metrics and messages share.

use std::fmt;

use serde::{Serialize, Serializer};

/// Why an image has its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Accepted: every signature that is needed was verified.
    Trusted,
    /// Accepted: an Allow rule lets it run unverified.
    Exempt,
    /// Accepted: no rule matches, and the policy allows that.
    Unmatched,
    /// Refused: there is no image signature.
    NoSignature,
    /// Refused: a signature is malformed or does not verify.
    InvalidSignature,
    /// Refused: signed, but by nobody who counts.
    UntrustedSigner,
    /// Refused: too few distinct trust roots have signed.
    ThresholdNotMet,
    /// Refused: a trust root that must have signed has not.
    RequiredSignerMissing,
    /// Refused: the signature is for another digest.
    DigestMismatch,
    /// Refused: several digests claim to be the image.
    AmbiguousDigest,
    /// Refused: the pod would run by tag.
    NotPinned,
    /// Refused: nobody signs the repository on its trust server.
    NoTrustData,
    /// Refused: what vouches for the image is out of date.
    Expired,
    /// Refused: the trust server offers something older than was seen before.
    RolledBack,
    /// Refused: a Deny rule matches.
    DeniedByRule,
    /// Refused: no rule matches.
    NoMatchingRule,
    /// Refused: the policy cannot be used.
    PolicyInvalid,
    /// Refused: the reference is unreadable.
    ImageInvalid,
    /// Refused: more data or signatures than we look at.
    TooLarge,
    /// Fault: the image is not in the registry.
    ImageNotFound,
    /// Fault: the registry did not answer properly.
    RegistryUnavailable,
    /// Fault: the registry wants other credentials.
    RegistryDenied,
    /// Fault: the registry's rate limit is reached.
    RateLimited,
    /// Fault: the trust server did not answer properly.
    TrustServerUnavailable,
    /// Fault: no answer within the deadline.
    Timeout,
    /// Fault: we may not read what a resource names.
    Forbidden,
    /// Fault: a defect of ours.
    Internal,
}

impl Reason {
    /// The reason as it is written in conditions, messages and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "Trusted",
            Self::Exempt => "Exempt",
            Self::Unmatched => "Unmatched",
            Self::NoSignature => "NoSignature",
            Self::InvalidSignature => "InvalidSignature",
            Self::UntrustedSigner => "UntrustedSigner",
            Self::ThresholdNotMet => "ThresholdNotMet",
            Self::RequiredSignerMissing => "RequiredSignerMissing",
            Self::DigestMismatch => "DigestMismatch",
            Self::AmbiguousDigest => "AmbiguousDigest",
            Self::NotPinned => "NotPinned",
            Self::NoTrustData => "NoTrustData",
            Self::Expired => "Expired",
            Self::RolledBack => "RolledBack",
            Self::DeniedByRule => "DeniedByRule",
            Self::NoMatchingRule => "NoMatchingRule",
            Self::PolicyInvalid => "PolicyInvalid",
            Self::ImageInvalid => "ImageInvalid",
            Self::TooLarge => "TooLarge",
            Self::ImageNotFound => "ImageNotFound",
            Self::RegistryUnavailable => "RegistryUnavailable",
            Self::RegistryDenied => "RegistryDenied",
            Self::RateLimited => "RateLimited",
            Self::TrustServerUnavailable => "TrustServerUnavailable",
            Self::Timeout => "Timeout",
            Self::Forbidden => "Forbidden",
            Self::Internal => "Internal",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
