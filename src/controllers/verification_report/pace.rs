//! When a pod is looked at again without anything having happened to it, and how fast reports are written.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::crd::VerificationReport;

/// A verdict is about this old at most.
const REFRESH: Duration = Duration::from_mins(5);
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_mins(2);

/// Between two writes: at most 200 in a second, so that a change for all pods leaves the API server to others.
const BETWEEN_WRITES: Duration = Duration::from_millis(5);

/// Pods that are being admitted do not wait for reports of others; reports wait for a pause, but not forever.
const MOST_WAIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);

/// Lets one write pass at a time.
pub(super) struct Pace(Mutex<Interval>);

impl Default for Pace {
    fn default() -> Self {
        let mut ticks = interval(BETWEEN_WRITES);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Mutex::new(ticks))
    }
}

impl Pace {
    /// Waits for this write's turn.
    pub(super) async fn turn(&self) {
        self.0.lock().await.tick().await;
    }
}

/// Whether a look that has been put off for so long may be put off once more.
pub(super) fn may_wait(waited: Duration) -> bool {
    waited < MOST_WAIT
}

/// Until it is tried again whether pods are still being admitted: half a second to a second by `roll`.
pub(super) fn off_peak(roll: f64) -> Duration {
    PAUSE.mul_f64(1.0 + roll.clamp(0.0, 1.0))
}

/// Whether something in the report could not be determined.
pub(super) fn is_unknown(report: &VerificationReport) -> bool {
    report.status.as_ref().is_some_and(|status| status.summary.unknown > 0)
}

/// After a report in which everything was determined: 5 minutes, give or take a tenth by `roll` (0 to 1).
pub(super) fn refresh(roll: f64) -> Duration {
    REFRESH.mul_f64(0.9 + 0.2 * roll.clamp(0.0, 1.0))
}

/// After `failures` failures in a row: 5 seconds, doubled each time up to 2 minutes, and up to a fifth less by `roll`.
pub(super) fn retry(failures: u32, roll: f64) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LAST_RETRY).mul_f64(1.0 - 0.2 * roll.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_verdict_is_looked_at_again_after_about_five_minutes() {
        assert_eq!([refresh(0.0), refresh(0.5), refresh(1.0)].map(|after| after.as_secs()), [270, 300, 330]);
    }

    #[tokio::test(start_paused = true)]
    async fn two_hundred_reports_are_written_in_a_second_and_no_more() {
        let (pace, start) = (Pace::default(), tokio::time::Instant::now());
        for _ in 0..400 {
            pace.turn().await;
        }
        assert!((1.9..2.1).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
        // What was not used does not add up to a rush.
        tokio::time::advance(Duration::from_mins(1)).await;
        let start = tokio::time::Instant::now();
        for _ in 0..100 {
            pace.turn().await;
        }
        assert!(start.elapsed() > Duration::from_millis(450), "{:?}", start.elapsed());
    }

    #[test]
    fn reports_wait_for_a_pause_and_not_forever() {
        assert!(may_wait(Duration::ZERO) && may_wait(Duration::from_millis(4_900)));
        assert!(!may_wait(Duration::from_secs(5)));
        assert_eq!([off_peak(0.0), off_peak(1.0)], [PAUSE, 2 * PAUSE]);
    }

    #[test]
    fn an_unknown_one_is_retried_with_back_off() {
        let seconds: Vec<_> = (1..8).map(|failures| retry(failures, 0.0).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 120, 120]);
        assert_eq!(retry(1, 1.0), Duration::from_secs(4));
        assert_eq!(retry(u32::MAX, 0.0), LAST_RETRY);
    }
}
