//! What was seen of trust data, so that nobody can turn it back (security rule 26).
//!
//! Boundary: where it is kept is somebody else's business; this room says what keeping means. Invariant: what one owner
//! saw answers no other, what cannot be read is a fault and never first contact, and what [`StateStore::keep`] returned
//! survives whoever asked for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};
use notary::State;

/// Whose memory of which repository: tier or tenant namespace, server, GUN, hash over the anchors (security rule 26).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateKey {
    /// The operator namespace for what holds cluster-wide, else the tenant's namespace.
    pub owner: String,
    /// The normalised URL of the server.
    pub server: String,
    /// The repository.
    pub gun: notary::Gun,
    /// A hash over everything that makes a root believable.
    pub anchors: [u8; 32],
}

/// Where what was seen is kept.
pub trait StateStore: Send + Sync {
    /// What was kept last; nothing on first contact.
    fn load<'a>(&'a self, key: &'a StateKey) -> BoxFuture<'a, Result<Option<Arc<State>>, StateFault>>;
    /// Merges with what is stored and returns what is stored now; returns only after it is durable.
    fn keep<'a>(&'a self, key: &'a StateKey, state: &'a State) -> BoxFuture<'a, Result<Arc<State>, StateFault>>;
}

/// Why what was seen is not known, or cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateFault {
    /// It was kept, and cannot be read any more.
    #[error("what was seen of this repository before cannot be read")]
    Unreadable,
    /// The namespace has used up its room.
    #[error(
        "the namespace has as many repositories remembered as it may (--notary-quota of the operator); `bonafide notary reset` forgets some"
    )]
    QuotaExceeded,
    /// What was seen of the repository is more than can be kept.
    #[error("what was seen of this repository is more than can be kept")]
    NoRoom,
    /// The place where it is kept does not answer.
    #[error("what was seen of this repository before is not available now")]
    Unavailable,
    /// Other replicas saw more each time.
    #[error("other replicas see newer trust data all the time")]
    Contended,
    /// Two different files of one version were seen, one of them by another replica.
    #[error("another replica has seen other trust data")]
    Conflict(#[source] notary::MergeConflict),
}

/// A memory that ends with the process, for the command line and for tests.
#[derive(Debug, Default)]
pub struct MemoryStateStore(Mutex<BTreeMap<StateKey, Arc<State>>>);

impl MemoryStateStore {
    fn merge(&self, key: &StateKey, state: &State) -> Result<Arc<State>, StateFault> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let merged = match kept.get(key) {
            Some(before) => Arc::new(before.merge(state).map_err(StateFault::Conflict)?),
            None => Arc::new(state.clone()),
        };
        kept.insert(key.clone(), merged.clone());
        Ok(merged)
    }
}

impl StateStore for MemoryStateStore {
    fn load<'a>(&'a self, key: &'a StateKey) -> BoxFuture<'a, Result<Option<Arc<State>>, StateFault>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        ready(Ok(kept)).boxed()
    }

    fn keep<'a>(&'a self, key: &'a StateKey, state: &'a State) -> BoxFuture<'a, Result<Arc<State>, StateFault>> {
        ready(self.merge(key, state)).boxed()
    }
}
