//! Where the bytes come from. This crate decides what is asked for and what the answer is worth; a `Fetch` only asks.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use bytes::Bytes;

use crate::hash::Sha256;
use crate::name::Role;

/// A file of a repository, as the server names it below `/v2/GUN/_trust/tuf/` (specification, section 1).
///
/// Its `Display` is that name: `root.json`, `2.root.json`, `targets/releases.<64 hex>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileName {
    role: Role,
    at: At,
}

/// Which state of the file is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// The newest; a cache must be bypassed.
    Newest,
    /// One version, which the server keeps.
    Version(NonZeroU64),
    /// The file with this hash. It never changes, so it may be cached by whoever fetches.
    Hash(Sha256),
}

impl FileName {
    pub(crate) fn new(role: Role, at: At) -> FileName {
        FileName { role, at }
    }

    /// The role whose file it is.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Which state of the file is meant.
    pub fn at(&self) -> At {
        self.at
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            At::Newest => write!(f, "{}.json", self.role),
            At::Version(version) => write!(f, "{version}.{}.json", self.role),
            At::Hash(hash) => write!(f, "{}.{hash}.json", self.role),
        }
    }
}

/// Fetches files of one repository from one server.
pub trait Fetch: Sync {
    /// The exact bytes of `file`, at most `limit` of them; more must not be read.
    fn fetch(&self, file: &FileName, limit: u64) -> impl Future<Output = Result<Bytes, FetchError>> + Send;
}

/// Why a file could not be fetched.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// The server says that there is no such file (404).
    #[error("the server has no such file")]
    NotFound,
    /// The file is longer than the limit.
    #[error("the file is longer than it may be")]
    TooLong,
    /// Everything else: no connection, a timeout, another status.
    #[error("the server did not answer as it should")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
}
