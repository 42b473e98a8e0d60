//! Violations: since when an image is not trusted, and for a while when that ended.
//!
//! Invariant: whether there is a violation comes from verdicts alone; what was known before lends it its times, and
//! none of them lies in the future. That nothing could be found out ends no violation.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::condition::whole_seconds;
use super::tally::is_refused;
use crate::crd::{ImageResult, ImageStatus, Time, Violation};

/// As many as a report takes.
const MOST: usize = 64;

/// The violations now, after those `before`; closed ones are kept for so long.
pub(crate) fn updated(before: &[Violation], results: &[ImageResult], now: DateTime<Utc>, keep: Duration) -> Vec<Violation> {
    let mut open: Vec<Violation> = Vec::new();
    for result in results.iter().filter(|result| is_refused(result.status)) {
        let violation = violation(result, before, now);
        if !open.iter().any(|known| is_same(known, result)) {
            open.push(violation);
        }
    }
    let is_open = |violation: &Violation| open.iter().any(|open| same_place(open, violation));
    let mut over: Vec<Violation> = before.iter().filter(|violation| !is_open(violation)).cloned().collect();
    for violation in over.iter_mut().filter(|violation| violation.closed.is_none()) {
        let doubted = results.iter().any(|result| result.status == ImageStatus::Unknown && is_same(violation, result));
        if !doubted {
            violation.closed = Some(whole_seconds(now));
        }
    }
    over.retain(|violation| violation.closed.as_ref().is_none_or(|closed| is_recent(closed, now, keep)));
    // Still open ones first, then those that ended last.
    over.sort_by(|one, other| (one.closed.is_some(), &other.closed).cmp(&(other.closed.is_some(), &one.closed)));
    open.extend(over);
    open.truncate(MOST);
    open
}

/// What a stored report says of times, made harmless: none is in the future, nothing ended before it began.
pub(crate) fn carried(stored: &[Violation], now: DateTime<Utc>) -> Vec<Violation> {
    let now = whole_seconds(now);
    let past = |time: &Time| if *time > now { now.clone() } else { time.clone() };
    let carry = |violation: &Violation| {
        let opened = past(&violation.opened);
        let closed = violation.closed.as_ref().map(|closed| past(closed).max(opened.clone()));
        Violation { opened, closed, ..violation.clone() }
    };
    stored.iter().take(MOST).map(carry).collect()
}

/// One that was open keeps its time, one that had ended begins anew.
fn violation(result: &ImageResult, before: &[Violation], now: DateTime<Utc>) -> Violation {
    let known =
        before.iter().filter(|violation| violation.closed.is_none() && is_same(violation, result)).map(|violation| &violation.opened).min();
    let now = whole_seconds(now);
    Violation {
        image: result.image.clone(),
        digest: result.digest.clone(),
        policy: result.policy.clone(),
        reason: result.reason.clone(),
        opened: known.filter(|opened| **opened <= now).cloned().unwrap_or(now),
        closed: None,
    }
}

/// An image whose digest becomes known is the same image.
fn is_same(violation: &Violation, result: &ImageResult) -> bool {
    violation.policy == result.policy && violation.image == result.image && agree(violation.digest.as_ref(), result.digest.as_ref())
}

fn same_place(one: &Violation, other: &Violation) -> bool {
    one.policy == other.policy && one.image == other.image && agree(one.digest.as_ref(), other.digest.as_ref())
}

