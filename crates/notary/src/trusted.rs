//! What an update found to be true.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::error::Failure;
use crate::metadata::{Snapshot, Targets, Timestamp};
use crate::name::Gun;
use crate::state::State;
use crate::trust::{Anchors, RootRule, SignedRoot};
use crate::update::{Branch, Branches, Checked, Outcome};

/// Verified trust data of one repository; only [`update`](crate::update) makes it.
#[derive(Debug)]
pub struct Trusted {
    pub(crate) gun: Gun,
    pub(crate) root: Arc<SignedRoot>,
    pub(crate) certified_until: DateTime<Utc>,
    pub(crate) timestamp: Checked<Timestamp>,
    pub(crate) snapshot: Checked<Snapshot>,
    pub(crate) targets: Checked<Targets>,
    pub(crate) delegations: Branches,
    pub(crate) state: State,
}

impl Trusted {
    /// The repository.
    pub fn gun(&self) -> &Gun {
        &self.gun
    }

    /// What to keep for the next run, written before anything here is used.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Which parties of the anchors stand behind the root, by their place in the quorum; of trust on first use, the first.
    pub fn parties(&self, anchors: &Anchors, now: DateTime<Utc>) -> BTreeSet<usize> {
        let rule = RootRule { gun: &self.gun, anchors, now };
        let begins = if anchors.ask_for_several() { &self.root } else { &self.state.anchored };
        begins.parties(&rule)
    }

    /// Until when the base roles hold, and the certificates of the root; the timestamp is usually the first to expire.
    pub fn expires(&self) -> DateTime<Utc> {
        let below = [self.timestamp.file.expires, self.snapshot.file.expires, self.targets.file.expires, self.certified_until];
        below.into_iter().fold(self.root.file.expires, DateTime::min)
    }

    /// Whether all that is in scope could be fetched; otherwise the next run may find more.
    pub fn is_complete(&self) -> bool {
        let unavailable = |outcome: &Outcome| matches!(outcome, Outcome::Broken(error) if error.failure() == Failure::Unavailable);
        !self.delegations.values().any(|branch| unavailable(&branch.outcome))
    }

    /// The bytes of all files, from which follows what is held of them.
    pub fn length(&self) -> usize {
        let delegations = self.delegations.values().filter_map(Branch::verified).map(|(file, _)| file.length);
        let below = [self.timestamp.length, self.snapshot.length, self.targets.length];
        below.into_iter().chain(delegations).fold(self.root.bytes.len(), usize::saturating_add)
    }
}
