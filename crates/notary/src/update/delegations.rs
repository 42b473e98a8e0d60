//! Step 5, second half: delegations, top down, each only by leave of its verified parent.
//!
//! A broken delegation does not end the run: another policy may not need it. Who needs it is told why it is broken.
//! A delegation that was published before and is now hidden ends the run, because the snapshot went backwards.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::check::{Checked, check_file};
use super::run::Run;
use super::targets::in_scope;
use crate::error::UpdateError;
use crate::fetch::Fetch;
use crate::metadata::{Delegated, Paths, Snapshot, Targets};
use crate::name::{DelegationName, Role};

/// What became of the delegations in scope.
pub(crate) type Branches = BTreeMap<DelegationName, Branch>;

/// One delegation in scope.
#[derive(Debug)]
pub(crate) struct Branch {
    /// What its parent says of it; absent when no verified parent delegates it.
    pub(crate) delegated: Option<Delegated>,
    pub(crate) outcome: Outcome,
}

/// What a delegation is worth.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// No verified parent delegates it, whatever the snapshot lists.
    NotDelegated,
    /// Delegated, but nothing was ever published.
    Unpublished,
    /// Delegated and published, but the file cannot be believed.
    Broken(UpdateError),
    /// Believed, for the tags that `paths` allow.
    Verified { targets: Checked<Targets>, paths: Paths },
}

impl Branch {
    pub(crate) fn verified(&self) -> Option<(&Checked<Targets>, &Paths)> {
        match &self.outcome {
            Outcome::Verified { targets, paths } => Some((targets, paths)),
            _ => None,
        }
    }
}

pub(super) fn check<F: Fetch>(
    run: &Run<'_, F>,
    snapshot: &Snapshot,
    targets: &Checked<Targets>,
    fetched: &BTreeMap<DelegationName, Result<Bytes, UpdateError>>,
) -> Result<Branches, UpdateError> {
    let mut branches = Branches::new();
    check_nothing_dropped(run, snapshot, &targets.file.body)?;
    for name in in_scope(&run.request.scope, snapshot) {
        let branch = match delegated(&name, &targets.file.body, &branches) {
            Some((delegated, above)) => branch(run, delegated, &above, fetched.get(&name)),
            None => Branch { delegated: None, outcome: Outcome::NotDelegated },
        };
        if let Some((verified, _)) = branch.verified() {
            check_nothing_dropped(run, snapshot, &verified.file.body)?;
        }
        branches.insert(name, branch);
    }
    Ok(branches)
}

/// What the verified parent says of `name`, and what the parent itself may speak for.
fn delegated(name: &DelegationName, targets: &Targets, branches: &Branches) -> Option<(Delegated, Paths)> {
    let (parent, above) = match name.parent() {
        None => (targets, Paths::everything()),
        Some(parent) => {
            let (checked, paths) = branches.get(&parent)?.verified()?;
            (&checked.file.body, paths.clone())
        }
    };
    Some((parent.delegated(name)?.clone(), above))
}

fn branch<F: Fetch>(run: &Run<'_, F>, delegated: Delegated, above: &Paths, fetched: Option<&Result<Bytes, UpdateError>>) -> Branch {
    let outcome = match fetched {
        None => Outcome::Unpublished,
        Some(Err(error)) => Outcome::Broken(error.clone()),
        Some(Ok(bytes)) => match check_one(run, &delegated, bytes) {
            Ok(targets) => Outcome::Verified { targets, paths: above.narrowed_to(&delegated.paths) },
            Err(error) => Outcome::Broken(error),
        },
    };
    Branch { delegated: Some(delegated), outcome }
}

fn check_one<F: Fetch>(run: &Run<'_, F>, delegated: &Delegated, bytes: &Bytes) -> Result<Checked<Targets>, UpdateError> {
    let role = Role::Delegation(delegated.name.clone());
    let targets: Checked<Targets> = check_file(run, &role, &delegated.keys, bytes, run.seen(&role))?;
    let structure = |source| UpdateError::Structure { role, source };
    targets.file.body.check_children(Some(&delegated.name)).map_err(structure)?;
    Ok(targets)
}

/// Step 4: a role seen before that is still delegated must still be listed.
fn check_nothing_dropped<F: Fetch>(run: &Run<'_, F>, snapshot: &Snapshot, parent: &Targets) -> Result<(), UpdateError> {
    let names = parent.delegations.iter().map(|role| &role.name);
    let mut dropped = names.filter(|name| run.was_published(name) && !snapshot.delegations.contains_key(*name));
    match dropped.next() {
        Some(role) => Err(UpdateError::DelegationDropped { role: role.clone() }),
        None => Ok(()),
    }
}
