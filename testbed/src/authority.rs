//! A private certificate authority, as a company has one for its own servers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// Names of every server on this machine.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// Issues certificates into a directory, which has its own as `ca.crt`.
#[derive(Debug)]
pub struct Authority {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// Certificate and key of one server, which may be a client too.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The certificate as a PEM file.
    pub certificate: PathBuf,
    /// Its key as a PEM file, on P-256.
    pub key: PathBuf,
}

impl Authority {
    /// Makes one that nobody trusts yet.
    pub fn new(directory: &Path) -> Result<Self> {
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.distinguished_name.push(DnType::CommonName, "a private authority");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        write(&directory.join("ca.crt"), &parameters.self_signed(&key)?.pem())?;
        Ok(Self { directory: directory.to_owned(), issuer: Issuer::new(parameters, key) })
    }

    /// Its own certificate as a PEM file.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// Issues `NAME.crt` and `NAME.key` for a program on loopback.
    pub fn issue(&self, name: &str) -> Result<Certified> {
        self.issue_for(name, &[])
    }

    /// As [`Authority::issue`], for a server that has further names.
    pub(crate) fn issue_for(&self, name: &str, further: &[&str]) -> Result<Certified> {
        let names = NAMES.iter().chain(further).map(|name| (*name).to_owned());
        let mut parameters = CertificateParams::new(names.collect::<Vec<_>>())?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let pair = KeyPair::generate()?;
        let certified =
            Certified { certificate: self.directory.join(format!("{name}.crt")), key: self.directory.join(format!("{name}.key")) };
        write(&certified.certificate, &parameters.signed_by(&pair, &self.issuer)?.pem())?;
        write(&certified.key, &pair.serialize_pem())?;
        Ok(certified)
    }

    /// Certifies the key of a publisher for a name, which is not a server's; answers the certificate in PEM.
    pub(crate) fn certify(&self, name: &str, pair: &KeyPair) -> Result<String> {
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        Ok(parameters.signed_by(pair, &self.issuer)?.pem())
    }
}

pub(crate) fn write(path: &Path, content: &str) -> Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}
