//! Roles: who is responsible for which file.

use std::fmt;
use std::str::FromStr;

use super::delegation::{DelegationName, DelegationNameError};

/// One role of a repository; each signs one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Says which keys the other three have.
    Root,
    /// Says which snapshot is the newest.
    Timestamp,
    /// Says which targets files belong together.
    Snapshot,
    /// Says which tag is which image, and to whom that is delegated.
    Targets,
    /// A role to which `targets`, or another delegation, handed a part of the tags.
    Delegation(DelegationName),
}

impl Role {
    /// The name as it is written in metadata and URLs.
    pub fn as_str(&self) -> &str {
        match self {
            Role::Root => "root",
            Role::Timestamp => "timestamp",
            Role::Snapshot => "snapshot",
            Role::Targets => "targets",
            Role::Delegation(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = DelegationNameError;

    fn from_str(text: &str) -> Result<Role, DelegationNameError> {
        match text {
            "root" => Ok(Role::Root),
            "timestamp" => Ok(Role::Timestamp),
            "snapshot" => Ok(Role::Snapshot),
            "targets" => Ok(Role::Targets),
            other => other.parse().map(Role::Delegation),
        }
    }
}

impl From<DelegationName> for Role {
    fn from(name: DelegationName) -> Role {
        Role::Delegation(name)
    }
}
