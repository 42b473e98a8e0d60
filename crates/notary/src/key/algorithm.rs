//! What kinds of keys count (specification, section 3b, step 6).

use std::fmt;

use pkcs1::RsaPublicKey;
use x509_cert::der::{self, Decode};
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

// RFC 8017, RFC 5480 and RFC 8410.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA over NIST P-256.
    EcdsaP256,
    /// ECDSA over NIST P-384.
    EcdsaP384,
    /// ECDSA over NIST P-521.
    EcdsaP521,
    /// RSA.
    Rsa {
        /// Length of the modulus, 2048 to 8192.
        bits: u32,
    },
    /// Ed25519 (RFC 8032).
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

/// Why a key cannot vouch for anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither a `PUBLIC KEY` nor a `CERTIFICATE` block stands in the text, or there are several.
    #[error("expected one PEM block, \"PUBLIC KEY\" or \"CERTIFICATE\"")]
    Pem,
    /// A private key was pasted.
    #[error("this is a private key and must now be considered leaked; only the public key belongs here")]
    PrivateKey,
    /// More text than a key and its certificates need.
    #[error("the text of the key is too long")]
    TooLarge,
    /// The DER inside is no `SubjectPublicKeyInfo`.
    #[error("it does not hold a public key")]
    Spki(#[source] der::Error),
    /// The text of an x509 key holds no readable certificate in its first place.
    #[error("it does not hold a certificate")]
    Certificate,
    /// Neither RSA, ECDSA nor Ed25519.
    #[error("algorithm {0}; supported are ECDSA, RSA and Ed25519")]
    UnsupportedAlgorithm(ObjectIdentifier),
    /// Another curve than P-256, P-384 and P-521, or one without a name.
    #[error("its curve is not P-256, P-384 or P-521")]
    UnsupportedCurve,
    /// Too weak, or so large that each check is expensive.
    #[error("RSA with {bits} bits; supported are 2048 to 8192")]
    RsaSize {
        /// Length of the modulus.
        bits: u32,
    },
    /// Even, 1, or longer than 33 bits.
    #[error("an RSA exponent that is even, 1 or above 33 bits")]
    RsaExponent,
    /// A `keytype` that Notary does not know.
    #[error("its keytype is unknown")]
    UnknownKeyType,
    /// The key inside is of another kind than its `keytype` says.
    #[error("it is {found}, which is not what its keytype says")]
    OtherKeyType {
        /// What the key is.
        found: Algorithm,
    },
    /// The values are no key of the kind they claim to be, such as a point outside its curve.
    #[error("the values in the key are invalid for its algorithm")]
    Rejected,
}

/// Reads what kind of key a DER `SubjectPublicKeyInfo` holds, and refuses kinds and sizes that do not count.
pub(super) fn algorithm_of(der: &[u8]) -> Result<Algorithm, KeyError> {
    let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(KeyError::Spki)?;
    match spki.algorithm.oid {
        EC_PUBLIC_KEY => curve_of(&spki),
        RSA_ENCRYPTION => rsa_of(&spki),
        ED25519 => Ok(Algorithm::Ed25519),
        oid => Err(KeyError::UnsupportedAlgorithm(oid)),
    }
}

fn curve_of(spki: &SubjectPublicKeyInfoRef<'_>) -> Result<Algorithm, KeyError> {
    // Explicit curve parameters (CVE-2020-0601) have no OID here.
    match spki.algorithm.parameters_oid().map_err(|_| KeyError::UnsupportedCurve)? {
        P256 => Ok(Algorithm::EcdsaP256),
        P384 => Ok(Algorithm::EcdsaP384),
        P521 => Ok(Algorithm::EcdsaP521),
        _ => Err(KeyError::UnsupportedCurve),
    }
}

fn rsa_of(spki: &SubjectPublicKeyInfoRef<'_>) -> Result<Algorithm, KeyError> {
    let bytes = spki.subject_public_key.as_bytes().ok_or(KeyError::Rejected)?;
    let key = RsaPublicKey::try_from(bytes).map_err(|_| KeyError::Rejected)?;
    let bits = bit_length(key.modulus.as_bytes());
    if !(2048..=8192).contains(&bits) {
        return Err(KeyError::RsaSize { bits });
    }
    if !is_sane_exponent(key.public_exponent.as_bytes()) {
        return Err(KeyError::RsaExponent);
    }
    Ok(Algorithm::Rsa { bits })
}

/// Odd, at least 3, and at most 33 bits, which is where the crypto library stops.
fn is_sane_exponent(big_endian: &[u8]) -> bool {
    let odd = big_endian.last().is_some_and(|last| last % 2 == 1);
    odd && (2..=33).contains(&bit_length(big_endian))
}

fn bit_length(big_endian: &[u8]) -> u32 {
    let mut digits = big_endian.iter().skip_while(|byte| **byte == 0);
    let Some(first) = digits.next() else { return 0 };
    let rest = u32::try_from(digits.count()).unwrap_or(u32::MAX / 8 - 1);
    u8::BITS - first.leading_zeros() + rest * u8::BITS
}
