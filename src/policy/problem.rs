//! What is wrong with an object, and where.

use std::fmt;

use super::{NameError, ObjectName, PatternError};

/// One thing that is wrong, with the path of the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, such as `spec.rules[2].images[0]`.
    pub path: String,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What can be wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The JSON does not have the schema's shape: an unknown or missing field, a value of another type.
    #[error("{0}")]
    Shape(String),
    /// A list or text that must say something is empty.
    #[error("must not be empty")]
    Empty,
    /// More entries than the schema allows.
    #[error("has more than {0} entries")]
    TooMany(usize),
    /// More text in all patterns of a policy than is compared in time.
    #[error("has patterns of more than {0} characters in all")]
    PatternsTooLong(usize),
    /// More policies in one namespace than are judged (security rule 20).
    #[error("is beyond the {0} policies that a namespace may have")]
    TooManyPolicies(usize),
    /// The same name twice in a list of names.
    #[error("{0:?} is there twice")]
    Duplicate(String),
    /// None or several fields of which exactly one must be set.
    #[error("needs exactly one of {0}")]
    ExactlyOne(&'static str),
    /// An option that means nothing beside the others.
    #[error("means nothing {0}")]
    Meaningless(&'static str),
    /// A count that can never be reached, or is zero.
    #[error("must be between 1 and {0}")]
    OutOfRange(usize),
    /// A `required` entry that is not among the trust roots that count.
    #[error("{0} is not among the trust roots of this entry")]
    RequiredNotCounted(ObjectName),
    /// An unreadable image pattern.
    #[error("{0}")]
    Pattern(PatternError),
    /// An unreadable or unusable object name.
    #[error("{0}")]
    Name(NameError),
    /// An unreadable registry host, repository, URL or label.
    #[error("is not {0}")]
    NotA(&'static str),
    /// A field that only objects of the operator namespace may have.
    #[error("can only be set in the operator namespace")]
    OperatorNamespaceOnly,
    /// A time that is not RFC 3339.
    #[error("is not a time such as 2026-12-01T00:00:00Z")]
    Time,
    /// A public key that cannot be used.
    #[error("{0}")]
    Key(cosign::KeyError),
    /// A CA bundle that cannot be used.
    #[error("{0}")]
    CaBundle(oci::CaBundleError),
    /// Certificates of authorities that cannot be used.
    #[error("{0}")]
    Authorities(notary::AuthoritiesError),
    /// Where only some entries must pass, nobody could say whether one key stands behind two of them.
    #[error(
        "TrustRoot {0} names a key by its ID, or by an authority: where not all entries must pass, keys must be written out, so that none counts twice"
    )]
    KeyNotWrittenOut(ObjectName),
    /// More certificates in the bundles of a trust root than are looked at.
    #[error("holds more than {0} certificates")]
    TooManyCertificates(usize),
    /// A key or certificate of Notary v1 that cannot be used.
    #[error("{0}")]
    NotaryKey(notary::KeyError),
    /// Trust material that another scheme can be checked with, but not this one.
    #[error("TrustRoot {root} holds {material}, which {scheme} does not know")]
    OtherScheme {
        /// The trust root.
        root: ObjectName,
        /// What it holds.
        material: &'static str,
        /// The scheme of the validator.
        scheme: &'static str,
    },
    /// A Secret whose credentials cannot be read.
    #[error("Secret {0} is not of type kubernetes.io/dockerconfigjson or kubernetes.io/basic-auth, or not readable as such")]
    Credentials(ObjectName),
    /// The named object is not there.
    #[error("{kind} {name} does not exist")]
    Missing {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: ObjectName,
    },
    /// The named Secret or ConfigMap has no such key, or it is not text.
    #[error("{kind} {name} has no readable key {key:?}")]
    MissingKey {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: ObjectName,
        /// The key.
        key: String,
    },
    /// We may not read what the object names.
    #[error("the operator may not read {kind} {name}: apply and bind the {role}")]
    Forbidden {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: ObjectName,
        /// The role that would permit it.
        role: &'static str,
    },
    /// The named Secret or ConfigMap was not read yet.
    #[error("{kind} {name} was not read yet")]
    NotYetRead {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: ObjectName,
    },
    /// The named object is there, but not usable itself.
    #[error("{kind} {name} is not usable")]
    Unusable {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: ObjectName,
    },
    /// The namespace names more Secrets and ConfigMaps than are watched.
    #[error("is beyond the {0} Secrets and ConfigMaps that the objects of a namespace may name")]
    TooManySources(usize),
    /// A validator of the operator namespace that is not shared with tenants.
    #[error("Validator {0} is not shared with other namespaces")]
    NotShared(ObjectName),
    /// Neither the entry nor its validator names a trust root.
    #[error("neither the rule nor Validator {0} names a trust root")]
    NoTrustRoots(ObjectName),
    /// Two trust roots that are counted separately hold the same key.
    #[error("{first} and {second} share the key {fingerprint}, so one signature would count twice")]
    SharedKey {
        /// One of them.
        first: ObjectName,
        /// The other.
        second: ObjectName,
        /// The key.
        fingerprint: String,
    },
}

impl Problem {
    /// A problem at a field.
    pub fn new(path: impl Into<String>, cause: Cause) -> Self {
        Self { path: path.into(), cause }
    }

    /// Whether the object itself is at fault, rather than something that it names.
    pub fn is_own(&self) -> bool {
        !matches!(
            self.cause,
            Cause::Missing { .. }
                | Cause::MissingKey { .. }
                | Cause::Forbidden { .. }
                | Cause::NotYetRead { .. }
                | Cause::Unusable { .. }
                | Cause::NotShared(_)
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.cause)
    }
}
