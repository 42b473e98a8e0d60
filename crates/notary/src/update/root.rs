//! Steps 1 and 2: which root is trusted, and why.
//!
//! A root is trusted when it is anchored, or when a chain of roots, each signed by the keys of the one before and by
//! its own, leads to it from one that is. Where the chain began is kept in the state, so that the anchors are checked
//! again on every run, also after the pinned key was rotated away.

use std::cmp::Ordering;
use std::num::NonZeroU64;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::run::Run;
use crate::error::UpdateError;
use crate::fetch::{At, Fetch, FetchError};
use crate::limits::{ROOT_BYTES, ROOT_STEPS};
use crate::name::Role;
use crate::trust::{Expired, SignedRoot};

/// The root that the rest of the run believes.
pub(super) struct TrustedRoot {
    pub(super) root: Arc<SignedRoot>,
    /// The root that met the anchors; the chain to `root` begins here.
    pub(super) anchored: Arc<SignedRoot>,
    /// Version of the last root that gave timestamp or snapshot to wholly other keys than the root before; 0 if none.
    pub(super) recovered_at: u64,
}

/// Finds the newest root that can be trusted, and until when its certificates are valid.
pub(super) async fn trusted_root<F: Fetch>(run: &Run<'_, F>) -> Result<(TrustedRoot, DateTime<Utc>), UpdateError> {
    let trusted = match run.state {
        Some(_) => walk(run, from_state(run)?).await?,
        None => first_contact(run).await?,
    };
    let certified_until = check_current(run, &trusted.root)?;
    Ok((trusted, certified_until))
}

/// The stored root, after the anchors were held against the stored beginning of its chain. Certificates may have expired
/// since: what follows decides whether the newest root has one that is valid (specification, section 3b, step 1).
fn from_state<F: Fetch>(run: &Run<'_, F>) -> Result<TrustedRoot, UpdateError> {
    let state = run.state.ok_or(UpdateError::RootNotAnchored)?;
    let rule = run.root_rule();
    let anchored = [&state.anchored, &state.root].into_iter().find(|root| root.is_anchored(&rule, Expired::Counts));
    let anchored = anchored.ok_or(UpdateError::RootNotAnchored)?;
    let (root, anchored) = (state.root.clone(), anchored.clone());
    Ok(TrustedRoot { root, anchored, recovered_at: state.recovered_at })
}

/// Nothing is known yet: the newest root if it is anchored itself, otherwise a walk up from an old one that is.
async fn first_contact<F: Fetch>(run: &Run<'_, F>) -> Result<TrustedRoot, UpdateError> {
    let newest = match run.fetch_capped(Role::Root, At::Newest, ROOT_BYTES).await {
        Err(UpdateError::Unavailable { source: FetchError::NotFound, .. }) => return Err(UpdateError::NoTrustData),
        outcome => SignedRoot::read(&outcome?)?,
    };
    newest.check_own_threshold(&run.root_rule())?;
    if newest.is_anchored(&run.root_rule(), Expired::CountsNot) {
        return Ok(starting_at(newest));
    }
    if newest.is_anchored(&run.root_rule(), Expired::Counts) {
        return Err(UpdateError::RootCertificateExpired);
    }
    let base = anchored_base(run, &newest).await?;
    walk(run, starting_at(base)).await
}

fn starting_at(root: SignedRoot) -> TrustedRoot {
    let root = Arc::new(root);
    TrustedRoot { anchored: root.clone(), root, recovered_at: 0 }
}

/// The old root that a pin from long ago may name.
async fn anchored_base<F: Fetch>(run: &Run<'_, F>, newest: &SignedRoot) -> Result<SignedRoot, UpdateError> {
    let version = run.request.base_root_version.unwrap_or(NonZeroU64::MIN);
    if version.get() >= newest.version() {
        return Err(UpdateError::RootNotAnchored);
    }
    let base = root_of_version(run, version).await?.ok_or(UpdateError::RootNotAnchored)?;
    base.check_own_threshold(&run.root_rule())?;
    if base.is_anchored(&run.root_rule(), Expired::CountsNot) { Ok(base) } else { Err(UpdateError::RootNotAnchored) }
}

