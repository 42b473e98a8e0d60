//! A Notary server and a publisher, with the commands that the publisher types.

use std::path::Path;

use anyhow::Result;
use testbed::{Backup, Detached, Directory, Endpoint, Image, NotaryClient, NotaryFront, NotaryServer};

use super::narrator::{explain, show_command};

/// The role that the policy of the demo demands beside `targets`.
const BUILD: &str = "targets/build";

/// Docker Content Trust of one publisher.
pub(super) struct Trust {
    front: NotaryFront,
    server: NotaryServer,
    client: NotaryClient,
}

impl Trust {
    /// Starts the server; keys of the publisher go into `directory`.
    pub(super) fn start(directory: &Path) -> Result<Self> {
        let server = NotaryServer::start_in(Directory::kept(directory.join("notary"))?)?;
        let front = NotaryFront::before_in(&server, Directory::kept(directory.join("notary-front"))?)?;
        let client = NotaryClient::in_directory(front.endpoint(), Directory::kept(directory.join("publisher"))?)?;
        explain(&format!("server:     {} (Notary with its signer; a front before it can restore a backup)", front.endpoint().url));
        explain(&format!("authority:  {}", front.endpoint().authority.display()));
        explain(&format!("notary:     {}", client.program().display()));
        Ok(Self { front, server, client })
    }

    /// Where the operator finds it.
    pub(super) fn endpoint(&self) -> Endpoint {
        self.front.endpoint()
    }

    /// Begins a repository in which a build system signs beside the publisher.
    pub(super) fn begin(&self, repository: &str) -> Result<()> {
        self.show(&format!("init -p {repository}"));
        self.show(&format!("key rotate {repository} snapshot -r"));
        self.client.init(repository)?;
        let signer = self.client.signer("build", BUILD)?;
        self.show(&format!("delegation add -p {repository} {BUILD} build.pub --all-paths"));
        let key = self.client.delegate(repository, BUILD, &signer)?;
        explain(&format!("{BUILD} may sign with the key {key}"));
        Ok(())
    }

    /// Signs a tag as the publisher, and as the build system where it agrees.
    pub(super) fn sign(&self, image: &Image, with_build: bool) -> Result<()> {
        let roles: &[&str] = if with_build { &["targets", BUILD] } else { &["targets"] };
        let digest = image.digest.trim_start_matches("sha256:");
        let shown = roles.join(",");
        self.show(&format!("addhash -p {} {} {} --sha256 {digest} -r {shown}", image.repository, image.tag, image.manifest_size()?));
        self.client.sign(image, roles)
    }

    /// Keeps what the server has answered so far.
    pub(super) fn back_up(&self, repository: &str) -> Result<Backup> {
        self.front.back_up(repository)
    }

    /// The server is restored from a backup.
    pub(super) fn restore(&self, repository: &str, backup: &Backup) -> Result<()> {
        self.front.restore(repository, backup)
    }

    /// The server has everything again.
    pub(super) fn go_on(&self, repository: &str) -> Result<()> {
        self.front.go_on(repository)
    }

    /// Lets all of it outlive this process.
    pub(super) fn detach(self) -> Result<Vec<Detached>> {
        let mut processes = vec![self.front.detach()?];
        processes.extend(self.server.detach()?);
        Ok(processes)
    }

    fn show(&self, arguments: &str) {
        show_command(&format!("notary -s {} --tlscacert ca.crt -d publisher {arguments}", self.front.endpoint().url));
    }
}
