//! The one client that talks to registries, and to servers that are asked as registries are.
//!
//! Boundary: [`Client`] owns what requests share (connections, limits, tokens), [`Session`] asks with one set of grants
//! under one deadline. Invariant: every hop of every request, be it page, redirect or token, goes through
//! `exchange`, where address, scheme, size and time are checked.
//!
//! ```text
//! session, referrers, file ── auth ── redirect ── exchange ── transport
//!   what is asked            tokens     hops      one hop     sockets, TLS, addresses
//! ```

mod auth;
mod challenge;
mod exchange;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod held;
mod leave;
mod link;
mod outage;
mod post;
mod rates;
mod redirect;
mod referrers;
mod scope;
mod session;
mod token;
mod transport;

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fair::Shares;
use moka::sync::Cache;
use tokio::time::Instant;

use self::{auth::Authorization, leave::Leaves, transport::Transports};
pub use self::{
    post::{Post, PostError, Posted, Poster},
    rates::{Limits, RequestRates},
    scope::Scope,
};
use crate::{Access, Egress, Host, Repository};

/// Half of it for one party: enough to keep a host busy, too little to be taken for an attack.
pub const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(32).unwrap();
/// A verification holds a few KiB, and a hostile one what it can get.
pub const DEFAULT_BYTES: usize = 64 * 1024 * 1024;
/// Of those bytes for one party: the largest list of referrers, and as much again.
const MAX_BYTES_PER_PARTY: usize = 16 * 1024 * 1024;
const MAX_HOSTS: u64 = 1000;
const MAX_AUTHORIZATIONS: u64 = 10_000;
/// The longest time that anything about how to ask is remembered.
const MAX_AUTHORIZATION_AGE: Duration = Duration::from_hours(1);
/// No longer: a repository that does not exist yet answers like a registry without the API.
const MISSING_REFERRERS_AGE: Duration = Duration::from_secs(30);

/// Whether an answer may come from a cache on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It may: what is asked for never changes, or is checked by its digest.
    Any,
    /// Caches on the way are told to ask the server (RFC 9111, section 5.2.1.4).
    Now,
}

/// Told about every HTTP exchange, token requests, redirects and retries included.
pub type OnRequest = Arc<dyn Fn(&Host, RequestOutcome) + Send + Sync>;

/// What all sessions of a client have in common.
#[derive(Clone)]
pub struct ClientSettings {
    /// Which addresses may be dialled.
    pub egress: Egress,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// For metrics.
    pub on_request: Option<OnRequest>,
    /// Exchanges at one time with one host under one set of settings and credentials, half of them for one party at
    /// most; more wait, the party first that has fewest. Whoever makes a host slow for himself, by his own settings,
    /// makes nobody else wait.
    pub max_concurrent_per_host: NonZeroUsize,
    /// Bytes of answers that are held at one time, half of them for one party at most. What would exceed that is refused.
    pub max_bytes: usize,
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientSettings").field("egress", &self.egress).finish_non_exhaustive()
    }
}

/// How one HTTP exchange ended, as metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestOutcome {
    /// 2xx with its whole body.
    Success,
    /// 3xx.
    Redirect,
    /// 401, which is how every anonymous request starts.
    Unauthorized,
    /// 404.
    NotFound,
    /// 429.
    RateLimited,
    /// Any other 4xx.
    ClientError,
    /// 5xx and what is no status at all.
    ServerError,
    /// No whole answer.
    Failed,
}

