//! What Bonafide knows about container registries: names, digests and one HTTP client.
//!
//! ```text
//! Reference ─ Repository ─ Host         names, normalised once by their parsers
//!      └──── Tag, Digest
//!
//! Client ── session(Party, Grants, deadline) ── Session ── resolve, manifest, blob, referrers, file
//!    └─ Egress: which addresses may be dialled at all
//!                  └─ Access: plain HTTP, CA bundle and credentials, per literal host
//! Poster ── post       a body for a server that is no registry, through the same guard
//! ```
//!
//! Boundary: this crate fetches bytes and proves that they are the bytes that were asked for. It judges neither
//! platforms, images nor signatures, and it knows no Kubernetes. Invariant: every byte from a server is capped and
//! bound by the session's deadline, and a credential leaves only over TLS, to the host it was given for.

#![forbid(unsafe_code)]

mod access;
mod client;
mod descriptor;
mod digest;
mod egress;
mod error;
mod host;
mod manifest;
mod reference;
mod repository;

pub use access::{Access, CaBundle, CaBundleError, Credential, DockerConfigError, HostSettings, Keyring};
#[cfg(feature = "fuzzing")]
pub use client::fuzzing;
pub use client::{
    Client, ClientError, ClientSettings, DEFAULT_BYTES, DEFAULT_CONCURRENCY, Freshness, Grants, Limits, OnRequest, Party, Post, PostError,
    Posted, Poster, RequestOutcome, RequestRates, Scope, Session,
};
pub use descriptor::Descriptor;
pub use digest::{Digest, DigestError};
pub use egress::{Egress, EgressError};
pub use error::{ErrorClass, Malformation, Outage, RedirectFault, RegistryError, Unit};
pub use host::{Host, HostError};
pub use manifest::{Manifest, ManifestRef};
pub use reference::{Reference, ReferenceError};
pub use repository::{Repository, Tag};
