//! What stands before a Notary server, as a proxy does, and can answer from a backup in its place.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Endpoint, NotaryServer, serve, until_listening};
use crate::directory::Directory;
use crate::ports::free_port;
use crate::process::{Detached, Process};
use crate::registry::{Request, parse_plain};
use crate::tools;

/// A front of one server, with an address of its own; it ends with this value.
#[derive(Debug)]
pub struct NotaryFront {
    endpoint: Endpoint,
    process: Process,
    directory: Directory,
}

/// All files of one repository that somebody had read when it was taken, byte for byte.
#[derive(Debug)]
pub struct Backup(PathBuf);

impl NotaryFront {
    /// Stands before `server` with a certificate of the same authority.
    pub fn before(server: &NotaryServer) -> Result<Self> {
        Self::before_in(server, Directory::temporary()?)
    }

    /// As [`NotaryFront::before`], with a directory of one's own.
    pub fn before_in(server: &NotaryServer, directory: Directory) -> Result<Self> {
        let (port, behind) = (free_port()?, server.endpoint());
        let mut command = Command::new(tools::NOTARY_FRONT.path()?);
        serve(&mut command, port, &server.issue(&format!("front-{port}"))?);
        command.args(["-server", &behind.url, "-ca"]).arg(&behind.authority);
        command.arg("-directory").arg(directory.path()).arg("-log").arg(directory.path().join("requests.log"));
        let mut process = Process::start("front", command, &directory.path().join("front.log"))?;
        until_listening("front", port, &mut process)?;
        Ok(Self { endpoint: Endpoint::on(port, behind.authority), process, directory })
    }

    /// Where clients find it.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Keeps what was answered about a repository so far.
    pub fn back_up(&self, repository: &str) -> Result<Backup> {
        let number = std::fs::read_dir(self.directory.path())?.count();
        let backup = self.directory.path().join(format!("backup-{number}"));
        copy(&self.folder("answered", repository), &backup)?;
        Ok(Backup(backup))
    }

    /// From now on answers about the repository come from a backup, as from a server that was restored from it.
    pub fn restore(&self, repository: &str, backup: &Backup) -> Result<()> {
        self.go_on(repository)?;
        let folder = self.folder("restored", repository);
        let unfinished = folder.with_extension("unfinished");
        copy(&backup.0, &unfinished)?;
        Ok(std::fs::rename(unfinished, folder)?)
    }

    /// From now on answers about the repository come from the server again.
    pub fn go_on(&self, repository: &str) -> Result<()> {
        let folder = self.folder("restored", repository);
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        Ok(())
    }

    /// All requests so far about a repository, in the order of their answers.
    pub fn requests(&self, repository: &str) -> Result<Vec<Request>> {
        let text = std::fs::read_to_string(self.directory.path().join("requests.log"))?;
        let prefix = format!("/v2/{repository}/_trust/");
        Ok(text.lines().filter_map(parse_plain).filter(|request| request.path.starts_with(&prefix)).collect())
    }

    /// Lets it outlive this process.
    pub fn detach(self) -> Result<Detached> {
        self.process.detach()
    }

    fn folder(&self, what: &str, repository: &str) -> PathBuf {
        self.directory.path().join(what).join(repository.replace('/', "%2F"))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    let files = std::fs::read_dir(from).with_context(|| format!("nothing was answered that is in {}", from.display()))?;
    for file in files {
        let file = file?;
        std::fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
