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
use notary::{Gun, Request, Scope, ServerClient, ServerSession, ServerUrl, State, Trusted, update};

use super::notary_doubt::of_update;
use super::{CacheOutcome, Fault, Refusal, StateFault, StateKey, StateStore};
use crate::policy::{NotaryRequirement, RequirementId};

/// Repositories, each with some 10 KiB.
const MOST: u64 = 5_000;
/// A refusal stands no longer, however rarely the server is asked (security rule 22).
const REFUSED_FOR: Duration = Duration::from_secs(30);
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
        Self { known: Cache::builder().max_capacity(MOST).expire_after(Lifetimes).build(), servers, states }
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

    /// Not to be used again: it is out of date, or was incomplete.
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
                    let refusal = of_update(&error, &source.server)?;
                    return Ok(Known { outcome: Err(refusal), stands: REFUSED_FOR.min(*refresh) });
                }
            };
            if before.as_deref() == Some(trusted.state()) {
                return Ok(Known::trusted(trusted, &request, *refresh));
            }
            match self.states.keep(&key, trusted.state()).await {
                Ok(kept) if *kept == *trusted.state() => return Ok(Known::trusted(trusted, &request, *refresh)),
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
async fn run(session: ServerSession, request: Request, before: Option<Arc<State>>) -> Result<Result<Trusted, notary::UpdateError>, Fault> {
    let runtime = tokio::runtime::Handle::current();
    let run = move || runtime.block_on(update(&session, &request, before.as_deref()));
    tokio::task::spawn_blocking(run).await.map_err(|_| Fault::Internal)
}

impl Known {
    fn trusted(trusted: Trusted, request: &Request, refresh: Duration) -> Self {
        let left = (trusted.expires() - request.now).to_std().unwrap_or_default();
        let parties = trusted.parties(&request.anchors, request.now);
        Self { outcome: Ok((trusted, parties)), stands: refresh.min(left) }
    }
}
