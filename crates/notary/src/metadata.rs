//! The files of a repository, read from strict JSON into checked types (specification, section 2).
//!
//! ```text
//! bytes -> Envelope { signed value, signatures } -> File<Root | Timestamp | Snapshot | Targets>
//! ```
//!
//! Reading proves structure only; who signed is the business of `signers`. Unknown members are ignored, names are
//! compared exactly.

mod delegations;
mod envelope;
mod file_meta;
mod members;
mod paths;
mod role_keys;
mod root;
mod snapshot;
mod structure;
mod targets;
mod timestamp;

pub use structure::StructureError;
pub use targets::UnusableTarget;

pub(crate) use delegations::Delegated;
pub(crate) use envelope::{Body, Envelope, File};
pub(crate) use file_meta::{FileMeta, Mismatch};
pub(crate) use paths::Paths;
pub(crate) use role_keys::RoleKeys;
pub(crate) use root::Root;
pub(crate) use snapshot::Snapshot;
pub(crate) use targets::Targets;
pub(crate) use timestamp::Timestamp;
