//! The name of a key: the SHA-256 of its DER `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
//!
//! Invariant: equal fingerprints mean the same key, however its PEM was written, because the hash runs over the
//! canonical encoding.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};

/// SHA-256 over the DER `SubjectPublicKeyInfo` of a key; what `openssl pkey -pubin -outform DER | sha256sum` prints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of_spki(der: &[u8]) -> Fingerprint {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, der).as_ref());
        Fingerprint(bytes)
    }

    /// Reads the key hint of a Sigstore bundle: base64 of the same hash. It is the claim of whoever wrote the bundle.
    pub(crate) fn from_hint(hint: &str) -> Option<Fingerprint> {
        let bytes = STANDARD.decode(hint).ok()?;
        Some(Fingerprint(bytes.try_into().ok()?))
    }

    /// The first four bytes, for messages that people read: `SHA256:ab12cd34...`.
    pub fn short(&self) -> String {
        let [a, b, c, d, ..] = self.0;
        format!("SHA256:{a:02x}{b:02x}{c:02x}{d:02x}...")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHA256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}
