//! An authority for one server, and the certificates that the server shows, also those that it should not have.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

const OWN: [&str; 2] = ["127.0.0.1", "localhost"];
const FOREIGN: [&str; 1] = ["registry.example.com"];

pub(crate) struct Issued {
    pub(crate) ca_pem: String,
    pub(crate) acceptors: Acceptors,
}

/// One per certificate; all are of the same authority.
#[derive(Clone)]
pub(crate) struct Acceptors {
    pub(crate) honest: TlsAcceptor,
    pub(crate) other_host: TlsAcceptor,
    pub(crate) expired: TlsAcceptor,
}

pub(crate) fn issue() -> Issued {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().expect("a key");
    let ca_pem = authority.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, key);
    let mut past = certificate(&OWN);
    past.not_after = date_time_ymd(2020, 1, 1);
    past.not_before = date_time_ymd(2019, 1, 1);
    let acceptors = Acceptors {
        honest: acceptor(&certificate(&OWN), &issuer),
        other_host: acceptor(&certificate(&FOREIGN), &issuer),
        expired: acceptor(&past, &issuer),
    };
    Issued { ca_pem, acceptors }
}

fn certificate(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("names")
}

fn acceptor(certificate: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> TlsAcceptor {
    let key = KeyPair::generate().expect("a key");
    let certificate = certificate.signed_by(&key, issuer).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate and its key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
