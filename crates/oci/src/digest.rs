//! SHA-256 digests as registries write them.
//!
//! Boundary: no other algorithm is known; what names one is unreadable, never skipped. Invariant: a [`Digest`] holds
//! exactly 64 lower-case hexadecimal characters, so it is safe in a path, a tag and a log line.

use std::{fmt, fmt::Write as _, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

const PREFIX: &str = "sha256:";
const HEX_LENGTH: usize = 64;

/// The SHA-256 of some bytes, written `sha256:<64 lower-case hex>` (OCI image specification, "Digests").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(Arc<str>);

/// Why a text is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The text does not start with `sha256:`.
    #[error("only sha256 digests are supported")]
    Algorithm,
    /// What follows is not 64 lower-case hexadecimal characters.
    #[error("a sha256 digest has 64 lower-case hexadecimal characters")]
    Hex,
}

impl Digest {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        let mut hex = String::with_capacity(HEX_LENGTH);
        for byte in hash.as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self(hex.into())
    }

    /// The 64 characters without the algorithm.
    pub fn hex(&self) -> &str {
        &self.0
    }

    /// Whether `bytes` are the bytes that this digest names.
    pub fn verify(&self, bytes: &[u8]) -> bool {
        Self::of(bytes) == *self
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix(PREFIX).ok_or(DigestError::Algorithm)?;
        if !is_lower_hex(hex) {
            return Err(DigestError::Hex);
        }
        Ok(Self(hex.into()))
    }
}

/// Whether `text` has the shape of a SHA-256 in hexadecimal.
pub(crate) fn is_lower_hex(text: &str) -> bool {
    text.len() == HEX_LENGTH && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}{}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    const OF_ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_of_bytes_is_their_sha256() {
        assert_eq!(Digest::of(b"abc").to_string(), OF_ABC);
        assert!(Digest::of(b"abc").verify(b"abc"));
        assert!(!Digest::of(b"abc").verify(b"abd"));
    }

    #[test]
    fn a_digest_survives_writing_and_reading() {
        let digest: Digest = OF_ABC.parse().unwrap();
        assert_eq!(digest.to_string(), OF_ABC);
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("\"{OF_ABC}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }

    #[test]
    fn other_algorithms_are_unreadable() {
        for text in ["", "sha512:00", "SHA256:00", "md5:00", "ba7816bf"] {
            assert_eq!(text.parse::<Digest>(), Err(DigestError::Algorithm), "{text}");
        }
    }

    #[test]
    fn a_digest_that_is_no_lower_case_hex_of_full_length_is_unreadable() {
        let upper = format!("sha256:{}", "A".repeat(64));
        let path = format!("sha256:../{}", "a".repeat(61));
        let long = format!("{OF_ABC}0");
        for text in ["sha256:", "sha256:../../x", "sha256:ba7816bf", &upper, &path, &long] {
            assert_eq!(text.parse::<Digest>(), Err(DigestError::Hex), "{text}");
        }
    }
}
