//! The signature algorithms that cosign uses per kind of key.
//!
//! Up to v3.1.0 cosign hashed with SHA-256 whatever the key was; since then ECDSA uses its curve's own hash, and Ed25519
//! keys sign images as Ed25519ph. Signatures of both ages are in registries, nothing in a signature says which it is, so
//! both are tried. No pair of these algorithms accepts each other's signatures.
//!
//! Invariant: no check is made that the budget has not paid for.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA512_ASN1, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha512};

use crate::budget::Budget;
use crate::key::Algorithm;

/// The budget of the image is used up; whether the signature is good was not found out.
#[derive(Debug)]
pub(crate) struct OutOfBudget;

/// Every way in which one key may have signed, the likeliest first.
pub(crate) struct Checks(Vec<Check>);

enum Check {
    Signature(ParsedPublicKey),
    Ed25519ph(VerifyingKey),
}

impl Checks {
    /// Loads the key from its SPKI; also returns the canonical SPKI. `None`: the values are no key of that algorithm.
    pub(crate) fn load(algorithm: Algorithm, spki: &[u8]) -> Option<(Vec<u8>, Checks)> {
        let parsed: Vec<ParsedPublicKey> =
            algorithms(algorithm).iter().map(|algorithm| ParsedPublicKey::new(*algorithm, spki).ok()).collect::<Option<_>>()?;
        let canonical: PublicKeyX509Der<'_> = parsed.first()?.as_der().ok()?;
        let canonical = canonical.as_ref().to_vec();
        let mut checks: Vec<Check> = parsed.into_iter().map(Check::Signature).collect();
        if algorithm == Algorithm::Ed25519 {
            checks.push(Check::Ed25519ph(ed25519_of(&canonical)?));
        }
        Some((canonical, Checks(checks)))
    }

    /// Whether any of the checks accepts the signature.
    pub(crate) fn accept(&self, message: &[u8], signature: &[u8], budget: &mut Budget) -> Result<bool, OutOfBudget> {
        for check in &self.0 {
            if !budget.spend() {
                return Err(OutOfBudget);
            }
            if check.accepts(message, signature) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Check {
    fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Check::Signature(key) => key.verify_sig(message, signature).is_ok(),
            Check::Ed25519ph(key) => match ed25519_dalek::Signature::from_slice(signature) {
                Ok(signature) => key.verify_prehashed_strict(Sha512::new_with_prefix(message), None, &signature).is_ok(),
                Err(_) => false,
            },
        }
    }
}

fn algorithms(algorithm: Algorithm) -> &'static [&'static dyn VerificationAlgorithm] {
    match algorithm {
        Algorithm::EcdsaP256 => &[&ECDSA_P256_SHA256_ASN1],
        Algorithm::EcdsaP384 => &[&ECDSA_P384_SHA384_ASN1, &ECDSA_P384_SHA256_ASN1],
        Algorithm::EcdsaP521 => &[&ECDSA_P521_SHA512_ASN1, &ECDSA_P521_SHA256_ASN1],
        Algorithm::Rsa { .. } => &[&RSA_PKCS1_2048_8192_SHA256],
        Algorithm::Ed25519 => &[&ED25519],
    }
}

/// RFC 8410: the key is the last 32 bytes of the encoding. A weak key would accept signatures that nobody made.
fn ed25519_of(spki: &[u8]) -> Option<VerifyingKey> {
    let key = VerifyingKey::from_bytes(spki.last_chunk::<32>()?).ok()?;
    (!key.is_weak()).then_some(key)
}
