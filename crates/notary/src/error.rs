//! Why trust data is not believed. Each failure has its own reason and says which role it is about.

use chrono::{DateTime, Utc};

use crate::fetch::FetchError;
use crate::json::JsonError;
use crate::metadata::StructureError;
use crate::name::{DelegationName, Role};

/// Why an update ended without trusted data.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpdateError {
    /// The server has no root for this repository: nobody signs it there.
    #[error("the server has no trust data for this repository")]
    NoTrustData,
    /// The server could not be asked, or does not serve a file that signed data names.
    #[error("{role}: the file could not be fetched")]
    Unavailable {
        /// Whose file.
        role: Role,
        /// What happened.
        source: FetchError,
    },
    /// More bytes than a file of this role may have.
    #[error("{role}: the file is longer than {limit} bytes")]
    TooLong {
        /// Whose file.
        role: Role,
        /// The cap, in bytes.
        limit: u64,
    },
    /// The file has not the length that signed data states.
    #[error("{role}: the file has not the length that signed data states")]
    WrongLength {
        /// Whose file.
        role: Role,
    },
    /// The file is not the one that signed data names.
    #[error("{role}: the file has not the hash that signed data states")]
    WrongHash {
        /// Whose file.
        role: Role,
    },
    /// The file is not strict JSON.
    #[error("{role}: the file is malformed")]
    Json {
        /// Whose file.
        role: Role,
        /// What is wrong.
        source: JsonError,
    },
    /// The file is JSON, but no file of this role.
    #[error("{role}: the file is no file of this role")]
    Structure {
        /// Whose file.
        role: Role,
        /// What is wrong.
        source: StructureError,
    },
    /// Too few keys of the role signed.
    #[error("{role}: signed by {valid} of the keys that must sign, {needed} are needed")]
    Signatures {
        /// Whose file.
        role: Role,
        /// The threshold.
        needed: u32,
        /// Distinct public keys with a valid signature.
        valid: u32,
    },
    /// The file is out of date.
    #[error("{role}: expired at {at}")]
    Expired {
        /// Whose file.
        role: Role,
        /// When it expired.
        at: DateTime<Utc>,
    },
    /// The file is older than one seen before.
    #[error("{role}: version {offered} is older than version {stored}, which was seen before")]
    Rollback {
        /// Whose file.
        role: Role,
        /// The version seen before.
        stored: u64,
        /// The version that the server offers now.
        offered: u64,
    },
    /// Two different files of one version were seen.
    #[error("{role}: version {version} is not the file that was seen as this version before")]
    SameVersionOtherContent {
        /// Whose file.
        role: Role,
        /// The version of both.
        version: u64,
    },
    /// A root file under the name of another version.
    #[error("root: version {offered} was served as version {wanted}")]
    RootVersion {
        /// The version that was asked for.
        wanted: u64,
        /// The version inside the file.
        offered: u64,
    },
    /// A new root that the keys of the root before it did not sign.
    #[error("root: version {version} is signed by {valid} keys of the root before it, {needed} are needed")]
    RootNotSignedByPredecessor {
        /// Version of the new root.
        version: u64,
        /// The threshold of the root before it.
        needed: u32,
        /// Distinct public keys with a valid signature.
        valid: u32,
    },
    /// No root that leads to the current one is signed by enough pinned keys.
    #[error("root: not signed by enough of the keys that the trust root names")]
    RootNotAnchored,
    /// More new roots than one run walks.
    #[error("root: more than {steps} new versions")]
    TooManyRoots {
        /// How many are walked.
        steps: u64,
    },
    /// The root is older than the settings ask for.
    #[error("root: version {offered} is below {minimum}, the lowest that is accepted")]
    RootBelowMinimum {
        /// The lowest version that is accepted.
        minimum: u64,
        /// The newest version that the server has.
        offered: u64,
    },
    /// The signatures on the root are good, but the certificates around the keys are not valid now.
    #[error("root: a certificate of its keys is expired or not yet valid")]
    RootCertificateExpired,
    /// The snapshot belongs to another root than the newest one.
    #[error("root: the snapshot names another root than the newest that can be reached")]
    RootNotInSnapshot,
    /// A role that was published before, and is still delegated, is hidden.
    #[error("{role}: was published before and is still delegated, but the snapshot does not list it any more")]
    DelegationDropped {
        /// The hidden role.
        role: DelegationName,
    },
}

/// What kind of failure it is; people and settings treat them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Nobody signs this repository on this server.
    NoTrustData,
    /// It could not be found out.
    Unavailable,
    /// It was found out, and it is not to be trusted.
    Refused,
}

impl UpdateError {
    /// What kind of failure it is.
    pub fn failure(&self) -> Failure {
        match self {
            UpdateError::NoTrustData => Failure::NoTrustData,
            UpdateError::Unavailable { .. } => Failure::Unavailable,
            _ => Failure::Refused,
        }
    }

    /// Whether a server that has forgotten the repository, or has another one of that name, looks like this to who knows the
    /// one before.
    pub(crate) fn may_be_another_repository(&self) -> bool {
        match self {
            UpdateError::RootNotInSnapshot | UpdateError::Unavailable { role: Role::Timestamp, source: FetchError::NotFound } => true,
            UpdateError::Signatures { role, .. } => matches!(role, Role::Timestamp | Role::Snapshot),
            _ => false,
        }
    }

    /// Whether a publish between two requests of one run can look like this.
    pub(crate) fn may_be_a_race(&self) -> bool {
        match self {
            UpdateError::RootNotInSnapshot => true,
            UpdateError::Signatures { role, .. } => matches!(role, Role::Timestamp | Role::Snapshot),
            _ => false,
        }
    }
}
