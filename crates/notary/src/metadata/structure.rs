//! What can be wrong with the structure of a file.

use crate::key::KeyId;
use crate::name::{DelegationName, DelegationNameError};

/// Why a file that is strict JSON is no file of its role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StructureError {
    /// A mandatory member is absent.
    #[error("member \"{0}\" is missing")]
    Missing(&'static str),
    /// A member holds another kind of value than it must.
    #[error("member \"{0}\" holds a value of the wrong kind")]
    WrongKind(&'static str),
    /// `_type` names another kind of file; case counts.
    #[error("its type is not \"{wanted}\"")]
    Type {
        /// The type of a file of this role.
        wanted: &'static str,
    },
    /// Not an integer of at least 1.
    #[error("its version is below 1")]
    Version,
    /// Not a date and time of RFC 3339.
    #[error("its expiry is not a date and time")]
    Expires,
    /// Below 1 or absurdly high; a threshold of 0 would make every file signed.
    #[error("a threshold is below 1 or too high")]
    Threshold,
    /// A key ID that is not 64 lower-case hexadecimal characters.
    #[error("a key ID is not 64 hexadecimal characters")]
    KeyId,
    /// A key under an ID that does not follow from its content.
    #[error("key {0} is listed under an ID that is not its own")]
    ForeignKeyId(KeyId),
    /// A role names a key that is not listed.
    #[error("key {0} of a role is not listed")]
    UnlistedKey(KeyId),
    /// A length below 0.
    #[error("a length is below 0")]
    Length,
    /// A SHA-256 is missing or has not 32 bytes, or a SHA-512 has not 64.
    #[error("a file is named without a whole SHA-256")]
    Hash,
    /// The name of a delegated role cannot be one.
    #[error("a delegated role has an impossible name")]
    DelegationName(#[from] DelegationNameError),
    /// A delegation to a role that is not a direct child.
    #[error("{0} is delegated by a role that is not its parent")]
    NotAChild(DelegationName),
    /// The same role delegated twice; clients differ on which one counts.
    #[error("{0} is delegated twice")]
    DelegatedTwice(DelegationName),
    /// More keys, signatures or delegations than a file may hold.
    #[error("it holds more {0} than are read")]
    TooMany(&'static str),
}
