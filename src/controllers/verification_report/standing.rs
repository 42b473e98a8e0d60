//! How one pod, or the pods of one workload, stand: what was found last, since when, and what people were told.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::running::Verified;
use super::stored::Stored;
use crate::crd::{ImageResult, Violation};
use crate::report;

/// A verdict that another leader wrote so long ago may not have been told.
const TOLD_BY_NOW: i64 = 600;

/// How something stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// What was found last; nothing when no policy judges.
    pub(super) verified: Option<Verified>,
    pub(super) since: DateTime<Utc>,
    /// The last verdict that was one: what "unknown" interrupts.
    decided: Option<Verified>,
    told: Option<Verified>,
    violations: Option<Arc<[Violation]>>,
    /// Of the report that was written last.
    pub(super) written: Option<u64>,
    /// Writes that failed in a row.
    pub(super) failures: u32,
}

impl Standing {
    /// Takes up what was found. A stored report is asked only for times, and only the first time.
    pub(super) fn learn(&mut self, found: Verified, results: &[ImageResult], stored: Option<&Stored>, now: DateTime<Utc>, keep: Duration) {
        let first = self.verified.is_none();
        let stored = stored.filter(|_| first && self.written.is_none());
        if self.verified != Some(found) {
            let before = stored.and_then(|stored| stored.verified).filter(|(verified, _)| *verified == found);
            self.since = before.map_or(now, |(_, since)| since.min(now));
            self.verified = Some(found);
        }
        if let Some((verified, since)) = stored.and_then(|stored| stored.verified) {
            self.recall(verified, since, now);
        }
        if found != Verified::Unknown {
            self.decided = Some(found);
            // The first verdict is news only when it is a bad one.
            if self.told.is_none() && found == Verified::Yes {
                self.told = Some(found);
            }
        }
        self.keep_violations(results, stored, now, keep);
    }

    /// No policy judges any more.
    pub(super) fn unjudged(&mut self) {
        *self = Self { written: self.written, failures: self.failures, ..Self::default() };
    }

    /// Another leader has told what it wrote, unless it wrote a moment ago. Telling it again has no effect then.
    fn recall(&mut self, verified: Verified, since: DateTime<Utc>, now: DateTime<Utc>) {
        let is_recent = now.timestamp().saturating_sub(since.timestamp()) < TOLD_BY_NOW;
        if verified != Verified::Unknown && !(verified == Verified::No && is_recent) {
            self.told = Some(verified);
        }
    }

    fn keep_violations(&mut self, results: &[ImageResult], stored: Option<&Stored>, now: DateTime<Utc>, keep: Duration) {
        let carried = stored.and_then(|stored| stored.violations.as_deref()).map(|stored| report::carried(stored, now));
        let before = self.violations.as_deref().or(carried.as_deref()).unwrap_or_default();
        let violations = report::updated(before, results, now, keep);
        if violations.is_empty() {
            self.violations = None;
        } else if self.violations.as_deref() != Some(violations.as_slice()) {
            self.violations = Some(violations.into());
        }
    }

    /// What is violated, and what was not long ago.
    pub(super) fn violations(&self) -> &[Violation] {
        self.violations.as_deref().unwrap_or_default()
    }

    /// Whether a violation is kept that has ended.
    pub(super) fn has_closed(&self) -> bool {
        self.violations().iter().any(|violation| violation.closed.is_some())
    }

    /// Whether the last verdict that was one is a bad one.
    pub(super) fn is_bad(&self) -> bool {
        self.decided == Some(Verified::No)
    }

    /// Whether there is a verdict that nobody was told.
    pub(super) fn is_news(&self) -> bool {
        self.decided.is_some() && self.decided != self.told
    }

    /// Whether what was found last is that verdict, so that it can be explained.
    pub(super) fn can_be_told(&self) -> bool {
        self.is_news() && self.verified == self.decided
    }

