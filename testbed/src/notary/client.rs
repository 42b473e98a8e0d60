//! The real notary client of one publisher: keys in a directory of its own, passphrases in the environment.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::KeyPair;
use serde_json::Value;

use super::Endpoint;
use crate::authority::Authority;
use crate::directory::Directory;
use crate::images::Image;
use crate::tools;

/// Protects keys that live for a test.
const PASSPHRASE: &str = "a passphrase";

/// A publisher. The root key is one for all of its repositories, as the client has it.
#[derive(Debug)]
pub struct NotaryClient {
    program: PathBuf,
    endpoint: Endpoint,
    credentials: Option<String>,
    directory: Directory,
}

/// The roles that every repository has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustRole {
    /// Says which keys all roles have.
    Root,
    /// Signs tags, and says who else may.
    Targets,
    /// Signs which files belong together.
    Snapshot,
    /// Signs that they are the newest.
    Timestamp,
}

/// A key of somebody to whom signing may be delegated; the client has its private half.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Its public half, SPKI in PEM.
    pub public_pem: String,
    public: PathBuf,
}

impl NotaryClient {
    /// A publisher at this server, without keys.
    pub fn new(endpoint: Endpoint) -> Result<Self> {
        Self::in_directory(endpoint, Directory::temporary()?)
    }

    /// As [`NotaryClient::new`], with a directory of one's own.
    pub fn in_directory(endpoint: Endpoint, directory: Directory) -> Result<Self> {
        Ok(Self { program: tools::NOTARY.path()?, endpoint, credentials: None, directory })
    }

    /// Says who it is when it is asked.
    #[must_use]
    pub fn as_user(self, name: &str, password: &str) -> Self {
        Self { credentials: Some(STANDARD.encode(format!("{name}:{password}"))), ..self }
    }

    /// The same publisher, with all its keys, who has forgotten what servers had.
    pub fn with_fresh_memory(&self) -> Result<Self> {
        let directory = Directory::temporary()?;
        let (from, to) = (self.directory.path().join("private"), directory.path().join("private"));
        std::fs::create_dir_all(&to)?;
        for key in std::fs::read_dir(&from).with_context(|| format!("no keys in {}", from.display()))? {
            let key = key?;
            std::fs::copy(key.path(), to.join(key.file_name()))?;
        }
        Ok(Self { program: self.program.clone(), endpoint: self.endpoint.clone(), credentials: self.credentials.clone(), directory })
    }

    /// Where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Begins a repository (`HOST/PATH`) without tags, whose snapshots the server signs, as `docker trust` has it.
    pub fn init(&self, repository: &str) -> Result<()> {
        self.run(&["init", "-p", repository])?;
        self.rotate(repository, TrustRole::Snapshot)
    }

    /// As [`NotaryClient::init`], with a new root key that an authority has certified for the repository.
    pub fn init_under(&self, authority: &Authority, repository: &str) -> Result<()> {
        let pair = KeyPair::generate()?;
        let (key, certificate) = (self.file("root", &pair.serialize_pem())?, self.file("root", &authority.certify(repository, &pair)?)?);
        self.run(&["key", "import", &key.display().to_string(), "--role", "root"])?;
        self.run(&["init", "-p", "--rootcert", &certificate.display().to_string(), repository])?;
        self.rotate(repository, TrustRole::Snapshot)
    }

    /// Signs the image's tag as each of these roles, `targets` if there are none, and publishes it.
    pub fn sign(&self, image: &Image, roles: &[&str]) -> Result<()> {
        let digest = image.digest.strip_prefix("sha256:").context("a digest that is not sha256")?;
        let size = image.manifest_size()?.to_string();
        let roles = roles.iter().flat_map(|role| ["-r", role]);
        let mut arguments = vec!["addhash", "-p", &image.repository, &image.tag, &size, "--sha256", digest];
        arguments.extend(roles);
        self.run(&arguments).map(|_| ())
    }

    /// Takes a tag out of these roles, and publishes that.
    pub fn withdraw(&self, image: &Image, roles: &[&str]) -> Result<()> {
        let mut arguments = vec!["remove", "-p", &image.repository, &image.tag];
        arguments.extend(roles.iter().flat_map(|role| ["-r", role]));
        self.run(&arguments).map(|_| ())
    }

