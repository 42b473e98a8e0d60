//! When a pod is looked at again without anything having happened to it, and how fast reports are written.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_mins(2);

/// So that no second has more writes than allowed, also when timers are a little early and answers come in groups.
const MARGIN: f64 = 1.03;
/// A turn that came so late at most is made up for.
const LATE: Duration = Duration::from_millis(10);

/// Pods that are being admitted do not wait for reports of others; reports wait for a pause, but not forever.
const MOST_WAIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);

/// Lets one write pass at a time, and makes up for a late one, but not for a pause.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Waits for this write's turn, when there are `per_second`.
    pub(super) async fn turn(&self, per_second: u32) {
        let between = Duration::from_secs(1).div_f64(f64::from(per_second.max(1))).mul_f64(MARGIN);
        let when = {
            let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = Instant::now().checked_sub(LATE).unwrap_or_else(Instant::now);
            let when = next.map_or(earliest, |next| next.max(earliest));
            *next = Some(when + between);
            when
        };
        sleep_until(when).await;
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

/// After a verdict: when its lifetime has ended, and up to a fifth later by `roll` (0 to 1), so that not all end at once.
pub(super) fn refresh(interval: Duration, roll: f64) -> Duration {
    interval.mul_f64(1.0 + 0.2 * roll.clamp(0.0, 1.0))
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
        let five = Duration::from_mins(5);
        assert_eq!([refresh(five, 0.0), refresh(five, 1.0)].map(|after| after.as_secs()), [300, 360]);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_reports_are_written_in_a_second_as_allowed_and_no_more() {
        let (pace, start) = (Pace::default(), Instant::now());
        for _ in 0..400 {
            pace.turn(200).await;
        }
        assert!((2.02..2.1).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
        // What was not used does not add up to a rush.
        tokio::time::advance(Duration::from_mins(1)).await;
        let start = Instant::now();
        for _ in 0..200 {
            pace.turn(200).await;
        }
        assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn another_rate_holds_from_the_next_write_on() {
        let (pace, start) = (Pace::default(), Instant::now());
        for _ in 0..20 {
            pace.turn(10).await;
        }
        assert!(start.elapsed() > Duration::from_millis(1_900), "{:?}", start.elapsed());
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
