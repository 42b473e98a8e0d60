//! The real cosign, offline: key pairs, signatures in both formats, attestations.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};

use crate::directory::Directory;
use crate::images::Image;
use crate::tools;

/// What kind of key a signer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256, cosign's own default.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with 3072 bits.
    Rsa,
}

/// How a signature lies in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A Sigstore bundle, found by the referrers API or the `sha256-<hex>` tag.
    Bundle,
    /// A layer of the image tagged `sha256-<hex>.sig` (`.att` for attestations).
    Legacy,
}

/// A key pair of a signer.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its public half, SPKI in PEM.
    pub public_pem: String,
    private: PathBuf,
}

/// Runs cosign with keys in a directory.
#[derive(Debug)]
pub struct Cosign {
    program: PathBuf,
    directory: Directory,
}

impl Cosign {
    /// Keys go into a temporary directory.
    pub fn new() -> Result<Self> {
        Self::in_directory(Directory::temporary()?)
    }

    /// Keys go into `directory`.
    pub fn in_directory(directory: Directory) -> Result<Self> {
        Ok(Self { program: tools::COSIGN.path()?, directory })
    }

    /// Where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Makes a P-256 key pair called `name` (`NAME.key`, `NAME.pub`) as `cosign generate-key-pair` does.
    pub fn key(&self, name: &str) -> Result<Key> {
        self.key_of(name, Algorithm::P256)
    }

    /// Makes a key pair of another kind and has cosign import it.
    pub fn key_of(&self, name: &str, algorithm: Algorithm) -> Result<Key> {
        let prefix = self.directory.path().join(name).display().to_string();
        let pair = match algorithm {
            Algorithm::P256 => None,
            Algorithm::P384 => Some(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?),
            Algorithm::Ed25519 => Some(KeyPair::generate_for(&PKCS_ED25519)?),
            Algorithm::Rsa => Some(KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072)?),
        };
        match pair {
            None => self.run(&["generate-key-pair", "--output-key-prefix", &prefix])?,
            Some(pair) => self.import(&prefix, &pair)?,
        }
        let public_pem = std::fs::read_to_string(format!("{prefix}.pub")).context("cosign wrote no public key")?;
        Ok(Key { public_pem, private: format!("{prefix}.key").into() })
    }

    fn import(&self, prefix: &str, pair: &KeyPair) -> Result<()> {
        let plain = format!("{prefix}.pem");
        std::fs::write(&plain, pair.serialize_pem())?;
        self.run(&["import-key-pair", "--key", &plain, "--output-key-prefix", prefix, "-y"])
    }

    /// Signs an image by its digest.
    pub fn sign(&self, key: &Key, image: &Image, format: Format) -> Result<()> {
        self.sign_with(key, image, format, &[])
    }

    /// Signs an image by its digest with further arguments, such as `-a key=value`.
    pub fn sign_with(&self, key: &Key, image: &Image, format: Format, further: &[&str]) -> Result<()> {
        self.write("sign", key, image, format, further)
    }

    /// Attests a predicate (JSON) of a type (a URI or a short name of cosign's) to an image.
    pub fn attest(&self, key: &Key, image: &Image, format: Format, kind: &str, predicate: &str) -> Result<()> {
        let file = tempfile::NamedTempFile::new_in(self.directory.path())?;
        std::fs::write(file.path(), predicate)?;
        let path = file.path().display().to_string();
        self.write("attest", key, image, format, &["--type", kind, "--predicate", &path])
    }

    fn write(&self, what: &str, key: &Key, image: &Image, format: Format, further: &[&str]) -> Result<()> {
        let private = key.private.display().to_string();
        let image = image.by_digest();
        let bundle = format!("--new-bundle-format={}", format == Format::Bundle);
        let mut arguments = vec![what, "--key", &private, "--tlog-upload=false", "--use-signing-config=false"];
        arguments.extend(["--allow-http-registry=true", "-y", &bundle]);
        arguments.extend(further);
        arguments.push(&image);
        self.run(&arguments)
    }

    /// Runs cosign with nobody's credentials or cached trust material; key passwords are empty.
    pub fn run(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.program);
        let home = self.directory.path();
        command.env("COSIGN_PASSWORD", "").env("HOME", home).env("DOCKER_CONFIG", home).env("TUF_ROOT", home);
        let output = command.args(arguments).output();
        let output = output.with_context(|| format!("cannot start {}", self.program.display()))?;
        if !output.status.success() {
            bail!("cosign {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(())
    }
}
