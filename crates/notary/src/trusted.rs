//! What an update found to be true.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::metadata::{Snapshot, Targets, Timestamp};
use crate::name::Gun;
use crate::state::State;
use crate::trust::{Anchors, RootRule, SignedRoot};
use crate::update::{Branches, Checked};

/// Verified trust data of one repository; only [`update`](crate::update) makes it.
#[derive(Debug)]
pub struct Trusted {
    pub(crate) gun: Gun,
    pub(crate) root: Arc<SignedRoot>,
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

    /// Which parties of the anchors stand behind the root, by their place in the quorum; of trust on first use, none.
    pub fn parties(&self, anchors: &Anchors, now: DateTime<Utc>) -> BTreeSet<usize> {
        self.state.anchored.parties(&RootRule { gun: &self.gun, anchors, now })
    }

    /// Until when the base roles hold; the timestamp is usually the first to expire.
    pub fn expires(&self) -> DateTime<Utc> {
        let below = [self.timestamp.file.expires, self.snapshot.file.expires, self.targets.file.expires];
        below.into_iter().fold(self.root.file.expires, DateTime::min)
    }
}
