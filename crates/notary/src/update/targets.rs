//! Step 5, first half: `targets` itself, fetched together with the delegations that the snapshot lists.
//!
//! Fetching a delegation before its parent was read saves a round trip and gives it no rights: whether it is delegated
//! is decided afterwards, from the parent.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::future::{join, join_all};

use super::Scope;
use super::check::{Checked, check_file};
use super::root::TrustedRoot;
use super::run::Run;
use crate::error::UpdateError;
use crate::fetch::Fetch;
use crate::limits::DELEGATIONS_FETCHED;
use crate::metadata::{Snapshot, Targets};
use crate::name::{DelegationName, Role};

/// What came back for `targets` and for the delegations in scope; nothing of it is believed yet.
pub(super) struct Fetched {
    pub(super) targets: Result<Bytes, UpdateError>,
    pub(super) delegations: BTreeMap<DelegationName, Result<Bytes, UpdateError>>,
}

pub(super) async fn fetch<F: Fetch>(run: &Run<'_, F>, snapshot: &Snapshot) -> Fetched {
    let wanted = in_scope(&run.request.scope, snapshot);
    let listed = wanted.into_iter().filter_map(|name| Some((snapshot.delegations.get(&name)?, name)));
    let delegations = join_all(listed.map(async |(meta, name)| {
        let bytes = run.fetch_named(Role::Delegation(name.clone()), meta).await;
        (name, bytes)
    }));
    let (targets, delegations) = join(run.fetch_named(Role::Targets, &snapshot.targets), delegations).await;
    Fetched { targets, delegations: delegations.into_iter().collect() }
}

/// The delegations that the caller wants, with all above them; parents come before their children.
pub(super) fn in_scope(scope: &Scope, snapshot: &Snapshot) -> BTreeSet<DelegationName> {
    let wanted: Vec<&DelegationName> = match scope {
        Scope::Only(names) => names.iter().collect(),
        Scope::Everything => snapshot.delegations.keys().take(DELEGATIONS_FETCHED).collect(),
    };
    let with_ancestors = |name: &DelegationName| std::iter::successors(Some(name.clone()), DelegationName::parent);
    wanted.into_iter().flat_map(with_ancestors).collect()
}

pub(super) fn check<F: Fetch>(
    run: &Run<'_, F>,
    root: &TrustedRoot,
    bytes: Result<Bytes, UpdateError>,
) -> Result<Checked<Targets>, UpdateError> {
    let targets: Checked<Targets> = check_file(run, &Role::Targets, &root.root.file.body.targets, &bytes?, run.seen(&Role::Targets))?;
    let structure = |source| UpdateError::Structure { role: Role::Targets, source };
    targets.file.body.check_children(None).map_err(structure)?;
    Ok(targets)
}
