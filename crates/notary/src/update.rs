//! The update: from nothing but anchors, a clock and what was seen before, to trusted data (specification, section 3b).
//!
//! ```text
//! root chain (1, 2)  ||  timestamp       first round trip
//!            timestamp (3)
//!            snapshot (4)                second
//!            targets and delegations (5) third, all at once
//! ```
//!
//! One function per step. Invariant: [`Trusted`] exists only where every step succeeded, and the new state with it.

mod check;
mod delegations;
mod learn;
mod root;
mod run;
mod snapshot;
mod targets;
mod timestamp;

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use chrono::{DateTime, Utc};

pub(crate) use check::Checked;
pub(crate) use delegations::{Branch, Branches, Outcome};

use crate::error::UpdateError;
use crate::fetch::Fetch;
use crate::name::{DelegationName, Gun};
use crate::state::State;
use crate::trust::Anchors;
use crate::trusted::Trusted;
use run::Run;

/// What an update is about.
#[derive(Clone, Debug)]
pub struct Request {
    /// The repository.
    pub gun: Gun,
    /// What makes a root believable; re-checked on every run.
    pub anchors: Anchors,
    /// One moment for the whole run.
    pub now: DateTime<Utc>,
    /// Which delegations are looked at.
    pub scope: Scope,
    /// The lowest version of the root that is accepted: it keeps out an old, compromised root after the state was lost.
    pub min_root_version: Option<NonZeroU64>,
    /// Where a walk starts when the newest root is not anchored itself; 1 when absent.
    pub base_root_version: Option<NonZeroU64>,
}

/// Which delegations an update fetches, besides those above them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only these.
    Only(BTreeSet<DelegationName>),
    /// All that are published; for people who look around.
    Everything,
}

impl Scope {
    /// `targets/releases` and the roles of these signers: what a policy needs.
    pub fn of_policy(signers: impl IntoIterator<Item = DelegationName>) -> Scope {
        Scope::Only(signers.into_iter().chain([DelegationName::releases()]).collect())
    }
}

/// Runs one update. What `state` holds is never contradicted; the state to keep afterwards is in the result.
///
/// At most three sequential round trips when the root needs no walk. A publish between two requests can make a run fail
/// that would succeed now, so such failures are tried once more.
pub async fn update<F: Fetch>(fetch: &F, request: &Request, state: Option<&State>) -> Result<Trusted, UpdateError> {
    let run = Run { fetch, request, state };
    let outcome = match once(&run).await {
        Err(error) if error.may_be_a_race() => once(&run).await,
        outcome => outcome,
    };
    match outcome {
        Err(error) if error.may_be_another_repository() => Err(root::replaced(&run).await.unwrap_or(error)),
        outcome => outcome,
    }
}

async fn once<F: Fetch>(run: &Run<'_, F>) -> Result<Trusted, UpdateError> {
    let (root, timestamp) = futures::future::join(root::trusted_root(run), timestamp::fetch(run)).await;
    let (root, certified_until) = root?;
    let timestamp = timestamp::check(run, &root, &timestamp?)?;
    let snapshot = snapshot::fetch_and_check(run, &root, &timestamp).await?;
    let files = targets::fetch(run, &snapshot.file.body).await;
    let targets = targets::check(run, &root, files.targets)?;
    let delegations = delegations::check(run, &snapshot.file.body, &targets, &files.delegations)?;
    let state = learn::state(run.state, &root, &timestamp, &snapshot, &targets, &delegations);
    let gun = run.request.gun.clone();
    Ok(Trusted { gun, root: root.root, certified_until, timestamp, snapshot, targets, delegations, state })
}
