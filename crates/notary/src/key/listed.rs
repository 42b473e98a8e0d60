//! Keys as trust data lists them (specification, section 2, "Keys").
//!
//! A key that cannot be used is kept with its reason: it counts as no signature, and the file around it stays readable.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::algorithm::{Algorithm, KeyError};
use super::certificate::{Certificate, read_chain};
use super::id::KeyId;
use super::public::PublicKey;

/// The `keytype` of a listed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyType {
    Ecdsa,
    EcdsaX509,
    Rsa,
    RsaX509,
    Ed25519,
}

impl KeyType {
    fn named(name: &str) -> Option<KeyType> {
        match name {
            "ecdsa" => Some(KeyType::Ecdsa),
            "ecdsa-x509" => Some(KeyType::EcdsaX509),
            "rsa" => Some(KeyType::Rsa),
            "rsa-x509" => Some(KeyType::RsaX509),
            "ed25519" => Some(KeyType::Ed25519),
            _ => None,
        }
    }

    fn fits(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::EcdsaP256 | Algorithm::EcdsaP384 | Algorithm::EcdsaP521 => matches!(self, KeyType::Ecdsa | KeyType::EcdsaX509),
            Algorithm::Rsa { .. } => matches!(self, KeyType::Rsa | KeyType::RsaX509),
            Algorithm::Ed25519 => self == KeyType::Ed25519,
        }
    }
}

/// One entry of `keys`, under the ID that follows from its content.
#[derive(Clone, Debug)]
pub(crate) struct ListedKey {
    pub(crate) id: KeyId,
    pub(crate) public: Result<PublicKey, KeyError>,
    /// Only x509 keys have one.
    pub(crate) certificate: Option<Certificate>,
}

impl ListedKey {
    /// `base64` is the `public` member as it stands in the file.
    pub(crate) fn read(key_type: &str, base64: &str) -> ListedKey {
        let id = KeyId::of(key_type, base64);
        match load(key_type, base64) {
            Ok((public, certificate)) => ListedKey { id, public: Ok(public), certificate },
            Err(error) => ListedKey { id, public: Err(error), certificate: None },
        }
    }
}

fn load(key_type: &str, base64: &str) -> Result<(PublicKey, Option<Certificate>), KeyError> {
    let key_type = KeyType::named(key_type).ok_or(KeyError::UnknownKeyType)?;
    let bytes = STANDARD.decode(base64).map_err(|_| KeyError::Rejected)?;
    let (public, certificate) = match key_type {
        KeyType::Ecdsa | KeyType::Rsa => (PublicKey::from_spki(&bytes)?, None),
        KeyType::Ed25519 => (PublicKey::from_ed25519(&bytes)?, None),
        KeyType::EcdsaX509 | KeyType::RsaX509 => {
            let certified = read_chain(&bytes)?;
            (certified.key()?, Some(certified.certificate))
        }
    };
    if !key_type.fits(public.algorithm()) {
        return Err(KeyError::OtherKeyType { found: public.algorithm() });
    }
    Ok((public, certificate))
}
