//! Two replicas learned something at the same time: what they know together.
//!
//! Invariant: the result is at least as far as both. Merging is commutative, and merging a state with itself changes
//! nothing; so writers may retry in any order.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Seen, State};
use crate::name::{DelegationName, Role};
use crate::trust::SignedRoot;

/// Two replicas saw different files of one version: the server shows different things to different clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{role}: two different files of version {version} were seen")]
pub struct MergeConflict {
    /// Whose files.
    pub role: Role,
    /// The version of both.
    pub version: u64,
}

impl State {
    /// The state that knows what both know. Both must be of one server, repository and set of anchors.
    pub fn merge(&self, other: &State) -> Result<State, MergeConflict> {
        let newer = newer_root(self, other)?;
        let both = self.published.union(&other.published);
        let published = both.filter(|name| is_published(self, other, name)).cloned().collect();
        Ok(State {
            root: newer.root.clone(),
            anchored: oldest(&self.anchored, &other.anchored)?,
            recovered_at: self.recovered_at.max(other.recovered_at),
            seen: merge_seen(self, other)?,
            published,
        })
    }
}

/// Whoever has read the newer file of the role that delegates this one decides: what that file no longer delegates need not
/// be published any more. Those who have read the same file know of it together.
fn is_published(one: &State, other: &State, name: &DelegationName) -> bool {
    let parent = name.parent().map_or(Role::Targets, Role::Delegation);
    let version = |state: &State| state.seen.get(&parent).map(|seen| seen.version);
    match version(one).cmp(&version(other)) {
        Ordering::Greater => one.published.contains(name),
        Ordering::Less => other.published.contains(name),
        Ordering::Equal => true,
    }
}

fn newer_root<'s>(one: &'s State, other: &'s State) -> Result<&'s State, MergeConflict> {
    check_same(&one.root, &other.root)?;
    Ok(if one.root.version() >= other.root.version() { one } else { other })
}

/// Both begin a chain to the same root; the same one must be picked whoever merges.
fn oldest(one: &Arc<SignedRoot>, other: &Arc<SignedRoot>) -> Result<Arc<SignedRoot>, MergeConflict> {
    check_same(one, other)?;
    Ok(if one.version() <= other.version() { one.clone() } else { other.clone() })
}

fn check_same(one: &SignedRoot, other: &SignedRoot) -> Result<(), MergeConflict> {
    if one.version() == other.version() && one != other {
        return Err(MergeConflict { role: Role::Root, version: one.version() });
    }
    Ok(())
}

fn merge_seen(one: &State, other: &State) -> Result<BTreeMap<Role, Seen>, MergeConflict> {
    let mut merged = BTreeMap::new();
    for (role, seen) in still_binding(one, other).chain(still_binding(other, one)) {
        let newest = match merged.get(role) {
            Some(before) => newest(role, *before, *seen)?,
            None => *seen,
        };
        merged.insert(role.clone(), newest);
    }
    Ok(merged)
}

/// What `state` has seen, without versions under an older root that a root in `other` freed everybody from
/// (specification, section 3b, step 9).
fn still_binding<'s>(state: &'s State, other: &State) -> impl Iterator<Item = (&'s Role, &'s Seen)> {
    let freed = state.root.version() < other.recovered_at;
    state.seen.iter().filter(move |(role, _)| !(freed && matches!(role, Role::Timestamp | Role::Snapshot)))
}

fn newest(role: &Role, one: Seen, other: Seen) -> Result<Seen, MergeConflict> {
    if one.version == other.version && one != other {
        return Err(MergeConflict { role: role.clone(), version: one.version });
    }
    Ok(if one.version >= other.version { one } else { other })
}
