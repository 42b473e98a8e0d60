//! Whether pods are being admitted right now, for work that can wait while they are.
//!
//! Boundary: a clock reading; what waits, and for how long at most, is its own business. Invariant: never blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Requests of a burst follow one another faster than this.
const PAUSE: Duration = Duration::from_millis(200);

/// When a request was last judged. Clones share it.
#[derive(Clone, Debug)]
pub struct Traffic {
    start: Instant,
    /// In milliseconds since the start, plus one; 0 is never.
    last: Arc<AtomicU64>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { start: Instant::now(), last: Arc::default() }
    }
}

impl Traffic {
    /// A request is judged.
    pub(super) fn passes(&self) {
        self.last.store(self.now().saturating_add(1), Ordering::Relaxed);
    }

    /// Whether one was a moment ago, so that more are to be expected.
    pub fn is_dense(&self) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        last > 0 && u128::from(self.now().saturating_sub(last)) < PAUSE.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn traffic_is_dense_for_a_moment_after_each_request() {
        let traffic = Traffic::default();
        assert!(!traffic.is_dense());
        traffic.passes();
        assert!(traffic.clone().is_dense());
        tokio::time::advance(PAUSE / 2).await;
        assert!(traffic.is_dense());
        tokio::time::advance(PAUSE).await;
        assert!(!traffic.is_dense());
    }
}
