//! What the leader must do about the two Secrets, decided from their content and the time alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use k8s_openapi::ByteString;
use rcgen::KeyPair;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::issue::{Authority, SERVING_LIFE};
use super::material::{self, is_unguessable};
use super::{AUTHORITY_KEY, CERTIFICATE_KEY, PATH_KEY, PRIVATE_KEY_KEY};

type Data = BTreeMap<String, ByteString>;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Both Secrets serve.
    Keep,
    /// A new serving certificate by the authority that exists.
    RenewServing(Cause),
    /// A new authority, and a serving certificate by it.
    NewAuthority(Cause),
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// There is none.
    Absent,
    /// It cannot be used as it is.
    Unusable,
    /// Its life is nearly over, or has not begun.
    Expiring,
    /// It is not valid for the webhook's names under the authority.
    Unfit,
}

/// Judges the authority, and the serving certificate as a caller would a third of its life from now.
pub(super) fn plan(authority: Option<&Data>, serving: Option<&Data>, names: &[ServerName<'static>], now: DateTime<Utc>) -> Plan {
    let certificate = match authority.ok_or(Cause::Absent).and_then(|data| usable_authority(data, now)) {
        Ok(certificate) => certificate,
        Err(cause) => return Plan::NewAuthority(cause),
    };
    match serving.ok_or(Cause::Absent).and_then(|data| usable_serving(data, &certificate, names, now)) {
        Ok(()) => Plan::Keep,
        Err(cause) => Plan::RenewServing(cause),
    }
}

/// The authority that a plan found usable, to sign with.
pub(super) fn authority(data: &Data) -> Option<Authority> {
    Some(Authority { certificate: material::text(data, CERTIFICATE_KEY).ok()?, key: material::text(data, PRIVATE_KEY_KEY).ok()? })
}

/// The path that callers use now, which a renewal keeps.
pub(super) fn path(serving: Option<&Data>) -> Option<String> {
    serving.and_then(|data| material::text(data, PATH_KEY).ok()).filter(|path| is_unguessable(path))
}

fn usable_authority(data: &Data, now: DateTime<Utc>) -> Result<CertificateDer<'static>, Cause> {
    let Ok([certificate]) = <[_; 1]>::try_from(material::certificates(data, CERTIFICATE_KEY).map_err(|_| Cause::Unusable)?) else {
        return Err(Cause::Unusable);
    };
    let key = material::text(data, PRIVATE_KEY_KEY).ok().and_then(|pem| KeyPair::from_pem(&pem).ok()).ok_or(Cause::Unusable)?;
    let parsed = Certificate::from_der(&certificate).map_err(|_| Cause::Unusable)?;
    if parsed.tbs_certificate.subject_public_key_info.subject_public_key.as_bytes() != Some(rcgen::PublicKeyData::der_bytes(&key)) {
        return Err(Cause::Unusable);
    }
    // It must outlive what it signs.
    in_force(&parsed, now, now + SERVING_LIFE)?;
    Ok(certificate)
}

fn usable_serving(
    data: &Data,
    authority: &CertificateDer<'static>,
    names: &[ServerName<'static>],
    now: DateTime<Utc>,
) -> Result<(), Cause> {
    let unusable = |_| Cause::Unusable;
    let secret = k8s_openapi::api::core::v1::Secret { data: Some(data.clone()), ..Default::default() };
    material::ServingMaterial::from_secret(&secret).map_err(unusable)?;
    if material::certificates(data, AUTHORITY_KEY).map_err(unusable)? != [authority.clone()] {
        return Err(Cause::Unfit);
    }
    let chain = material::certificates(data, CERTIFICATE_KEY).map_err(unusable)?;
    let (leaf, intermediates) = chain.split_first().ok_or(Cause::Unusable)?;
    in_force(&Certificate::from_der(leaf).map_err(|_| Cause::Unusable)?, now, now + SERVING_LIFE / 3)?;
    if fits(leaf, intermediates, authority, names, now) { Ok(()) } else { Err(Cause::Unfit) }
}

fn in_force(certificate: &Certificate, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<(), Cause> {
    let validity = certificate.tbs_certificate.validity;
    let begins = DateTime::<Utc>::from(validity.not_before.to_system_time());
    let ends = DateTime::<Utc>::from(validity.not_after.to_system_time());
    if begins <= from && until < ends { Ok(()) } else { Err(Cause::Expiring) }
}

/// Whether a caller that trusts the authority accepts the certificate for every name.
fn fits(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    authority: &CertificateDer<'static>,
    names: &[ServerName<'static>],
    now: DateTime<Utc>,
) -> bool {
    let mut roots = RootCertStore::empty();
    if roots.add(authority.clone()).is_err() {
        return false;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build() else { return false };
    let Ok(now) = u64::try_from(now.timestamp()) else { return false };
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
    names.iter().all(|name| verifier.verify_server_cert(leaf, intermediates, name, &[], now).is_ok())
}

#[cfg(test)]
mod tests;
