//! Certificates around keys: in Notary a name tag with an expiry, and a chain only where an authority is pinned.

use chrono::{DateTime, Utc};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::{Decode, Encode, Tag, Tagged};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::spki::ObjectIdentifier;
use x509_cert::{Certificate as X509, attr::AttributeTypeAndValue};

use super::algorithm::KeyError;
use super::public::PublicKey;
use crate::limits::{CERTIFICATES, KEY_PEM_BYTES};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// MD5 and SHA-1 with RSA, DSA and ECDSA (RFC 3279, RFC 5758).
const WEAK_SIGNATURES: [ObjectIdentifier; 4] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
    ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"),
];

/// What an x509 key says about itself besides the key: the first certificate of its text, and those that follow.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// The one common name of the subject; `None` when there is none, or several.
    pub(crate) common_name: Option<String>,
    pub(crate) not_before: DateTime<Utc>,
    pub(crate) not_after: DateTime<Utc>,
    /// Whether it can stand for a root key: the first and only certificate of the text that is no authority, and not
    /// signed with SHA-1 or MD5 (specification, section 3a, root validation b).
    pub(crate) is_root_leaf: bool,
    pub(crate) leaf: CertificateDer<'static>,
    pub(crate) intermediates: Vec<CertificateDer<'static>>,
}

/// A key together with its certificate.
#[derive(Debug)]
pub(crate) struct Certified {
    spki: Vec<u8>,
    pub(crate) certificate: Certificate,
}

impl Certified {
    /// The key of the first certificate.
    pub(crate) fn key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_spki(&self.spki)
    }
}

/// Reads PEM text: a leaf certificate, then its intermediates.
pub(crate) fn read_chain(pem: &[u8]) -> Result<Certified, KeyError> {
    if pem.len() > KEY_PEM_BYTES {
        return Err(KeyError::TooLarge);
    }
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| KeyError::Certificate)?;
    if chain.len() > CERTIFICATES {
        return Err(KeyError::TooLarge);
    }
    let parsed: Vec<X509> = chain.iter().map(|der| X509::from_der(der)).collect::<Result<_, _>>().map_err(|_| KeyError::Certificate)?;
    certified(&parsed, chain).ok_or(KeyError::Certificate)
}

fn certified(parsed: &[X509], chain: Vec<CertificateDer<'static>>) -> Option<Certified> {
    let (first, others) = parsed.split_first()?;
    let mut chain = chain.into_iter();
    let leaf = chain.next()?;
    let subject = &first.tbs_certificate;
    let alone = !is_authority(first) && others.iter().all(is_authority);
    let certificate = Certificate {
        common_name: common_name(first),
        not_before: moment(subject.validity.not_before)?,
        not_after: moment(subject.validity.not_after)?,
        is_root_leaf: alone && !WEAK_SIGNATURES.contains(&first.signature_algorithm.oid),
        leaf,
        intermediates: chain.collect(),
    };
    Some(Certified { spki: subject.subject_public_key_info.to_der().ok()?, certificate })
}

/// A certificate whose constraints cannot be read is taken for an authority: it never stands for a root key.
fn is_authority(certificate: &X509) -> bool {
    match certificate.tbs_certificate.get::<BasicConstraints>() {
        Ok(constraints) => constraints.is_some_and(|(_, constraints)| constraints.ca),
        Err(_) => true,
    }
}

fn common_name(certificate: &X509) -> Option<String> {
    let attributes = certificate.tbs_certificate.subject.0.iter().flat_map(|names| names.0.iter());
    let mut names = attributes.filter(|attribute| attribute.oid == COMMON_NAME);
    let name = text_of(names.next()?)?;
    names.next().is_none().then_some(name)
}

fn text_of(attribute: &AttributeTypeAndValue) -> Option<String> {
    let value = &attribute.value;
    let text = match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::TeletexString => value.decode_as::<TeletexStringRef<'_>>().ok()?.as_str().to_owned(),
        _ => return None,
    };
    Some(text)
}

fn moment(time: x509_cert::time::Time) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(time.to_unix_duration().as_secs()).ok()?, 0)
}
