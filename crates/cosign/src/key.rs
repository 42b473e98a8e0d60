//! Public keys, as people paste them into a trust root.
//!
//! Boundary: PEM text in, a checked key out. Invariant: a [`PublicKey`] is of a supported algorithm and size, lies on its
//! curve, and is known by its canonical encoding, so that one key written in two ways is still one signer.

mod error;

use std::fmt;
use std::sync::Arc;

use pkcs1::RsaPublicKey;
use spki::der::{Decode, pem};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::budget::Budget;
use crate::fingerprint::Fingerprint;
use crate::limits::KEY_PEM_BYTES;
use crate::scheme::{Checks, OutOfBudget};

pub use error::{KeyError, UnsupportedKey};

// RFC 8017, RFC 5480 and RFC 8410.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// What kind of key it is; the kind decides which hashes its signatures may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA over NIST P-256.
    EcdsaP256,
    /// ECDSA over NIST P-384.
    EcdsaP384,
    /// ECDSA over NIST P-521.
    EcdsaP521,
    /// RSA with PKCS#1 v1.5 padding.
    Rsa {
        /// Length of the modulus, 2048 to 4096.
        bits: u32,
    },
    /// Ed25519 (RFC 8032), signing the message itself or its SHA-512 (Ed25519ph).
    Ed25519,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Algorithm::EcdsaP256 => f.write_str("ECDSA P-256"),
            Algorithm::EcdsaP384 => f.write_str("ECDSA P-384"),
            Algorithm::EcdsaP521 => f.write_str("ECDSA P-521"),
            Algorithm::Rsa { bits } => write!(f, "RSA {bits}"),
            Algorithm::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// A key that may vouch for images; cheap to clone, equal when the key is the same.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    spki: Vec<u8>,
    fingerprint: Fingerprint,
    algorithm: Algorithm,
    checks: Checks,
}

impl PublicKey {
    /// Reads exactly one `PUBLIC KEY` block (RFC 7468, section 13), as `cosign generate-key-pair` writes it.
    pub fn from_pem(text: &str) -> Result<PublicKey, KeyError> {
        let der = read_block(text)?;
        let algorithm = algorithm_of(&der)?;
        let (spki, checks) = Checks::load(algorithm, &der).ok_or(KeyError::Rejected)?;
        let fingerprint = Fingerprint::of_spki(&spki);
        Ok(PublicKey(Arc::new(Inner { spki, fingerprint, algorithm, checks })))
    }

    /// The name of this key in status, messages and evidence.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.0.fingerprint
    }

    /// The canonical DER `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
    pub fn spki(&self) -> &[u8] {
        &self.0.spki
    }

    /// The kind of key, for status.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Whether `signature` over `message` was made with this key, in one of the ways that cosign signs with such keys.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8], budget: &mut Budget) -> Result<bool, OutOfBudget> {
        self.0.checks.accept(message, signature, budget)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.0.algorithm, self.0.fingerprint.short())
    }
}

fn read_block(text: &str) -> Result<Vec<u8>, KeyError> {
    if text.len() > KEY_PEM_BYTES {
        return Err(KeyError::TooLarge);
    }
    match text.matches("-----BEGIN ").count() {
        0 => return Err(KeyError::NoBlock),
        1 => {}
        _ => return Err(KeyError::SeveralBlocks),
    }
    let text = text.trim();
    let label = pem::decode_label(text.as_bytes()).map_err(|error| KeyError::Pem(error.into()))?;
    match label {
        "PUBLIC KEY" => {}
        "RSA PUBLIC KEY" => return Err(KeyError::Pkcs1),
        "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => return Err(KeyError::Certificate),
        label if label.ends_with("PRIVATE KEY") => return Err(KeyError::PrivateKey),
        _ => return Err(KeyError::OtherBlock),
    }
    let (_, der) = pem::decode_vec(text.as_bytes()).map_err(|error| KeyError::Pem(error.into()))?;
    Ok(der)
}

fn algorithm_of(der: &[u8]) -> Result<Algorithm, KeyError> {
    let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(KeyError::Spki)?;
    match spki.algorithm.oid {
        EC_PUBLIC_KEY => curve_of(&spki),
        RSA_ENCRYPTION => rsa_of(&spki),
        ED25519 => Ok(Algorithm::Ed25519),
        oid => Err(UnsupportedKey::Algorithm(oid).into()),
    }
}

fn curve_of(spki: &SubjectPublicKeyInfoRef<'_>) -> Result<Algorithm, KeyError> {
    // Explicit curve parameters (CVE-2020-0601) have no OID here.
    let curve = spki.algorithm.parameters_oid().map_err(|_| UnsupportedKey::UnnamedCurve)?;
    match curve {
        P256 => Ok(Algorithm::EcdsaP256),
        P384 => Ok(Algorithm::EcdsaP384),
        P521 => Ok(Algorithm::EcdsaP521),
        curve => Err(UnsupportedKey::Curve(curve).into()),
    }
}

fn rsa_of(spki: &SubjectPublicKeyInfoRef<'_>) -> Result<Algorithm, KeyError> {
    let bytes = spki.subject_public_key.as_bytes().ok_or(KeyError::Rejected)?;
    let key = RsaPublicKey::try_from(bytes).map_err(|_| KeyError::Rejected)?;
    let bits = bit_length(key.modulus.as_bytes());
    if !(2048..=4096).contains(&bits) {
        return Err(UnsupportedKey::RsaSize { bits }.into());
    }
    if !is_sane_exponent(key.public_exponent.as_bytes()) {
        return Err(UnsupportedKey::RsaExponent.into());
    }
    Ok(Algorithm::Rsa { bits })
}

/// Odd and at least 65537 (FIPS 186-5, section 5.4 e); at most 33 bits, which is also where the crypto library stops.
fn is_sane_exponent(big_endian: &[u8]) -> bool {
    let odd = big_endian.last().is_some_and(|last| last % 2 == 1);
    odd && (17..=33).contains(&bit_length(big_endian))
}

fn bit_length(big_endian: &[u8]) -> u32 {
    let mut digits = big_endian.iter().skip_while(|byte| **byte == 0);
    let Some(first) = digits.next() else { return 0 };
    let rest = u32::try_from(digits.count()).unwrap_or(u32::MAX / 8 - 1);
    u8::BITS - first.leading_zeros() + rest * u8::BITS
}

#[cfg(test)]
mod tests;
