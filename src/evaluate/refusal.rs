//! Refusals: we looked, and the image is not trusted.

use std::fmt::Write;

use oci::{Digest, ReferenceError};

use super::Reported;
use crate::policy::{ObjectName, Reason};

/// Why an image is not trusted, with what a person needs to act on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing beside the image is an image signature.
    #[error("no signature found{}", passed_over(*.skipped, *.attestations))]
    NoSignature {
        /// Other objects that were found.
        skipped: usize,
        /// How many of them are attestations.
        attestations: usize,
    },
    /// Signatures were found, and none of them is well-formed and true.
    #[error("{} found, but {error}", signatures(*.found))]
    InvalidSignature {
        /// How many.
        found: usize,
        /// What is wrong with the best of them.
        error: cosign::CandidateError,
    },
    /// Signatures were found, none by anybody who counts.
    #[error("{} found, {}, which is none of {}", signatures(*.found), named_key(.claimed.as_ref()), list(.trusted))]
    UntrustedSigner {
        /// How many.
        found: usize,
        /// The key that one of them names, unproven.
        claimed: Option<cosign::Fingerprint>,
        /// Who would count.
        trusted: Vec<ObjectName>,
    },
    /// A trusted key signed another image, and that signature was attached to this one.
    #[error("a trusted key signed another image, {signed}, and that signature was attached to this one")]
    DigestMismatch {
        /// What was signed.
        signed: Digest,
    },
    /// What was verified is not what runs.
    #[error("the kubelet reports {}, which is neither the verified {verified} nor a part of it nor the same by its config", shown(.reported))]
    RunsAnother {
        /// What was verified.
        verified: Digest,
        /// What runs.
        reported: Reported,
    },
    /// Too few distinct trust roots have signed.
    #[error("{} of {needed} needed trust roots have signed ({}); {} more of {} must sign", .signed.len(), list(.signed), needed.saturating_sub(.signed.len()), list(.missing))]
    ThresholdNotMet {
        /// How many must have.
        needed: usize,
        /// Those that have.
        signed: Vec<ObjectName>,
        /// Those that have not.
        missing: Vec<ObjectName>,
    },
    /// A trust root that must have signed has not.
    #[error("the required signature of {} is missing", list(.missing))]
    RequiredSignerMissing {
        /// Those that are missing.
        missing: Vec<ObjectName>,
    },
    /// Several digests claim to be the image.
    #[error("the registry gives several digests for one reference: {first} and {second}")]
    AmbiguousDigest {
        /// One of them.
        first: Digest,
        /// Another.
        second: Digest,
    },
    /// The pod would run by tag.
    #[error("the reference carries no digest; write it, or let policies pin it")]
    NotPinned,
    /// The registry is not written, and something has taken it away after it was written.
    #[error("the reference does not name its registry, and runtimes complete it differently")]
    ShortName,
    /// A Deny rule matches.
    #[error("{}", .message.as_deref().unwrap_or("the rule denies this image"))]
    DeniedByRule {
        /// What the rule's author wants people to know.
        message: Option<String>,
    },
    /// No rule matches.
    #[error("no rule of the policy matches this image")]
    NoMatchingRule,
    /// The policy, or the rule that decides, cannot be used.
    #[error("the policy cannot be used: {problem}")]
    PolicyInvalid {
        /// The first problem.
        problem: String,
    },
    /// The reference is unreadable.
    #[error("the image reference is unreadable: {0}")]
    ImageInvalid(ReferenceError),
    /// Trust data of Notary v1 does not vouch for the image.
    #[error("{why}")]
    TrustData {
        /// What is wrong with it.
        doubt: Doubt,
        /// In words, with the role and the server.
        why: String,
    },
    /// More data or signatures than we look at.
    #[error("the image carries more data or signatures than are looked at")]
    TooLarge,
}

/// Why trust data does not vouch for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Nobody signs the repository on the server.
    NoTrustData,
    /// The repository is signed, the image is not.
    NotSigned,
    /// A file is malformed, or not signed as it must be.
    Invalid,
    /// Nobody who is trusted stands behind the root.
    Untrusted,
    /// A file, or a certificate of the root, is out of date.
    Expired,
    /// Older, or other, than what was seen before.
    RolledBack,
    /// A delegation that must have signed has not.
    SignerMissing,
    /// A delegation that must have signed, signed another image.
    SignersDisagree,
    /// Longer than is read.
    TooLarge,
}

