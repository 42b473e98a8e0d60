//! What a successful run leaves behind for the next one.

use std::collections::BTreeSet;

use super::check::Checked;
use super::delegations::Branches;
use super::root::TrustedRoot;
use crate::metadata::{Snapshot, Targets, Timestamp};
use crate::name::{DelegationName, Role};
use crate::state::State;

/// The state after a run. What the run did not look at stays as it was.
pub(super) fn state(
    before: Option<&State>,
    root: &TrustedRoot,
    timestamp: &Checked<Timestamp>,
    snapshot: &Checked<Snapshot>,
    targets: &Checked<Targets>,
    branches: &Branches,
) -> State {
    let mut seen = before.map(|state| state.seen.clone()).unwrap_or_default();
    seen.insert(Role::Timestamp, timestamp.seen());
    seen.insert(Role::Snapshot, snapshot.seen());
    seen.insert(Role::Targets, targets.seen());
    for (name, branch) in branches {
        if let Some((targets, _)) = branch.verified() {
            seen.insert(Role::Delegation(name.clone()), targets.seen());
        }
    }
    let before = before.map(|state| state.published.clone()).unwrap_or_default();
    State {
        root: root.root.clone(),
        anchored: root.anchored.clone(),
        recovered_at: root.recovered_at,
        seen,
        published: published(before, &snapshot.file.body, &targets.file.body, branches),
    }
}

/// Roles that must stay visible: delegated by a verified parent and listed in the snapshot. Names that only the
/// snapshot lists are left out, or its key could fill the state with names. What a verified parent no longer delegates
/// is forgotten.
fn published(
    mut published: BTreeSet<DelegationName>,
    snapshot: &Snapshot,
    targets: &Targets,
    branches: &Branches,
) -> BTreeSet<DelegationName> {
    let below = branches.iter().filter_map(|(name, branch)| Some((Some(name), &branch.verified()?.0.file.body)));
    for (parent, file) in std::iter::once((None, targets)).chain(below) {
        published.retain(|name| name.parent().as_ref() != parent);
        let listed = file.delegations.iter().filter(|role| snapshot.delegations.contains_key(&role.name));
        published.extend(listed.map(|role| role.name.clone()));
    }
    published
}
