//! Certificate authorities given for one host.
//!
//! Boundary: reads PEM, judges nothing. Invariant: a [`CaBundle`] holds at least one certificate that TLS can use as a
//! root, so "trust this bundle" never means "trust nothing" or "trust the default".

use std::{fmt, sync::Arc};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::credential::Hasher;

const MAX_BYTES: usize = 1024 * 1024;

/// Roots that replace the public ones for a host.
#[derive(Clone)]
pub struct CaBundle {
    roots: Arc<RootCertStore>,
    fingerprint: [u8; 32],
}

/// Why a text is no CA bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaBundleError {
    /// More than 1 MiB.
    #[error("a CA bundle has at most 1 MiB")]
    TooLarge,
    /// Not PEM.
    #[error("a CA bundle is PEM text")]
    Pem,
    /// A certificate that cannot be a root.
    #[error("certificate {0} of the CA bundle is unreadable")]
    Certificate(usize),
    /// No certificate.
    #[error("a CA bundle has at least one certificate")]
    Empty,
}

impl CaBundle {
    /// Reads all certificates of a PEM text; other PEM sections are passed over.
    pub fn from_pem(text: &str) -> Result<Self, CaBundleError> {
        if text.len() > MAX_BYTES {
            return Err(CaBundleError::TooLarge);
        }
        let mut roots = RootCertStore::empty();
        let mut hasher = Hasher::new();
        for (at, certificate) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
            let certificate = certificate.map_err(|_| CaBundleError::Pem)?;
            hasher.bytes(&certificate);
            roots.add(certificate).map_err(|_| CaBundleError::Certificate(at))?;
        }
        if roots.is_empty() {
            return Err(CaBundleError::Empty);
        }
        Ok(Self { roots: Arc::new(roots), fingerprint: hasher.finish() })
    }

    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }

    /// A hash over the certificates in their order.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CaBundle({} certificates)", self.roots.len())
    }
}
