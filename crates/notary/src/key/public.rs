//! A public key that can check signatures.
//!
//! Invariant: a [`PublicKey`] is of a supported kind and size, lies on its curve, and is known by its canonical
//! encoding, so that one key under two key IDs, or in two certificates, is still one key.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P521_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use x509_cert::der::pem;

use super::algorithm::{Algorithm, KeyError, algorithm_of};
use super::certificate::read_chain;
use super::id::KeyId;
use super::signature::{Method, ecdsa_to_der};
use crate::hash::Sha256;
use crate::limits::KEY_PEM_BYTES;

/// A key that may vouch for trust data; cheap to clone, equal when the key is the same.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    spki: Vec<u8>,
    algorithm: Algorithm,
    checks: Checks,
}

enum Checks {
    /// `width` is the length of each half of a signature, in bytes.
    Ecdsa {
        key: ParsedPublicKey,
        width: usize,
    },
    Rsa {
        pss: ParsedPublicKey,
        pkcs1: ParsedPublicKey,
    },
    Ed25519(ParsedPublicKey),
}

impl PublicKey {
    /// Reads one `PUBLIC KEY` block, or one `CERTIFICATE` block whose key is meant (specification, section 3b, step 2).
    pub fn from_pem(text: &str) -> Result<PublicKey, KeyError> {
        if text.len() > KEY_PEM_BYTES {
            return Err(KeyError::TooLarge);
        }
        let text = text.trim();
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::PrivateKey);
        }
        if text.matches("-----BEGIN ").count() != 1 {
            return Err(KeyError::Pem);
        }
        match pem::decode_label(text.as_bytes()).map_err(|_| KeyError::Pem)? {
            "PUBLIC KEY" => {
                let (_, der) = pem::decode_vec(text.as_bytes()).map_err(|_| KeyError::Pem)?;
                PublicKey::from_spki(&der)
            }
            "CERTIFICATE" => read_chain(text.as_bytes())?.key(),
            _ => Err(KeyError::Pem),
        }
    }

    /// Reads a DER `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
    pub fn from_spki(der: &[u8]) -> Result<PublicKey, KeyError> {
        PublicKey::load(algorithm_of(der)?, der)
    }

    /// Reads the 32 bytes of an Ed25519 key.
    pub(super) fn from_ed25519(raw: &[u8]) -> Result<PublicKey, KeyError> {
        if raw.len() != 32 {
            return Err(KeyError::Rejected);
        }
        PublicKey::load(Algorithm::Ed25519, raw)
    }

    fn load(algorithm: Algorithm, encoded: &[u8]) -> Result<PublicKey, KeyError> {
        let parse = |check: &'static dyn VerificationAlgorithm| ParsedPublicKey::new(check, encoded).map_err(|_| KeyError::Rejected);
        let checks = match algorithm {
            Algorithm::EcdsaP256 => Checks::Ecdsa { key: parse(&ECDSA_P256_SHA256_ASN1)?, width: 32 },
            Algorithm::EcdsaP384 => Checks::Ecdsa { key: parse(&ECDSA_P384_SHA256_ASN1)?, width: 48 },
            Algorithm::EcdsaP521 => Checks::Ecdsa { key: parse(&ECDSA_P521_SHA256_ASN1)?, width: 66 },
            Algorithm::Rsa { .. } => Checks::Rsa { pss: parse(&RSA_PSS_2048_8192_SHA256)?, pkcs1: parse(&RSA_PKCS1_2048_8192_SHA256)? },
            Algorithm::Ed25519 => Checks::Ed25519(parse(&ED25519)?),
        };
        let spki = checks.canonical_spki().ok_or(KeyError::Rejected)?;
        Ok(PublicKey(Arc::new(Inner { spki, algorithm, checks })))
    }

    /// The kind of key.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The canonical DER `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> &[u8] {
        &self.0.spki
    }

    /// SHA-256 of the canonical `SubjectPublicKeyInfo`: the name of this key in messages and evidence.
    pub fn fingerprint(&self) -> Sha256 {
        Sha256::of(&self.0.spki)
    }

    /// The ID that the key would have without a certificate (specification, section 2, "Canonical key ID").
    pub fn canonical_id(&self) -> KeyId {
        let key_type = match self.algorithm() {
            Algorithm::EcdsaP256 | Algorithm::EcdsaP384 | Algorithm::EcdsaP521 => "ecdsa",
            Algorithm::Rsa { .. } => "rsa",
            Algorithm::Ed25519 => "ed25519",
        };
        KeyId::of(key_type, &STANDARD.encode(self.spki()))
    }

    /// Whether this key made `signature` over `message` by `method`. A method of another kind of key is no signature.
    pub(crate) fn signed(&self, method: Method, message: &[u8], signature: &[u8]) -> bool {
        match (&self.0.checks, method) {
            (Checks::Ecdsa { key, width }, Method::Ecdsa) => {
                ecdsa_to_der(signature, *width).is_some_and(|der| key.verify_sig(message, &der).is_ok())
            }
            (Checks::Rsa { pss, .. }, Method::RsaPss) => pss.verify_sig(message, signature).is_ok(),
            (Checks::Rsa { pkcs1, .. }, Method::RsaPkcs1) => pkcs1.verify_sig(message, signature).is_ok(),
            (Checks::Ed25519(key), Method::EdDsa) => key.verify_sig(message, signature).is_ok(),
            _ => false,
        }
    }
}

impl Checks {
    fn canonical_spki(&self) -> Option<Vec<u8>> {
        let (Checks::Ecdsa { key, .. } | Checks::Rsa { pss: key, .. } | Checks::Ed25519(key)) = self;
        let der: PublicKeyX509Der<'_> = key.as_der().ok()?;
        Some(der.as_ref().to_vec())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &PublicKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &PublicKey) -> Ordering {
        self.0.spki.cmp(&other.0.spki)
    }
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.spki.hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.0.algorithm, self.fingerprint().short())
    }
}
