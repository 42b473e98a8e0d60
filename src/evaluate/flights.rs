//! How many verifications are under way: bounded in all, and for each namespace (security rule 21).
//!
//! Invariant: a namespace waits for its own verifications only, unless several together take all places.

use std::sync::Arc;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Fault;

/// With what each may hold in memory (4 MiB of signature objects) this bounds the whole.
const MOST: usize = 64;
/// A pod of eight different images verifies them all at once.
const MOST_PER_NAMESPACE: usize = 16;
/// Namespaces whose places are remembered; far more than verify at one time.
const NAMESPACES: u64 = 10_000;

/// The places.
#[derive(Clone, Debug)]
pub(super) struct Flights {
    all: Arc<Semaphore>,
    of: Cache<String, Arc<Semaphore>>,
}

/// A verification under way.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Flights {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MOST)), of: Cache::new(NAMESPACES) }
    }
}

impl Flights {
    /// Waits for a place, first among those of the namespace, so that nobody waits for all others with one in hand.
    pub(super) async fn place(&self, namespace: &str) -> Result<Place, Fault> {
        let own = self.of.get_with_by_ref(namespace, || Arc::new(Semaphore::new(MOST_PER_NAMESPACE)));
        let own = own.acquire_owned().await.map_err(|_| Fault::Internal)?;
        let all = self.all.clone().acquire_owned().await.map_err(|_| Fault::Internal)?;
        Ok(Place { _own: own, _all: all })
    }
}
