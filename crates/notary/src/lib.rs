//! Docker Content Trust (Notary v1): the strictest client there is.
//!
//! ```text
//!   Fetch (bytes) ──┐
//!   Anchors, clock ─┼─> update ─> Trusted ─> resolve(tag or digest, Demand) ─> Resolved
//!   State (before) ─┘               └─────> State (after)
//! ```
//!
//! [`update`](update()) follows the trust data of one repository from its root down to its tags; [`Trusted::resolve`] answers from it
//! which image a tag is and who signed that. The rooms, from the bytes upwards:
//!
//! - `json`: strict parser, canonical encoder
//! - `key`: keys, certificates, signatures
//! - `metadata`: the files of the roles, as checked types
//! - `trust`: anchors, and counting signatures
//! - `update`: the algorithm, one function per step
//! - `state`: what is remembered between runs
//! - `resolve`: which image a tag is
//! - `server`: the client of a server
//!
//! Boundary: no Kubernetes, no clock, no environment; bytes come from a [`Fetch`], such as a [`ServerSession`].
//! Invariant: a [`Resolved`] digest was named by a role that verified parents delegated the tag to, under a root that the
//! caller's anchors reach, and none of it contradicts the state that was passed in. Nothing fails open.

#![forbid(unsafe_code)]

mod error;
mod fetch;
mod hash;
mod inspect;
pub mod json;
mod key;
pub mod limits;
mod metadata;
mod name;
mod resolve;
mod server;
mod state;
mod trust;
mod trusted;
mod update;

pub use error::{Failure, UpdateError};
pub use fetch::{At, Fetch, FetchError, FileName};
pub use hash::{NotSha256, Sha256};
pub use inspect::{DelegationStatus, DelegationView, Inspection, KeyView, RoleView};
pub use json::JsonError;
pub use key::{Algorithm, KeyError, KeyId, PublicKey};
pub use metadata::{StructureError, UnusableTarget};
pub use name::{DelegationName, DelegationNameError, Gun, GunError, Role};
pub use resolve::{Deciding, Demand, RequiredSigner, Resolved, SignerProblem, Unresolved, Wanted};
pub use server::{ServerClient, ServerError, ServerSession, ServerUrl, ServerUrlError};
pub use state::{MergeConflict, State, StateError};
pub use trust::{Anchor, Anchors, Authorities, AuthoritiesError, NoAnchors};
pub use trusted::Trusted;
pub use update::{Request, Scope, update};