    /// Makes a key with which somebody called `name` signs as a role such as `targets/build`.
    pub fn signer(&self, name: &str, role: &str) -> Result<Signer> {
        let pair = KeyPair::generate()?;
        let (private, public) = (self.file(name, &pair.serialize_pem())?, self.file(name, &pair.public_key_pem())?);
        self.run(&["key", "import", &private.display().to_string(), "--role", role])?;
        Ok(Signer { public_pem: pair.public_key_pem(), public })
    }

    /// Lets a signer sign every tag as a role; answers the ID of the key.
    pub fn delegate(&self, repository: &str, role: &str, signer: &Signer) -> Result<String> {
        let public = signer.public.display().to_string();
        let told = self.run(&["delegation", "add", "--all-paths", "-p", repository, role, &public])?;
        let id = told.split_once("with keys [").and_then(|(_, rest)| rest.split_once(']'));
        Ok(id.with_context(|| format!("no key ID in: {told}"))?.0.to_owned())
    }

    /// Takes a role back from everybody.
    pub fn undelegate(&self, repository: &str, role: &str) -> Result<()> {
        self.run(&["delegation", "remove", "-y", "-p", repository, role]).map(|_| ())
    }

    /// Takes a role back from the key with this ID.
    pub fn undelegate_key(&self, repository: &str, role: &str, id: &str) -> Result<()> {
        self.run(&["delegation", "remove", "-y", "-p", repository, role, id]).map(|_| ())
    }

    /// Gives a role of the repository a new key. Those of snapshots and timestamps are the server's.
    pub fn rotate(&self, repository: &str, role: TrustRole) -> Result<()> {
        let arguments: &[&str] = match role {
            TrustRole::Root => &["key", "rotate", repository, "root"],
            TrustRole::Targets => &["key", "rotate", repository, "targets"],
            TrustRole::Snapshot => &["key", "rotate", "-r", repository, "snapshot"],
            TrustRole::Timestamp => &["key", "rotate", "-r", repository, "timestamp"],
        };
        self.run(arguments).map(|_| ())
    }

    /// What a client that knows nothing yet finds in these roles: name, digest, size and role per line.
    pub fn list(&self, repository: &str, roles: &[&str]) -> Result<String> {
        self.list_in(&Directory::temporary()?, repository, roles)
    }

    /// The ID that Notary gives the root key that a client which knows nothing yet finds.
    pub fn root_key_id(&self, repository: &str) -> Result<String> {
        let directory = Directory::temporary()?;
        self.list_in(&directory, repository, &[])?;
        let path = directory.path().join("tuf").join(repository).join("metadata").join("root.json");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let root: Value = serde_json::from_str(&text)?;
        let id = root.pointer("/signed/roles/root/keyids/0").and_then(Value::as_str);
        Ok(id.context("a root without a key")?.to_owned())
    }

    fn list_in(&self, directory: &Directory, repository: &str, roles: &[&str]) -> Result<String> {
        let mut arguments = vec!["list", repository];
        arguments.extend(roles.iter().flat_map(|role| ["-r", role]));
        self.run_in(directory, &arguments)
    }

    /// Writes a file that belongs to somebody.
    fn file(&self, name: &str, pem: &str) -> Result<PathBuf> {
        let (mut file, path) = tempfile::Builder::new().prefix(name).suffix(".pem").tempfile_in(self.directory.path())?.keep()?;
        file.write_all(pem.as_bytes())?;
        Ok(path)
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_in(&self.directory, arguments)
    }

    fn run_in(&self, directory: &Directory, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(["-s", &self.endpoint.url, "--tlscacert"]).arg(&self.endpoint.authority);
        command.arg("-d").arg(directory.path()).args(arguments).env("HOME", directory.path());
        for role in ["ROOT", "TARGETS", "SNAPSHOT", "DELEGATION"] {
            command.env(format!("NOTARY_{role}_PASSPHRASE"), PASSPHRASE);
        }
        command.envs(self.credentials.iter().map(|credentials| ("NOTARY_AUTH", credentials)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // Asked only before the root key is rotated; who is not asked may be gone already.
            let _ = stdin.write_all(b"yes\n");
        }
        let output = child.wait_with_output()?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("notary {}: {}{}", arguments.join(" "), told, String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(told)
    }
}