/// Follows the versions upwards until the server has no next one. Those in between may be expired.
async fn walk<F: Fetch>(run: &Run<'_, F>, mut trusted: TrustedRoot) -> Result<TrustedRoot, UpdateError> {
    for _ in 0..=ROOT_STEPS {
        let next = NonZeroU64::MIN.saturating_add(trusted.root.version());
        let Some(root) = root_of_version(run, next).await? else { return Ok(trusted) };
        trusted = step(run, &trusted, root)?;
    }
    Err(UpdateError::TooManyRoots { steps: ROOT_STEPS })
}

/// One step of the chain: signed by the keys before it and by its own.
fn step<F: Fetch>(run: &Run<'_, F>, trusted: &TrustedRoot, next: SignedRoot) -> Result<TrustedRoot, UpdateError> {
    let rule = run.root_rule();
    next.check_predecessor(&trusted.root, &rule)?;
    next.check_own_threshold(&rule)?;
    let recovered_at = if frees_from_fast_forward(&trusted.root, &next) { next.version() } else { trusted.recovered_at };
    Ok(TrustedRoot { root: Arc::new(next), anchored: trusted.anchored.clone(), recovered_at })
}

/// Step 9: all keys of timestamp or snapshot were replaced, so versions that the old keys signed bind nobody any more
/// (TUF 1.0, section 5.3.11).
fn frees_from_fast_forward(old: &SignedRoot, new: &SignedRoot) -> bool {
    let (old, new) = (&old.file.body, &new.file.body);
    old.timestamp.all_replaced_in(&new.timestamp) || old.snapshot.all_replaced_in(&new.snapshot)
}

/// With a state the newest root is not asked for. When nothing else fits together, it says whether the server still has the
/// repository that was seen.
pub(super) async fn replaced<F: Fetch>(run: &Run<'_, F>) -> Option<UpdateError> {
    let known = &run.state?.root;
    let newest = match run.fetch_capped(Role::Root, At::Newest, ROOT_BYTES).await {
        Err(UpdateError::Unavailable { source: FetchError::NotFound, .. }) => return Some(UpdateError::NoTrustData),
        outcome => SignedRoot::read(&outcome.ok()?).ok()?,
    };
    let (stored, offered) = (known.version(), newest.version());
    match offered.cmp(&stored) {
        Ordering::Less => Some(UpdateError::Rollback { role: Role::Root, stored, offered }),
        Ordering::Equal if newest != **known => Some(UpdateError::SameVersionOtherContent { role: Role::Root, version: stored }),
        _ => None,
    }
}

/// `None`: the server has no such version.
async fn root_of_version<F: Fetch>(run: &Run<'_, F>, version: NonZeroU64) -> Result<Option<SignedRoot>, UpdateError> {
    let bytes = match run.fetch_capped(Role::Root, At::Version(version), ROOT_BYTES).await {
        Err(UpdateError::Unavailable { source: FetchError::NotFound, .. }) => return Ok(None),
        outcome => outcome?,
    };
    let root = SignedRoot::read(&bytes)?;
    if root.version() != version.get() {
        return Err(UpdateError::RootVersion { wanted: version.get(), offered: root.version() });
    }
    Ok(Some(root))
}

/// What the last root of a chain must be besides signed: in date, with certificates in date, and not too old. Answers until
/// when its certificates are.
fn check_current<F: Fetch>(run: &Run<'_, F>, root: &SignedRoot) -> Result<DateTime<Utc>, UpdateError> {
    if let Some(minimum) = run.request.min_root_version.filter(|minimum| root.version() < minimum.get()) {
        return Err(UpdateError::RootBelowMinimum { minimum: minimum.get(), offered: root.version() });
    }
    if root.file.expires <= run.request.now {
        return Err(UpdateError::Expired { role: Role::Root, at: root.file.expires });
    }
    let rule = run.root_rule();
    // A chain needs as many signatures as its files ask for, which is one as the tools make them: no quorum passes on.
    if run.request.anchors.ask_for_several() && !root.is_anchored(&rule, Expired::Counts) {
        return Err(UpdateError::RootNotAnchored);
    }
    root.certified_until(&rule).ok_or(UpdateError::RootCertificateExpired)
}
