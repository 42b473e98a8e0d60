//! The certificate of the webhook: made and renewed by the leader, served by every replica.
//!
//! Boundary: two Secrets of the operator namespace, one with the authority and its private key, one with what replicas
//! serve. Invariant: serving replicas never read the authority's key; no private key and no path segment is ever logged;
//! what is served is replaced only by something that can be served.

mod issue;
mod maintain;
mod material;
mod observe;
mod plan;

pub use issue::IssueError;
pub use maintain::{CertificateSettings, maintain};
pub use material::{MaterialError, ServingMaterial};
pub use observe::observe;

/// The Secret that every replica serves from.
const SERVING_SECRET: &str = "bonafide-webhook-tls";
/// The Secret that only the leader reads.
const AUTHORITY_SECRET: &str = "bonafide-webhook-ca";

const CERTIFICATE_KEY: &str = "tls.crt";
const PRIVATE_KEY_KEY: &str = "tls.key";
const AUTHORITY_KEY: &str = "ca.crt";
const PATH_KEY: &str = "path";