    /// It is told now.
    pub(super) fn tells(&mut self) {
        self.told = self.decided;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests {
    use chrono::TimeZone;
    use serde_json::json;

    use super::*;
    use Verified::{No, Unknown, Yes};

    fn at(seconds: i64) -> DateTime<Utc> {
        Utc.timestamp_opt(seconds, 0).unwrap()
    }

    fn learn(standing: &mut Standing, found: Verified, stored: Option<&Stored>, seconds: i64) {
        let status = if found == No { "Untrusted" } else { "Trusted" };
        let result = json!({"image": "x", "containers": ["c"], "status": status, "policy": "a/p", "reason": "R"});
        let results = [serde_json::from_value(result).unwrap()];
        standing.learn(found, &results, stored, at(seconds), Duration::from_hours(1));
    }

    fn news(verdicts: &[Verified]) -> Vec<bool> {
        let mut standing = Standing::default();
        let mut tell = |verdict: &Verified| {
            learn(&mut standing, *verdict, None, 0);
            let is_news = standing.is_news();
            standing.tells();
            is_news
        };
        verdicts.iter().map(&mut tell).collect()
    }

    fn stored(verified: Verified, since: i64) -> Stored {
        let violation = json!({"image": "x", "policy": "a/p", "reason": "R", "opened": "1970-01-01T00:00:50Z"});
        let violations = vec![serde_json::from_value(violation).unwrap()];
        Stored { verified: Some((verified, at(since))), violations: Some(violations.into()), ..Stored::default() }
    }

    #[test]
    fn a_verdict_is_news_when_it_differs_from_the_last_one_that_was_known() {
        assert_eq!(news(&[Yes, Yes, No, No, Yes]), [false, false, true, false, true]);
        assert_eq!(news(&[No, Unknown, No, Unknown, Yes]), [true, false, false, false, true]);
    }

    #[test]
    fn what_another_leader_has_told_is_no_news() {
        let mut standing = Standing::default();
        learn(&mut standing, No, Some(&stored(No, 100)), 10_000);
        assert!(!standing.is_news());
        learn(&mut standing, Yes, None, 10_001);
        assert!(standing.is_news());
        // It may have ended before it told what it wrote last.
        let mut standing = Standing::default();
        learn(&mut standing, No, Some(&stored(No, 9_999)), 10_000);
        assert!(standing.is_news());
    }

    #[test]
    fn the_time_of_a_verdict_stays_while_the_verdict_does() {
        let mut standing = Standing::default();
        let times: Vec<_> = [(No, 10), (No, 20), (Yes, 30), (Yes, 40), (Unknown, 50)]
            .into_iter()
            .map(|(verdict, seconds)| {
                learn(&mut standing, verdict, None, seconds);
                standing.since.timestamp()
            })
            .collect();
        assert_eq!(times, [10, 10, 30, 30, 50]);
    }

    #[test]
    fn times_come_from_a_stored_report_once_and_only_for_what_is_found_again() {
        let since = |found: Verified, stored: &Stored| {
            let mut standing = Standing::default();
            learn(&mut standing, found, Some(stored), 1_000);
            (standing.since.timestamp(), standing.violations().first().map(|violation| violation.opened.0.as_second()))
        };
        assert_eq!(since(No, &stored(No, 100)), (100, Some(50)));
        assert_eq!(since(No, &stored(Yes, 100)), (1_000, Some(50)));
        // Nobody was distrusted tomorrow.
        assert_eq!(since(No, &stored(No, 2_000)).0, 1_000);
        // What this leader knows itself it does not read.
        let mut standing = Standing::default();
        learn(&mut standing, No, None, 500);
        learn(&mut standing, Yes, None, 600);
        learn(&mut standing, No, Some(&stored(No, 100)), 700);
        assert_eq!((standing.since.timestamp(), standing.violations()[0].opened.0.as_second()), (700, 700));
    }

    #[test]
    fn a_pod_that_no_policy_judges_any_more_begins_anew() {
        let mut standing = Standing::default();
        learn(&mut standing, No, None, 10);
        standing.unjudged();
        assert!(standing.verified.is_none() && standing.violations().is_empty() && !standing.is_news());
    }
}
