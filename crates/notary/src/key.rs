//! Public keys, the certificates around them, and the signatures that they make.

mod algorithm;
mod certificate;
mod id;
mod listed;
mod public;
mod signature;
#[cfg(test)]
mod tests;

pub use algorithm::{Algorithm, KeyError};
pub use id::KeyId;
pub use public::PublicKey;

pub(crate) use certificate::Certificate;
pub(crate) use listed::ListedKey;
pub(crate) use signature::Signature;
