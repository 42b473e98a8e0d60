//! cosign image signatures, verified with public keys.
//!
//! ```text
//!   registry -> Search   -> Discovered { candidates, skipped, fault }     nothing is trusted yet
//!                                |
//!   keys, digest, budget ---> verify -> Verified                         one key signed this digest
//! ```
//!
//! [`Search`] is the only part that touches the network, and only through [`oci::Session`]. Everything else takes bytes.
//! Boundary: no Kubernetes, no clock, no environment; the caller brings the keys, the digest and the budget.
//! Invariant: a [`Verified`] exists only where one of the given keys signed an image-signature statement over the given digest.
//! Each signature object stands alone: a broken one beside a good one neither helps nor vetoes.

#![forbid(unsafe_code)]

mod budget;
mod bundle;
mod candidate;
mod claim;
mod discover;
mod dsse;
mod fingerprint;
mod json;
mod key;
mod limits;
mod scheme;
mod simple_signing;
mod statement;
#[cfg(test)]
mod testing;
mod verify;

pub use budget::Budget;
pub use candidate::{Candidate, Discovered, Layout, SkipReason, Skipped};
pub use claim::MalformedSignature;
pub use discover::Search;
#[cfg(feature = "fuzzing")]
pub use discover::fuzzing;
pub use fingerprint::Fingerprint;
pub use key::{Algorithm, KeyError, PublicKey, UnsupportedKey};
pub use verify::{CandidateError, Verified, verify};
