//! Signatures as trust data carries them (specification, section 2).

use base64::{Engine, engine::general_purpose::STANDARD};
use x509_cert::der::asn1::{AnyRef, UintRef};
use x509_cert::der::{Encode, Tag};

use super::id::KeyId;

/// How a signature was made; the hash is SHA-256 in every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// ECDSA, as r and s of equal width, one after the other.
    Ecdsa,
    /// RSASSA-PSS with MGF1-SHA256 and 32 bytes of salt.
    RsaPss,
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1,
    /// Ed25519 over the message itself.
    EdDsa,
}

impl Method {
    /// Case is ignored, as the reference client does. What is unknown, or was never used, is `None`.
    pub(crate) fn named(name: &str) -> Option<Method> {
        match name.to_ascii_lowercase().as_str() {
            "ecdsa" => Some(Method::Ecdsa),
            "rsapss" => Some(Method::RsaPss),
            "rsapkcs1v15" => Some(Method::RsaPkcs1),
            "eddsa" => Some(Method::EdDsa),
            _ => None,
        }
    }
}

/// One signature of which key and method are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// The key that is said to have signed.
    pub(crate) key: KeyId,
    pub(crate) method: Method,
    pub(crate) bytes: Vec<u8>,
}

impl Signature {
    /// `None`: an unknown method, or a key ID or encoding that nobody writes. Such an entry counts as no signature.
    pub(crate) fn read(key: &str, method: &str, base64: &str) -> Option<Signature> {
        Some(Signature { key: key.parse().ok()?, method: Method::named(method)?, bytes: STANDARD.decode(base64).ok()? })
    }
}

/// The crypto library takes ASN.1 for every curve with SHA-256, the fixed form only for P-256 and P-521.
pub(super) fn ecdsa_to_der(signature: &[u8], width: usize) -> Option<Vec<u8>> {
    if signature.len() != 2 * width {
        return None;
    }
    let (r, s) = signature.split_at_checked(width)?;
    let half = |bytes| UintRef::new(bytes).ok()?.to_der().ok();
    let halves = [half(r)?, half(s)?].concat();
    AnyRef::new(Tag::Sequence, &halves).ok()?.to_der().ok()
}
