//! Trust data by repository: fetched once for all who ask at the same time, and used until it must be asked for again.
//!
//! Invariant: the key is the whole requirement (security rule 1), and with it anchors, server and credentials; what was
//! seen is kept before anybody uses it (rule 26); nothing is used beyond its own expiry. Faults are never remembered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use moka::Expiry;
use moka::future::Cache;
use notary::{Gun, Request, Role, Scope, ServerClient, ServerSession, ServerUrl, State, Trusted, UpdateError, update};

use super::notary_doubt::of_update;
use super::{CacheOutcome, Doubt, Fault, Refusal, StateFault, StateKey, StateStore};
use crate::policy::{NotaryRequirement, RequirementId};

/// Of all trust data that is known, in bytes of its files: some thousand repositories as they are, or few large ones.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// What an entry takes besides its files.
const OVERHEAD: usize = 2 * 1024;
/// A refusal stands no longer, however rarely the server is asked (security rule 22).
const REFUSED_FOR: Duration = Duration::from_secs(30);
/// A timestamp is made anew when its server is asked after it has expired by the server's clock, which may be behind ours.
const EXPIRED_FOR: Duration = Duration::from_secs(1);
/// Runs, when other replicas see more at the same time.
const RUNS: usize = 4;

/// Trust data, and who makes it.
#[derive(Clone)]
pub(super) struct TrustData {
    known: Cache<Key, Arc<Known>>,
    pub(super) servers: ServerClient,
    states: Arc<dyn StateStore>,
}

pub(super) type Key = (RequirementId, Gun);

/// What an update run has shown.
pub(super) struct Known {
    /// Trusted data with the trust roots that stand behind it, or why there is none.
    pub(super) outcome: Result<(Trusted, BTreeSet<usize>), Refusal>,
    stands: Duration,
}

/// One repository on one server, for one requirement.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) gun: Gun,
    pub(super) server: ServerUrl,
    pub(super) session: ServerSession,
    pub(super) now: DateTime<Utc>,
}

struct Lifetimes;

impl Expiry<Key, Arc<Known>> for Lifetimes {
    fn expire_after_create(&self, _: &Key, known: &Arc<Known>, _: Instant) -> Option<Duration> {
        Some(known.stands)
    }
}

impl TrustData {
    pub(super) fn new(servers: ServerClient, states: Arc<dyn StateStore>) -> Self {
        let weigh = |_: &Key, known: &Arc<Known>| u32::try_from(known.length()).unwrap_or(u32::MAX);
        Self { known: Cache::builder().weigher(weigh).max_capacity(MOST_BYTES).expire_after(Lifetimes).build(), servers, states }
    }

    pub(super) async fn known(&self, key: &Key) -> Option<Arc<Known>> {
        self.known.get(key).await
    }

    /// What is known, or what a run shows that all who ask at the same time share.
    pub(super) async fn get(
        &self,
        key: &Key,
        requirement: &NotaryRequirement,
        source: Source,
    ) -> (Result<Arc<Known>, Fault>, CacheOutcome) {
        if let Some(known) = self.known(key).await {
            return (Ok(known), CacheOutcome::Hit);
        }
        let run = async { self.find_out(requirement, source).await.map(Arc::new) };
        let answer = self.known.try_get_with(key.clone(), run).await;
        (answer.map_err(|fault: Arc<Fault>| (*fault).clone()), CacheOutcome::Miss)
    }

    /// Not to be used again: it is out of date.
    pub(super) async fn forget(&self, key: &Key) {
        self.known.invalidate(key).await;
    }

    #[cfg(test)]
    pub(super) fn forget_all(&self) {
        self.known.invalidate_all();
    }

    async fn find_out(&self, requirement: &NotaryRequirement, source: Source) -> Result<Known, Fault> {
        let NotaryRequirement { owner, server: _, roots, demand, minimum_root_version, refresh } = requirement;
        let key = StateKey { owner: owner.clone(), server: source.server.to_string(), gun: source.gun.clone(), anchors: roots.hash() };
        let request = Request {
            gun: source.gun.clone(),
            anchors: roots.anchors().clone(),
            now: source.now,
            scope: Scope::of_policy(demand.signers.iter().map(|signer| signer.role.clone())),
            min_root_version: *minimum_root_version,
            base_root_version: None,
        };
        let mut before = self.states.load(&key).await?;
        for _ in 0..RUNS {
            let trusted = match run(source.session.clone(), request.clone(), before.clone()).await? {
                Ok(trusted) => trusted,
                Err(error) => {
                    return Known::refused(&error, &source.server, requirement);
                }
            };
            if before.as_deref() == Some(trusted.state()) {
                return Ok(Known::trusted(trusted, &request, *refresh));
            }
            match self.states.keep(&key, trusted.state()).await {
                // Nothing is known beyond what was found, or beyond what it was held against.
                Ok(kept) if *kept == *trusted.state() || before.as_ref() == Some(&kept) => {
                    return Ok(Known::trusted(trusted, &request, *refresh));
                }
                // Another replica has seen more meanwhile: what was found must agree with that too.
                Ok(kept) => before = Some(kept),
                Err(StateFault::Conflict(_)) => before = self.states.load(&key).await?,
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(Fault::TrustState(StateFault::Contended))
    }
}

/// An update run, with its arithmetic where it blocks nobody.
async fn run(session: ServerSession, request: Request, before: Option<Arc<State>>) -> Result<Result<Trusted, UpdateError>, Fault> {
    let runtime = tokio::runtime::Handle::current();
    let run = move || runtime.block_on(update(&session, &request, before.as_deref()));
    tokio::task::spawn_blocking(run).await.map_err(|_| Fault::Internal)
}

impl Known {
    /// What could not be fetched may be there at the next look: then there is nothing to remember.
    fn trusted(trusted: Trusted, request: &Request, refresh: Duration) -> Self {
        let left = (trusted.expires() - request.now).to_std().unwrap_or_default();
        let stands = if trusted.is_complete() { refresh.min(left) } else { Duration::ZERO };
        let parties = trusted.parties(&request.anchors, request.now);
        Self { outcome: Ok((trusted, parties)), stands }
    }

    fn refused(error: &UpdateError, server: &ServerUrl, requirement: &NotaryRequirement) -> Result<Self, Fault> {
        let mut refusal = of_update(error, server)?;
        if let Refusal::TrustData { doubt: Doubt::Untrusted, why } = &mut refusal {
            why.push_str("; it must be signed by ");
            why.push_str(&requirement.roots.to_string());
        }
        let expired = matches!(error, UpdateError::Expired { role: Role::Timestamp, .. });
        let stands = if expired { EXPIRED_FOR } else { REFUSED_FOR };
        Ok(Self { outcome: Err(refusal), stands: stands.min(requirement.refresh) })
    }

    fn length(&self) -> usize {
        OVERHEAD + self.outcome.as_ref().map_or(0, |(trusted, _)| trusted.length())
    }
}
