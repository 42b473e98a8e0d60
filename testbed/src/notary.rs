//! Docker Content Trust with its real parts: a Notary server and its signer under a private authority, and the client.
//!
//! Beside them two programs of ours: a front that can restore a backup, and a server of tokens.

mod client;
mod front;
mod server;
mod tokens;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

pub use client::{NotaryClient, Signer, TrustRole};
pub use front::{Backup, NotaryFront};
pub use server::NotaryServer;
pub use tokens::TokenServer;

use crate::authority::Certified;
use crate::ports::accepts;
use crate::process::Process;
use crate::wait;

/// How a server is reached.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    /// The authority of its certificate, as a PEM file.
    pub authority: PathBuf,
}

impl Endpoint {
    fn on(port: u16, authority: PathBuf) -> Self {
        Self { url: format!("https://127.0.0.1:{port}"), authority }
    }

    /// The authority of its certificate in PEM.
    pub fn authority_pem(&self) -> Result<String> {
        std::fs::read_to_string(&self.authority).with_context(|| format!("cannot read {}", self.authority.display()))
    }
}

/// The arguments that our own programs share.
fn serve(command: &mut Command, port: u16, certified: &Certified) {
    command.arg("-listen").arg(format!("127.0.0.1:{port}"));
    command.arg("-cert").arg(&certified.certificate).arg("-key").arg(&certified.key);
}

/// Waits until a started program takes connections.
fn until_listening(name: &str, port: u16, process: &mut Process) -> Result<()> {
    wait::until(&format!("{name} to listen"), || {
        process.check_alive()?;
        Ok(accepts(port).then_some(()))
    })
}