impl Doubt {
    fn reason(self) -> Reason {
        match self {
            Self::NoTrustData => Reason::NoTrustData,
            Self::NotSigned => Reason::NoSignature,
            Self::Invalid => Reason::InvalidSignature,
            Self::Untrusted => Reason::UntrustedSigner,
            Self::Expired => Reason::Expired,
            Self::RolledBack => Reason::RolledBack,
            Self::SignerMissing => Reason::RequiredSignerMissing,
            Self::SignersDisagree => Reason::AmbiguousDigest,
            Self::TooLarge => Reason::TooLarge,
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::NoTrustData | Self::NotSigned => 0,
            Self::Invalid => 1,
            Self::Untrusted => 2,
            Self::SignerMissing => 4,
            Self::SignersDisagree => 5,
            Self::TooLarge => 6,
            Self::Expired | Self::RolledBack => 7,
        }
    }
}

impl Refusal {
    /// The reason in the closed list.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NoSignature { .. } => Reason::NoSignature,
            Self::InvalidSignature { .. } => Reason::InvalidSignature,
            Self::UntrustedSigner { .. } => Reason::UntrustedSigner,
            Self::DigestMismatch { .. } | Self::RunsAnother { .. } => Reason::DigestMismatch,
            Self::ThresholdNotMet { .. } => Reason::ThresholdNotMet,
            Self::RequiredSignerMissing { .. } => Reason::RequiredSignerMissing,
            Self::AmbiguousDigest { .. } => Reason::AmbiguousDigest,
            Self::NotPinned => Reason::NotPinned,
            Self::DeniedByRule { .. } => Reason::DeniedByRule,
            Self::NoMatchingRule => Reason::NoMatchingRule,
            Self::PolicyInvalid { .. } => Reason::PolicyInvalid,
            Self::ImageInvalid(_) | Self::ShortName => Reason::ImageInvalid,
            Self::TrustData { doubt, .. } => doubt.reason(),
            Self::TooLarge => Reason::TooLarge,
        }
    }

    /// How much this refusal explains; of several, people are shown the highest.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::TrustData { doubt, .. } => doubt.rank(),
            Self::NoSignature { .. } => 0,
            Self::InvalidSignature { .. } => 1,
            Self::UntrustedSigner { .. } => 2,
            Self::ThresholdNotMet { .. } => 3,
            Self::RequiredSignerMissing { .. } => 4,
            Self::DigestMismatch { .. } => 5,
            Self::TooLarge => 6,
            _ => 7,
        }
    }
}

fn shown(reported: &Reported) -> String {
    match reported {
        Reported::Nothing => "nothing".to_owned(),
        Reported::Manifest { repository: Some(repository), digest } => format!("{repository}@{digest}"),
        Reported::Manifest { repository: None, digest } => digest.to_string(),
        Reported::Config(digest) => format!("an image with the config {digest}"),
    }
}

fn signatures(count: usize) -> String {
    if count == 1 { "1 signature".to_owned() } else { format!("{count} signatures") }
}

fn named_key(key: Option<&cosign::Fingerprint>) -> String {
    key.map_or_else(|| "by a key".to_owned(), |key| format!("by key {}", key.short()))
}

fn passed_over(skipped: usize, attestations: usize) -> String {
    match (attestations, skipped) {
        (0, 0) => String::new(),
        (0, 1) => " (1 other object beside the image is none)".to_owned(),
        (0, n) => format!(" ({n} other objects beside the image are none)"),
        (1, _) => " (1 attestation was found, which is no image signature)".to_owned(),
        (n, _) => format!(" ({n} attestations were found, which are no image signatures)"),
    }
}

/// At most eight names: a message is for people.
fn list(names: &[ObjectName]) -> String {
    const MOST: usize = 8;
    let mut text = names.iter().take(MOST).map(|name| name.name.clone()).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".clone_into(&mut text),
        more if more > MOST => drop(write!(text, " and {} more", more - MOST)),
        _ => {}
    }
    text
}
