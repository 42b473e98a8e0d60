//! Sockets and TLS: one `reqwest` client per distinct set of roots, all dialling through the egress guard.
//!
//! Boundary: no environment: no proxies, no system trust store, no ambient credentials. The public roots are Mozilla's,
//! compiled in, because a distroless container may have none; a CA bundle replaces them for its host. Invariant: a name
//! is dialled only at addresses that [`Egress`] permits (IP literals never reach a resolver, `exchange` checks those).

use std::{error::Error, net::IpAddr, sync::Arc, time::Duration};

use moka::sync::Cache;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use super::ClientError;
use crate::{CaBundle, Egress};

const MAX_BUNDLES: u64 = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// A connection of HTTP/2 serves all requests to its host. One that has gone silent would take every new request with it
/// until its own end; so while somebody waits, it is asked whether it lives, and given up soon enough for a second try.
const SILENCE: Duration = Duration::from_secs(2);
const LAST_WORD: Duration = Duration::from_secs(2);
const MAX_HEADER_BYTES: u32 = 64 * 1024;
const MAX_HEADERS: usize = 100;

pub(super) struct Transports {
    egress: Arc<Egress>,
    user_agent: String,
    public: reqwest::Client,
    by_bundle: Cache<[u8; 32], reqwest::Client>,
}

impl Transports {
    pub(super) fn new(egress: Arc<Egress>, user_agent: String) -> Result<Self, ClientError> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let public = build(&egress, &user_agent, Arc::new(roots))?;
        Ok(Self { egress, user_agent, public, by_bundle: Cache::new(MAX_BUNDLES) })
    }

    /// The client for a host with this bundle, or with none.
    pub(super) fn for_bundle(&self, bundle: Option<&CaBundle>) -> Result<reqwest::Client, ClientError> {
        let Some(bundle) = bundle else { return Ok(self.public.clone()) };
        if let Some(client) = self.by_bundle.get(&bundle.fingerprint()) {
            return Ok(client);
        }
        let client = build(&self.egress, &self.user_agent, bundle.roots())?;
        self.by_bundle.insert(bundle.fingerprint(), client.clone());
        Ok(client)
    }
}

fn build(egress: &Arc<Egress>, user_agent: &str, roots: Arc<RootCertStore>) -> Result<reqwest::Client, ClientError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls(roots)?)
        .dns_resolver(Guard { egress: Arc::clone(egress) })
        .user_agent(user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        // Other crates of the same binary may switch these features on; digests are over the bytes as they are stored.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .http1_max_headers(MAX_HEADERS)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_keep_alive_interval(SILENCE)
        .http2_keep_alive_timeout(LAST_WORD)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
        .map_err(ClientError::Transport)
}

/// The provider is named here, so that nothing depends on what the process installed.
fn tls(roots: Arc<RootCertStore>) -> Result<ClientConfig, ClientError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ClientError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Resolves names and keeps the addresses that may be dialled.
struct Guard {
    egress: Arc<Egress>,
}

/// No address of a name may be dialled; carries one of them.
#[derive(Debug, thiserror::Error)]
#[error("no address of this name may be dialled")]
pub(super) struct NoPermittedAddress(pub(super) IpAddr);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = Arc::clone(&self.egress);
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let (permitted, refused): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| egress.permits(address.ip()));
            match refused.first().filter(|_| permitted.is_empty()) {
                Some(address) => Err(Box::new(NoPermittedAddress(address.ip())) as Box<dyn Error + Send + Sync>),
                None => Ok(Box::new(permitted.into_iter()) as Addrs),
            }
        })
    }
}
