//! What has to be remembered between runs, so that nobody can turn the clock back (specification, section 3b).
//!
//! Boundary: this crate neither stores nor shares it. One state belongs to one server, one repository and one set of
//! anchors; it is written after a complete success and before the result is used.

mod document;
mod merge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use document::StateError;
pub use merge::MergeConflict;

use crate::hash::Sha256;
use crate::name::{DelegationName, Role};
use crate::trust::SignedRoot;

/// What one run leaves for the next. Equal states need not be written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub(crate) root: Arc<SignedRoot>,
    pub(crate) anchored: Arc<SignedRoot>,
    pub(crate) recovered_at: u64,
    pub(crate) seen: BTreeMap<Role, Seen>,
    pub(crate) published: BTreeSet<DelegationName>,
}

impl State {
    /// The version of the root that is trusted.
    pub fn root_version(&self) -> u64 {
        self.root.version()
    }

    /// The newest version of each other role that was believed.
    pub fn versions(&self) -> impl Iterator<Item = (&Role, u64)> {
        self.seen.iter().map(|(role, seen)| (role, seen.version))
    }
}

/// The newest file of a role that was believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) version: u64,
    pub(crate) sha256: Sha256,
}
