//! Certificate authorities that may vouch for root keys (specification, section 3b, step 2).

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};

use crate::key::Certificate;

const LARGEST: usize = 256 * 1024;

/// Certificates of authorities, read from PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities(Arc<[CertificateDer<'static>]>);

/// Why a text is no bundle of authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthoritiesError {
    /// More than 256 KiB.
    #[error("the bundle is longer than 256 KiB")]
    TooLarge,
    /// No certificate at all.
    #[error("there is no PEM block \"CERTIFICATE\"")]
    Empty,
    /// A block that is no certificate.
    #[error("certificate {0} of the bundle cannot be read")]
    Certificate(usize),
}

impl Authorities {
    /// Reads all `CERTIFICATE` blocks of a PEM text; one that cannot be read refuses the whole text.
    pub fn from_pem(text: &str) -> Result<Authorities, AuthoritiesError> {
        if text.len() > LARGEST {
            return Err(AuthoritiesError::TooLarge);
        }
        let mut certificates = Vec::new();
        for (index, certificate) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
            let certificate = certificate.map_err(|_| AuthoritiesError::Certificate(index + 1))?;
            anchor_from_trusted_cert(&certificate).map_err(|_| AuthoritiesError::Certificate(index + 1))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() { Err(AuthoritiesError::Empty) } else { Ok(Authorities(certificates.into())) }
    }

    /// Several bundles as one; none when there is none.
    pub fn all<'a>(bundles: impl Iterator<Item = &'a Authorities>) -> Option<Authorities> {
        let certificates: Vec<_> = bundles.flat_map(|bundle| bundle.0.iter().cloned()).collect();
        (!certificates.is_empty()).then(|| Authorities(certificates.into()))
    }

    /// The certificates in DER, in the order of the bundle.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether a chain leads from the certificate of a root key to one of the authorities, valid at `now`.
    pub(super) fn vouch_for(&self, certificate: &Certificate, now: DateTime<Utc>) -> bool {
        let anchors: Vec<_> = self.0.iter().filter_map(|authority| anchor_from_trusted_cert(authority).ok()).collect();
        let Ok(leaf) = EndEntityCert::try_from(&certificate.leaf) else { return false };
        let Ok(seconds) = u64::try_from(now.timestamp()) else { return false };
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        leaf.verify_for_usage(algorithms, &anchors, &certificate.intermediates, time, SigningPurpose, None, None).is_ok()
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

/// A leaf may be for signing code, for anything, or for TLS servers, which the reference client demands; without a
/// stated purpose it is for anything. A chain made for another purpose, such as client certificates, does not count.
struct SigningPurpose;

/// `anyExtendedKeyUsage`, `id-kp-codeSigning` and `id-kp-serverAuth` (RFC 5280, section 4.2.1.12).
const PURPOSES: [&[usize]; 3] = [&[2, 5, 29, 37, 0], &[1, 3, 6, 1, 5, 5, 7, 3, 3], &[1, 3, 6, 1, 5, 5, 7, 3, 1]];

impl ExtendedKeyUsageValidator for SigningPurpose {
    fn validate(&self, stated: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let mut any_stated = false;
        for purpose in stated {
            any_stated = true;
            if PURPOSES.contains(&purpose?.to_decoded_oid().as_slice()) {
                return Ok(());
            }
        }
        if any_stated { Err(Error::EmptyEkuExtension) } else { Ok(()) }
    }
}
