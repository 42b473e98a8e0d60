//! Asking a trust server: which, as whom, and what came of it.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::Utc;
use clap::Args;
use notary::{Anchors, Failure, Gun, Request, Scope, ServerClient, ServerUrl, Trusted, UpdateError, update};
use oci::{Access, CaBundle, Credential, Grants, HostSettings, Reference};
use tokio::time::Instant;
use url::Url;

/// Exit code of "it was found out, and is not to be trusted".
const REFUSED: u8 = 1;
/// Exit code of "could not find out", and of wrong arguments.
const UNKNOWN: u8 = 2;
const PASSWORD: &str = "BONAFIDE_NOTARY_PASSWORD";
/// A password is a line, not a file.
const MOST_PASSWORD: u64 = 64 * 1024;

pub(super) const EXIT_CODES: &str = "Exit code: 0 it worked, 1 there is no trust data or it cannot be trusted, 2 it could not be found out.
Trust data is taken as it is found (trust on first use): nothing here proves that the server is the right one.";

#[derive(Args, Clone, Debug, Default)]
pub(super) struct ServerArguments {
    /// The CA certificates that the server's certificate is checked against, as a PEM file; without it, the public ones.
    #[arg(long, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// Whom to log in as; the password comes from the environment variable `BONAFIDE_NOTARY_PASSWORD` or by --password-stdin. Never sent over http.
    #[arg(long, env = "BONAFIDE_NOTARY_USER", value_name = "NAME")]
    pub(super) user: Option<String>,
    /// Read the password from standard input.
    #[arg(long, requires = "user")]
    pub(super) password_stdin: bool,
    /// A token endpoint on another host that may receive the password; can be given several times.
    #[arg(long = "token-realm", value_name = "URL")]
    pub(super) token_realms: Vec<Url>,
    /// Addresses (CIDR) that may be dialled although they are loopback, link-local or otherwise refused; can be given several times.
    #[arg(long = "allow-egress", value_name = "CIDR")]
    pub(super) allow_egress: Vec<String>,
    /// Seconds that everything together may take.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
    pub(super) timeout: u64,
}

/// A repository as people write it: `docker.io/library/nginx`, or `nginx`.
pub(super) fn gun(text: &str) -> anyhow::Result<Gun> {
    let reference: Reference = text.parse().with_context(|| format!("{text:?} is no repository"))?;
    let repository = reference.repository();
    let plain = format!("{}/{}", repository.host(), repository.path());
    let named = [text.to_owned(), format!("docker.io/{text}"), format!("docker.io/library/{text}")];
    if !named.contains(&plain) {
        bail!("{text:?} is not a repository without tag and digest; did you mean {plain}?");
    }
    Ok(plain.parse()?)
}

/// The server that was named, or the one that belongs to the registry of the repository, as for `docker`.
pub(super) fn server(url: Option<&str>, gun: &Gun) -> anyhow::Result<ServerUrl> {
    if let Some(url) = url {
        return url.parse().context("--server");
    }
    let reference: Reference = gun.as_str().parse()?;
    ServerUrl::of_registry(reference.repository().host()).context("the server cannot be derived from the repository: give --server")
}

impl ServerArguments {
    /// Follows the trust data from whatever root the server has.
    pub(super) async fn fetch(&self, server: &ServerUrl, gun: &Gun, scope: Scope) -> anyhow::Result<Result<Trusted, UpdateError>> {
        let settings = oci::ClientSettings {
            egress: oci::Egress::allowing(&self.allow_egress).context("--allow-egress")?,
            user_agent: concat!("bonafide/", env!("CARGO_PKG_VERSION")).to_owned(),
            on_request: None,
            max_concurrent_per_host: oci::DEFAULT_CONCURRENCY,
            max_bytes: oci::DEFAULT_BYTES,
        };
        let deadline = Instant::now() + Duration::from_secs(self.timeout);
        let client = ServerClient::new(oci::Client::new(settings)?);
        let session = client.session(server.clone(), gun.clone(), "cli".into(), Grants::new(self.access(server)?), deadline);
        let request = Request {
            gun: gun.clone(),
            anchors: Anchors::trust_on_first_use(),
            now: Utc::now(),
            scope,
            min_root_version: None,
            base_root_version: None,
        };
        Ok(update(&session, &request, None).await)
    }

    fn access(&self, server: &ServerUrl) -> anyhow::Result<Access> {
        let ca_bundle = self.ca.as_ref().map(|path| {
            let pem = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            CaBundle::from_pem(&pem).with_context(|| path.display().to_string())
        });
        let settings = HostSettings {
            plain_http: server.is_plain_http(),
            ca_bundle: ca_bundle.transpose()?,
            token_realms: self.token_realms.clone(),
            credential: self.credential(server)?,
        };
        Ok(Access { hosts: [(server.host().clone(), settings)].into(), ..Access::default() })
    }

    fn credential(&self, server: &ServerUrl) -> anyhow::Result<Option<Credential>> {
        let Some(username) = self.user.clone() else { return Ok(None) };
        if server.is_plain_http() {
            bail!("no password is sent to {server}: it is not https");
        }
        let password = if self.password_stdin {
            let mut text = String::new();
            std::io::stdin().take(MOST_PASSWORD).read_to_string(&mut text).context("--password-stdin")?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        } else {
            std::env::var(PASSWORD).with_context(|| format!("--user needs a password: --password-stdin or {PASSWORD}"))?
        };
        Ok(Some(Credential::Basic { username, password }))
    }
}

/// Says why there is nothing to show.
pub(super) fn refuse(server: &ServerUrl, gun: &Gun, error: &UpdateError) -> ExitCode {
    eprintln!("bonafide: {gun} on {server}: {}", crate::text::shown(&crate::chain(error).to_string(), 1024));
    ExitCode::from(if error.failure() == Failure::Unavailable { UNKNOWN } else { REFUSED })
}
