//! What a replica needs to serve: certificate, key, the authority for callers, and the path that only callers know.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::{AUTHORITY_KEY, CERTIFICATE_KEY, PATH_KEY, PRIVATE_KEY_KEY};

/// 128 bits, in hexadecimal digits.
const MIN_PATH_LENGTH: usize = 32;
const MAX_PATH_LENGTH: usize = 128;

/// The content of the serving Secret, checked. Its `Debug` shows neither key nor path.
#[derive(Clone)]
pub struct ServingMaterial {
    /// Certificate and private key, which belong together.
    pub certified: Arc<CertifiedKey>,
    /// The authority that callers trust, in PEM.
    pub ca_pem: String,
    /// The segment that precedes every webhook path.
    pub path_segment: String,
}

/// Why the serving Secret cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// A value is missing.
    #[error("the Secret has no {0}")]
    Missing(&'static str),
    /// A value is no text.
    #[error("{0} of the Secret is not text")]
    NotText(&'static str),
    /// A value is not PEM of the kind that belongs there.
    #[error("{0} of the Secret is not the PEM that belongs there")]
    Pem(&'static str),
    /// Certificate and key cannot be used together.
    #[error("the certificate and the key of the Secret do not work together")]
    Pair(#[source] rustls::Error),
    /// The path could be guessed, or is none.
    #[error("the path of the Secret is not a random segment of letters and digits")]
    Path,
}

impl ServingMaterial {
    /// Reads the Secret and proves that the key is the certificate's.
    pub fn from_secret(secret: &Secret) -> Result<Self, MaterialError> {
        let none = BTreeMap::new();
        let data = secret.data.as_ref().unwrap_or(&none);
        let chain = certificates(data, CERTIFICATE_KEY)?;
        let key = PrivateKeyDer::from_pem_slice(value(data, PRIVATE_KEY_KEY)?).map_err(|_| MaterialError::Pem(PRIVATE_KEY_KEY))?;
        let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(MaterialError::Pair)?;
        certificates(data, AUTHORITY_KEY)?;
        let ca_pem = text(data, AUTHORITY_KEY)?;
        let path_segment = text(data, PATH_KEY)?;
        if !is_unguessable(&path_segment) {
            return Err(MaterialError::Path);
        }
        Ok(Self { certified: Arc::new(certified), ca_pem, path_segment })
    }
}

/// Whether a text can be a path segment, by its form.
pub(super) fn is_unguessable(path: &str) -> bool {
    (MIN_PATH_LENGTH..=MAX_PATH_LENGTH).contains(&path.len()) && path.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

pub(super) fn value<'a>(data: &'a BTreeMap<String, ByteString>, key: &'static str) -> Result<&'a [u8], MaterialError> {
    data.get(key).map(|value| value.0.as_slice()).ok_or(MaterialError::Missing(key))
}

pub(super) fn text(data: &BTreeMap<String, ByteString>, key: &'static str) -> Result<String, MaterialError> {
    String::from_utf8(value(data, key)?.to_vec()).map_err(|_| MaterialError::NotText(key))
}

/// At least one certificate.
pub(super) fn certificates(data: &BTreeMap<String, ByteString>, key: &'static str) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(value(data, key)?).collect();
    read.ok().filter(|certificates| !certificates.is_empty()).ok_or(MaterialError::Pem(key))
}

impl fmt::Debug for ServingMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServingMaterial").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    // Reason: a test that cannot go on should panic where it stands.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use chrono::Utc;
    use rustls::pki_types::ServerName;

    use super::*;
    use crate::controllers::certificates::issue::{Authority, serving_data};

    fn secret() -> Secret {
        let authority = Authority::create(Utc::now()).unwrap();
        let names = [ServerName::try_from("localhost").unwrap()];
        Secret { data: Some(serving_data(&authority, &names, "a".repeat(32), Utc::now()).unwrap()), ..Secret::default() }
    }

    fn with(key: &str, value: Option<&[u8]>) -> Secret {
        let mut secret = secret();
        let data = secret.data.as_mut().unwrap();
        match value {
            Some(value) => data.insert(key.to_owned(), ByteString(value.to_vec())),
            None => data.remove(key),
        };
        secret
    }

    #[test]
    fn the_key_of_the_authority_is_not_in_the_secret_that_replicas_serve_from() {
        let authority = Authority::create(Utc::now()).unwrap();
        let names = [ServerName::try_from("localhost").unwrap()];
        let data = serving_data(&authority, &names, "a".repeat(32), Utc::now()).unwrap();
        // The second line of bytes is within the private key; the first names its kind.
        let bytes = authority.key.lines().nth(2).unwrap();
        assert!(data.values().all(|value| !String::from_utf8_lossy(&value.0).contains(bytes)));
    }

    #[test]
    fn what_the_leader_writes_can_be_served() {
        let material = ServingMaterial::from_secret(&secret()).unwrap();
        assert_eq!(material.path_segment, "a".repeat(32));
        assert!(material.ca_pem.contains("BEGIN CERTIFICATE"));
    }

    #[test]
    fn nothing_may_be_missing() {
        for key in [CERTIFICATE_KEY, PRIVATE_KEY_KEY, AUTHORITY_KEY, PATH_KEY] {
            assert!(matches!(ServingMaterial::from_secret(&with(key, None)), Err(MaterialError::Missing(missing)) if missing == key));
        }
        assert!(matches!(ServingMaterial::from_secret(&Secret::default()), Err(MaterialError::Missing(_))));
    }

    #[test]
    fn the_key_of_another_certificate_is_not_served() {
        let other = secret().data.unwrap()[PRIVATE_KEY_KEY].0.clone();
        let result = ServingMaterial::from_secret(&with(PRIVATE_KEY_KEY, Some(&other)));
        assert!(matches!(result, Err(MaterialError::Pair(_))));
    }

    #[test]
    fn values_that_are_not_what_they_should_be_are_named() {
        for key in [CERTIFICATE_KEY, PRIVATE_KEY_KEY, AUTHORITY_KEY] {
            let result = ServingMaterial::from_secret(&with(key, Some(b"\xff nonsense")));
            assert!(matches!(result, Err(MaterialError::Pem(named)) if named == key));
        }
    }

    #[test]
    fn a_path_that_could_be_guessed_or_leave_its_segment_is_not_served() {
        for path in ["", "short", &"a/".repeat(20), &"%2f".repeat(20), &"a".repeat(129)] {
            let result = ServingMaterial::from_secret(&with(PATH_KEY, Some(path.as_bytes())));
            assert!(matches!(result, Err(MaterialError::Path)), "{path}");
        }
    }

    #[test]
    fn debug_output_shows_neither_path_nor_key() {
        let shown = format!("{:?}", ServingMaterial::from_secret(&secret()).unwrap());
        assert!(!shown.contains("aaaa") && !shown.contains("certified"), "{shown}");
    }
}
