//! How often we put back what others change: a few times at once, then slowly, so that two controllers do not fight.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Desired;

const QUICK_REPAIRS: usize = 5;
const WINDOW: Duration = Duration::from_mins(1);
const SLOW_INTERVAL: Duration = Duration::from_secs(30);

/// The writes of the last minute that all had the same intent.
#[derive(Default)]
pub(super) struct Repairs {
    intent: Option<Desired>,
    writes: VecDeque<Instant>,
}

impl Repairs {
    /// When a write with this intent may happen. A new intent is never held back: it is ours, not another's doing.
    pub(super) fn due(&mut self, intent: &Desired, now: Instant) -> Instant {
        if self.intent.as_ref() != Some(intent) {
            self.intent = Some(intent.clone());
            self.writes.clear();
        }
        while self.writes.front().is_some_and(|first| now.saturating_duration_since(*first) >= WINDOW) {
            self.writes.pop_front();
        }
        match self.writes.back() {
            Some(last) if self.writes.len() >= QUICK_REPAIRS => *last + SLOW_INTERVAL,
            _ => now,
        }
    }

    #[cfg(test)]
    pub(super) fn is_untouched(&self) -> bool {
        self.writes.is_empty()
    }

    /// Counts a write; answers whether it is one too many.
    pub(super) fn count(&mut self, now: Instant) -> bool {
        self.writes.push_back(now);
        self.writes.len() > QUICK_REPAIRS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::webhook_configuration::fixtures::{cover, frame};
    use crate::controllers::webhook_configuration::{Cover, desired};

    fn exhausted(now: Instant) -> (Repairs, Desired) {
        let intent = desired(&Cover::default(), &frame());
        let mut repairs = Repairs::default();
        for _ in 0..QUICK_REPAIRS {
            assert_eq!(repairs.due(&intent, now), now);
            assert!(!repairs.count(now));
        }
        (repairs, intent)
    }

    #[test]
    fn a_fight_slows_down_after_a_few_repairs() {
        let now = Instant::now();
        let (mut repairs, intent) = exhausted(now);
        assert_eq!(repairs.due(&intent, now), now + SLOW_INTERVAL);
        let later = now + SLOW_INTERVAL;
        assert!(repairs.due(&intent, later) <= later);
        assert!(repairs.count(later));
    }

    #[test]
    fn a_minute_of_peace_makes_repairs_quick_again() {
        let now = Instant::now();
        let (mut repairs, intent) = exhausted(now);
        assert_eq!(repairs.due(&intent, now + WINDOW), now + WINDOW);
    }

    #[test]
    fn a_fight_never_holds_back_new_coverage() {
        let now = Instant::now();
        let (mut repairs, _) = exhausted(now);
        assert_eq!(repairs.due(&desired(&cover(Some(true), &[], false), &frame()), now), now);
    }
}