impl RequestOutcome {
    /// The label, in the style of metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Redirect => "redirect",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::Failed => "failed",
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS settings or the user agent are not usable.
    #[error("the HTTP client cannot be set up")]
    Transport(#[source] reqwest::Error),
    /// The crypto provider offers no TLS version that we speak.
    #[error("the TLS settings are not usable")]
    Tls(#[source] rustls::Error),
}

/// Shared connections, limits and tokens; cheap to clone.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    egress: Arc<Egress>,
    on_request: Option<OnRequest>,
    transports: Transports,
    max_concurrent_per_host: NonZeroUsize,
    slots: Cache<HostKey, Shares<Party>>,
    bytes: Shares<Party>,
    leaves: Leaves,
    limits: Limits,
    /// Sessions so far.
    sessions: AtomicU64,
    authorizations: Cache<(Scope, [u8; 32]), Authorization>,
    without_referrers: Cache<GrantKey, ()>,
}

/// What was learned with one set of grants about one repository says nothing about others: a tenant's settings for a
/// host, or his repository on it, must not decide how it is asked for anybody else.
type GrantKey = (Repository, [u8; 32]);
/// The same for a host.
type HostKey = (Host, [u8; 32]);

/// On whose behalf a registry is asked, such as a namespace: parties share slots and memory fairly.
pub type Party = Arc<str>;

impl Client {
    /// Sets up the client; nothing is dialled yet.
    pub fn new(settings: ClientSettings) -> Result<Self, ClientError> {
        let egress = Arc::new(settings.egress);
        let shared = Shared {
            transports: Transports::new(Arc::clone(&egress), settings.user_agent)?,
            egress,
            on_request: settings.on_request,
            max_concurrent_per_host: settings.max_concurrent_per_host,
            bytes: Shares::new(settings.max_bytes, MAX_BYTES_PER_PARTY),
            leaves: Leaves::default(),
            limits: Limits::default(),
            sessions: AtomicU64::new(0),
            slots: Cache::builder().max_capacity(MAX_HOSTS).build(),
            authorizations: Cache::builder().max_capacity(MAX_AUTHORIZATIONS).time_to_live(MAX_AUTHORIZATION_AGE).build(),
            without_referrers: Cache::builder().max_capacity(MAX_AUTHORIZATIONS).time_to_live(MISSING_REFERRERS_AGE).build(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Requests on behalf of `party` that may use `grants` and end at `deadline`, whatever they are waiting for.
    pub fn session(&self, party: Party, grants: Grants, deadline: Instant) -> Session {
        let number = self.shared.sessions.fetch_add(1, Ordering::Relaxed);
        Session { client: self.clone(), party, grants, deadline, number, in_background: false }
    }

    /// How often hosts may be asked: nothing limits that until it is set.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Bytes of answers that may still be held.
    pub fn free_bytes(&self) -> usize {
        self.shared.bytes.free()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("egress", &self.shared.egress).finish_non_exhaustive()
    }
}

/// Asks registries with one set of grants and one deadline; cheap to clone.
#[derive(Clone)]
pub struct Session {
    client: Client,
    party: Party,
    grants: Grants,
    deadline: Instant,
    /// Older ones are lower: where turns are few, what has begun is ended first.
    number: u64,
    in_background: bool,
}

/// What a session may use, with its hash: two sets with one fingerprint grant the same.
#[derive(Clone, Debug)]
pub struct Grants {
    access: Arc<Access>,
    fingerprint: [u8; 32],
}

impl Grants {
    /// Computes the hash.
    pub fn new(access: Access) -> Self {
        Self { fingerprint: access.fingerprint(), access: Arc::new(access) }
    }

    /// Everything that may be used.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The hash over it.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl Default for Grants {
    fn default() -> Self {
        Self::new(Access::default())
    }
}

impl Session {
    /// The same, for work that nobody waits for: where a host may be asked so often only, others come first.
    #[must_use]
    pub fn in_background(self) -> Self {
        Self { in_background: true, ..self }
    }

    fn shared(&self) -> &Shared {
        &self.client.shared
    }

    fn grant_key(&self, repository: &Repository) -> GrantKey {
        (repository.clone(), self.grants.fingerprint)
    }

    fn host_key(&self, host: &Host) -> HostKey {
        (host.clone(), self.grants.fingerprint)
    }

    fn access(&self) -> &Access {
        &self.grants.access
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("party", &self.party).field("access", self.access()).finish_non_exhaustive()
    }
}
