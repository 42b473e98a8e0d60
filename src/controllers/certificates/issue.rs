//! New authorities and serving certificates (ECDSA P-256, X.509).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::SystemTime;

use aws_lc_rs::error::Unspecified;
use chrono::{DateTime, TimeDelta, Utc};
use k8s_openapi::ByteString;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::ServerName;

use super::{AUTHORITY_KEY, CERTIFICATE_KEY, PATH_KEY, PRIVATE_KEY_KEY};

pub(super) const AUTHORITY_LIFE: TimeDelta = TimeDelta::days(3650);
pub(super) const SERVING_LIFE: TimeDelta = TimeDelta::days(90);
/// For callers whose clock is behind ours.
const BACKDATED: TimeDelta = TimeDelta::hours(1);

/// Why nothing could be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The certificate library refused.
    #[error("cannot issue a certificate")]
    Issue(#[from] rcgen::Error),
    /// There was no randomness.
    #[error("cannot get random bytes")]
    Random(#[from] Unspecified),
    /// A name that certificates cannot hold.
    #[error("a certificate cannot name the webhook's host")]
    Name,
}

/// An authority with its private key, in PEM. It has no `Debug`.
pub(super) struct Authority {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    /// A new one that can sign serving certificates and nothing below them.
    pub(super) fn create(now: DateTime<Utc>) -> Result<Self, IssueError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("bonafide webhook authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, now, AUTHORITY_LIFE);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// The data of the authority's Secret.
    pub(super) fn data(&self) -> BTreeMap<String, ByteString> {
        let values = [(CERTIFICATE_KEY, &self.certificate), (PRIVATE_KEY_KEY, &self.key)];
        values.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.clone().into_bytes()))).collect()
    }
}

/// The data of a serving Secret with a new key and certificate for `names`.
pub(super) fn serving_data(
    authority: &Authority,
    names: &[ServerName<'static>],
    path: String,
    now: DateTime<Utc>,
) -> Result<BTreeMap<String, ByteString>, IssueError> {
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, KeyPair::from_pem(&authority.key)?)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("bonafide webhook");
    params.subject_alt_names = names.iter().map(subject).collect::<Result<_, _>>()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now, SERVING_LIFE);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    let values = [
        (CERTIFICATE_KEY, certificate.pem()),
        (PRIVATE_KEY_KEY, key.serialize_pem()),
        (AUTHORITY_KEY, authority.certificate.clone()),
        (PATH_KEY, path),
    ];
    Ok(values.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes()))).collect())
}

/// A path segment of 256 random bits.
pub(super) fn random_path() -> Result<String, IssueError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    Ok(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn subject(name: &ServerName<'static>) -> Result<SanType, IssueError> {
    match name {
        ServerName::DnsName(name) => Ok(SanType::DnsName(name.as_ref().try_into()?)),
        ServerName::IpAddress(address) => Ok(SanType::IpAddress(IpAddr::from(*address))),
        _ => Err(IssueError::Name),
    }
}

fn set_validity(params: &mut CertificateParams, now: DateTime<Utc>, life: TimeDelta) {
    params.not_before = SystemTime::from(now - BACKDATED).into();
    params.not_after = SystemTime::from(now + life).into();
}
