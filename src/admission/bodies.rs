//! How many bytes of reviews are read at one time (security rule 21).
//!
//! Invariant: no body is read before there is room for all of it. Strangers never get here: their path is unknown.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Four of the largest, or thousands of ordinary ones.
const MOST: u32 = 64 * 1024 * 1024;

/// Room for the bodies of all reviews that are being answered.
#[derive(Clone, Debug)]
pub struct Bodies(Arc<Semaphore>);

/// Room for one body, until its review is answered.
pub(super) type Room = OwnedSemaphorePermit;

impl Default for Bodies {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl Bodies {
    /// Room for so many bytes in all.
    pub(super) fn of(bytes: u32) -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(bytes).unwrap_or(Semaphore::MAX_PERMITS))))
    }

    /// Waits for room, but not beyond the time in which the review must be answered.
    pub(super) async fn room(&self, bytes: u64, deadline: Instant) -> Option<Room> {
        let bytes = u32::try_from(bytes).ok()?;
        timeout_at(deadline, self.0.clone().acquire_many_owned(bytes)).await.ok()?.ok()
    }
}
