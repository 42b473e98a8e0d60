//! Keys and certificates of the control plane, and keys of signers that cosign imports.

use std::path::Path;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Names under which clients on this machine and webhooks meet the API server.
const SERVER_NAMES: [&str; 4] = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default.svc"];

/// Writes `ca.crt`, `server.crt`, `server.key`, and the key pair of service account tokens, `sa.key` and `sa.pub`.
pub(crate) fn write_control_plane(directory: &Path) -> Result<()> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_certificate = ca.self_signed(&ca_key)?;

    let server_key = KeyPair::generate()?;
    let server = CertificateParams::new(SERVER_NAMES.map(str::to_owned))?;
    let server_certificate = server.signed_by(&server_key, &Issuer::new(ca, ca_key))?;

    let tokens = KeyPair::generate()?;
    write(directory, "ca.crt", &ca_certificate.pem())?;
    write(directory, "server.crt", &server_certificate.pem())?;
    write(directory, "server.key", &server_key.serialize_pem())?;
    write(directory, "sa.key", &tokens.serialize_pem())?;
    write(directory, "sa.pub", &tokens.public_key_pem())
}

fn write(directory: &Path, name: &str, content: &str) -> Result<()> {
    let path = directory.join(name);
    std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
}
