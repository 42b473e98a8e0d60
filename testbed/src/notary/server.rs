//! A Notary server at an address that outlives what it knows.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Endpoint, TokenServer, serve, until_listening};
use crate::authority::{Authority, Certified};
use crate::directory::Directory;
use crate::ports::free_port;
use crate::process::{Detached, Process};
use crate::tools;

/// A server that keeps everything in memory: whoever starts it again has an empty one. It ends with this value.
#[derive(Debug)]
pub struct NotaryServer {
    port: u16,
    kind: Kind,
    certified: Certified,
    authority: Arc<Authority>,
    processes: Mutex<Vec<Process>>,
    directory: Directory,
}

#[derive(Debug)]
enum Kind {
    /// notary-server, whose keys are in notary-signer on another port.
    Real { signer: u16 },
    /// The server's API with timestamps that live for so long.
    Brief(Duration),
}

impl NotaryServer {
    /// The real server and signer, which know each other by certificates and make P-256 keys; everybody may read and write.
    pub fn start() -> Result<Self> {
        Self::start_in(Directory::temporary()?)
    }

    /// As [`NotaryServer::start`], with a directory of one's own.
    pub fn start_in(directory: Directory) -> Result<Self> {
        Self::with(directory, Kind::Real { signer: free_port()? }, None)
    }

    /// As [`NotaryServer::start`], for those with a token only. One per token server.
    pub fn start_for_users_of(tokens: &TokenServer) -> Result<Self> {
        Self::with(Directory::temporary()?, Kind::Real { signer: free_port()? }, Some(tokens))
    }

    /// One whose timestamps live for `timestamp` and not for two weeks.
    pub fn start_brief(timestamp: Duration) -> Result<Self> {
        Self::with(Directory::temporary()?, Kind::Brief(timestamp), None)
    }

    fn with(directory: Directory, kind: Kind, tokens: Option<&TokenServer>) -> Result<Self> {
        let (port, authority) = match tokens {
            Some(tokens) => tokens.behind(),
            None => (free_port()?, Arc::new(Authority::new(directory.path())?)),
        };
        let certified = authority.issue("notary-server")?;
        if let Kind::Real { signer } = kind {
            let certificates = (&certified, &authority.issue("notary-signer")?);
            configure(directory.path(), (port, signer), certificates, &authority.certificate(), tokens)?;
        }
        let server = Self { port, kind, certified, authority, processes: Mutex::default(), directory };
        server.start_again()?;
        Ok(server)
    }

    /// Where clients find it, now and after it was replaced.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::on(self.port, self.authority.certificate())
    }

    /// Issues a certificate of the same authority for another server on loopback.
    pub fn issue(&self, name: &str) -> Result<Certified> {
        self.authority.issue(name)
    }

    /// Ends it and its signer as a crash would; everything that it knew is gone.
    pub fn stop(&self) {
        self.held().clear();
    }

    /// Starts an empty one with new keys at the same address, in place of what runs.
    pub fn start_again(&self) -> Result<()> {
        let mut held = self.held();
        held.clear();
        if let Kind::Real { signer } = self.kind {
            held.push(self.run("notary-signer", signer, self.configured("notary-signer", tools::NOTARY_SIGNER)?)?);
        }
        let command = match self.kind {
            Kind::Real { .. } => self.configured("notary-server", tools::NOTARY_SERVER)?,
            Kind::Brief(timestamp) => {
                let mut command = Command::new(tools::NOTARY_BRIEF.path()?);
                serve(&mut command, self.port, &self.certified);
                command.arg("-timestamp").arg(format!("{}ms", timestamp.as_millis()));
                command
            }
        };
        held.push(self.run("notary-server", self.port, command)?);
        Ok(())
    }

    /// Lets all of it outlive this process.
    pub fn detach(self) -> Result<Vec<Detached>> {
        std::mem::take(&mut *self.held()).into_iter().map(Process::detach).collect()
    }

    fn configured(&self, name: &str, tool: tools::Tool) -> Result<Command> {
        let mut command = Command::new(tool.path()?);
        command.arg("-config").arg(self.directory.path().join(format!("{name}.json")));
        Ok(command)
    }

    fn run(&self, name: &str, port: u16, command: Command) -> Result<Process> {
        let mut process = Process::start(name, command, &self.directory.path().join(format!("{name}.log")))?;
        until_listening(name, port, &mut process)?;
        Ok(process)
    }

    fn held(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes `notary-server.json` and `notary-signer.json`.
fn configure(
    directory: &Path,
    (port, signer_port): (u16, u16),
    (server, signer): (&Certified, &Certified),
    authority: &Path,
    tokens: Option<&TokenServer>,
) -> Result<()> {
    let signer = json!({
        "server": {
            "grpc_addr": format!("127.0.0.1:{signer_port}"),
            "tls_cert_file": signer.certificate, "tls_key_file": signer.key, "client_ca_file": authority,
        },
        "storage": {"backend": "memory"},
    });
    let mut server = json!({
        "server": {"http_addr": format!("127.0.0.1:{port}"), "tls_cert_file": server.certificate, "tls_key_file": server.key},
        "trust_service": {
            "type": "remote", "hostname": "127.0.0.1", "port": signer_port.to_string(), "key_algorithm": "ecdsa",
            "tls_ca_file": authority, "tls_client_cert": server.certificate, "tls_client_key": server.key,
        },
        "storage": {"backend": "memory"},
    });
    if let (Some(tokens), Some(members)) = (tokens, server.as_object_mut()) {
        members.insert("auth".to_owned(), tokens.as_asked_for());
    }
    let write = |name: &str, content: &Value| std::fs::write(directory.join(name), format!("{content:#}"));
    write("notary-signer.json", &signer)?;
    Ok(write("notary-server.json", &server)?)
}
