//! The server of tokens that a Notary server sends clients to, at one address with it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::{Endpoint, serve, until_listening};
use crate::authority::{Authority, Certified};
use crate::directory::Directory;
use crate::ports::free_port;
use crate::process::Process;
use crate::tools;

const ISSUER: &str = "testbed";
/// How long a usual token lives, in seconds.
const USUAL: i64 = 300;
/// Twice the leeway that servers give, in the past.
const EXPIRED: i64 = -120;

/// Gives tokens to users with a password, for whatever they ask, and passes other requests on to the Notary server that
/// was started for its users. It ends with this value.
#[derive(Debug)]
pub struct TokenServer {
    port: u16,
    behind: u16,
    certified: Certified,
    authority: Arc<Authority>,
    file: PathBuf,
    users: Mutex<Map<String, Value>>,
    _process: Process,
    _directory: Directory,
}

impl TokenServer {
    /// One without users.
    pub fn start() -> Result<Self> {
        let directory = Directory::temporary()?;
        let authority = Arc::new(Authority::new(directory.path())?);
        let certified = authority.issue("tokens")?;
        let (port, behind, file) = (free_port()?, free_port()?, directory.path().join("users.json"));
        std::fs::write(&file, "{}")?;
        let mut command = Command::new(tools::NOTARY_TOKENS.path()?);
        serve(&mut command, port, &certified);
        command.args(["-issuer", ISSUER, "-users"]).arg(&file);
        command.args(["-server", &Endpoint::on(behind, authority.certificate()).url, "-ca"]).arg(authority.certificate());
        let mut process = Process::start("tokens", command, &directory.path().join("tokens.log"))?;
        until_listening("tokens", port, &mut process)?;
        Ok(Self { port, behind, certified, authority, file, users: Mutex::default(), _process: process, _directory: directory })
    }

    /// Where clients are sent to.
    pub fn realm(&self) -> String {
        format!("{}/token", self.endpoint().url)
    }

    /// The address of both servers, and the authority of both.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::on(self.port, self.authority.certificate())
    }

    /// A user whose tokens are good, with this password from now on.
    pub fn admit(&self, name: &str, password: &str) -> Result<()> {
        self.edit(|users| users.insert(name.to_owned(), json!({"password": password, "seconds": USUAL})))
    }

    /// A user whose tokens have expired when they arrive.
    pub fn admit_too_late(&self, name: &str, password: &str) -> Result<()> {
        self.edit(|users| users.insert(name.to_owned(), json!({"password": password, "seconds": EXPIRED})))
    }

    /// From now on no password of the user is right.
    pub fn expel(&self, name: &str) -> Result<()> {
        self.edit(|users| users.remove(name))
    }

    /// Where the Notary server must be, and who issues its certificate.
    pub(super) fn behind(&self) -> (u16, Arc<Authority>) {
        (self.behind, self.authority.clone())
    }

    /// What a Notary server is told so that it asks for our tokens.
    pub(super) fn as_asked_for(&self) -> Value {
        let options = json!({"realm": self.realm(), "service": "notary", "issuer": ISSUER, "rootcertbundle": self.certified.certificate});
        json!({"type": "token", "options": options})
    }

    fn edit(&self, change: impl FnOnce(&mut Map<String, Value>) -> Option<Value>) -> Result<()> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut users);
        // Renamed into place: the server reads the file at any moment.
        let unfinished = self.file.with_extension("unfinished");
        std::fs::write(&unfinished, serde_json::to_string(&*users)?)?;
        std::fs::rename(&unfinished, &self.file).with_context(|| format!("cannot write {}", self.file.display()))
    }
}
