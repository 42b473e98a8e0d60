//! How often a receiver gets a message: a few at once, then one per interval.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Messages that follow each other at once after a silence.
const BURST: u32 = 5;

/// A bucket of turns.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the bucket is full again.
    full: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { full: Instant::now() }
    }

    /// Waits for a turn and takes it.
    pub(super) async fn turn(&mut self, every: Duration) {
        let allowance = every.saturating_mul(BURST - 1);
        if let Some(next) = self.full.checked_sub(allowance) {
            sleep_until(next).await;
        }
        self.full = self.full.max(Instant::now()) + every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(10);

    async fn seconds(pace: &mut Pace, turns: usize) -> Vec<u64> {
        let start = Instant::now();
        let mut waited = Vec::new();
        for _ in 0..turns {
            pace.turn(EVERY).await;
            waited.push(start.elapsed().as_secs());
        }
        waited
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_follow_at_once_and_then_one_per_interval() {
        assert_eq!(seconds(&mut Pace::new(), 8).await, [0, 0, 0, 0, 0, 10, 20, 30]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_gives_turns_back_but_never_more_than_a_few() {
        let mut pace = Pace::new();
        seconds(&mut pace, 5).await;
        tokio::time::advance(2 * EVERY).await;
        assert_eq!(seconds(&mut pace, 3).await, [0, 0, 10]);
        tokio::time::advance(100 * EVERY).await;
        assert_eq!(seconds(&mut pace, 6).await, [0, 0, 0, 0, 0, 10]);
    }
}