fn agree(one: Option<&String>, other: Option<&String>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// A clock that was set back makes no violation stay longer.
fn is_recent(closed: &Time, now: DateTime<Utc>, keep: Duration) -> bool {
    let age = now.timestamp().saturating_sub(closed.0.as_second());
    u64::try_from(age).unwrap_or(u64::MAX) < keep.as_secs()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests {
    use chrono::TimeZone;
    use serde_json::json;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(seconds: i64) -> DateTime<Utc> {
        Utc.timestamp_opt(seconds, 0).unwrap()
    }

    fn result(image: &str, digest: Option<&str>, status: &str) -> ImageResult {
        let mut result = json!({"image": image, "containers": ["c"], "status": status, "policy": "a/p", "reason": "NoSignature"});
        if let Some(digest) = digest {
            result["digest"] = digest.into();
        }
        serde_json::from_value(result).unwrap()
    }

    /// Seconds of opening and closing.
    fn times(violations: &[Violation]) -> Vec<(i64, Option<i64>)> {
        violations
            .iter()
            .map(|violation| (violation.opened.0.as_second(), violation.closed.as_ref().map(|time| time.0.as_second())))
            .collect()
    }

    fn opened(seconds: i64) -> Vec<Violation> {
        updated(&[], &[result("x", Some("d"), "Untrusted")], at(seconds), HOUR)
    }

    #[test]
    fn a_violation_keeps_the_time_at_which_it_was_found_first() {
        let later = updated(&opened(100), &[result("x", Some("d"), "Revoked")], at(200), HOUR);
        assert_eq!(times(&later), [(100, None)]);
    }

    #[test]
    fn what_is_trusted_again_is_closed_and_forgotten_after_a_while() {
        let trusted = [result("x", Some("d"), "Trusted")];
        let closed = updated(&opened(100), &trusted, at(200), HOUR);
        assert_eq!(times(&closed), [(100, Some(200))]);
        let kept = updated(&closed, &trusted, at(3_799), HOUR);
        assert_eq!(times(&kept), [(100, Some(200))]);
        assert_eq!(updated(&kept, &trusted, at(3_800), HOUR), []);
    }

    #[test]
    fn an_image_that_is_gone_or_that_no_policy_judges_violates_nothing_any_more() {
        assert_eq!(times(&updated(&opened(100), &[], at(200), HOUR)), [(100, Some(200))]);
    }

    #[test]
    fn that_nothing_could_be_found_out_neither_opens_nor_closes() {
        let unknown = [result("x", Some("d"), "Unknown")];
        assert_eq!(times(&updated(&opened(100), &unknown, at(200), HOUR)), [(100, None)]);
        assert_eq!(updated(&[], &unknown, at(200), HOUR), []);
    }

    #[test]
    fn a_violation_that_comes_back_begins_anew() {
        let closed = updated(&opened(100), &[], at(200), HOUR);
        assert_eq!(times(&updated(&closed, &[result("x", Some("d"), "Untrusted")], at(300), HOUR)), [(300, None)]);
    }

    #[test]
    fn an_image_whose_digest_becomes_known_is_the_same_and_another_digest_is_not() {
        let unknown = updated(&[], &[result("x", None, "Untrusted")], at(100), HOUR);
        let known = updated(&unknown, &[result("x", Some("d"), "Untrusted")], at(200), HOUR);
        assert_eq!((times(&known), known[0].digest.as_deref()), (vec![(100, None)], Some("d")));
        let other = updated(&known, &[result("x", Some("e"), "Untrusted")], at(300), HOUR);
        assert_eq!(times(&other), [(300, None), (100, Some(300))]);
    }

    #[test]
    fn a_clock_that_steps_makes_no_time_of_the_future_and_nothing_last() {
        let back = updated(&opened(10_000), &[result("x", Some("d"), "Untrusted")], at(5), HOUR);
        assert_eq!(times(&back), [(5, None)]);
        let closed = updated(&opened(9_000), &[], at(10_000), HOUR);
        assert_eq!(updated(&closed, &[], at(5), HOUR), []);
    }

    #[test]
    fn forged_times_are_cut_to_what_can_be() {
        let mut forged = opened(9_000);
        forged[0].closed = Some(whole_seconds(at(10)));
        assert_eq!(times(&carried(&forged, at(100))), [(100, Some(100))]);
        let many: Vec<_> = std::iter::repeat_n(opened(1).remove(0), 500).collect();
        assert_eq!(carried(&many, at(100)).len(), 64);
    }

    #[test]
    fn of_too_many_the_open_ones_stay() {
        let images: Vec<_> = (0..100).map(|n| result(&format!("i{n}"), None, "Untrusted")).collect();
        let (first, rest) = images.split_at(40);
        let before = updated(&[], first, at(100), HOUR);
        let now = updated(&before, rest, at(200), HOUR);
        assert_eq!((now.len(), now.iter().filter(|violation| violation.closed.is_none()).count()), (64, 60));
    }
}
