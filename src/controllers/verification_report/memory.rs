//! What this leader remembers of a pod between two looks at it. Losing it costs a request, never a wrong report.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::running::{self, Counts, SeenPod, Verified};
use super::seen::Seen;
use crate::crd::{Condition, VerificationReport};
use crate::policy::ObjectName;

/// Per pod, by its name and uid.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<ObjectName, Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    uid: String,
    failures: u32,
    fingerprint: Option<u64>,
    conditions: Vec<Condition>,
    seen: Option<Seen>,
    /// The last verdict that was one: what "unknown" interrupts.
    decided: Option<Verified>,
    waits_since: Option<Instant>,
    /// Whether it was looked at at all.
    settled: bool,
}

impl Memory {
    /// Counts another look that found nothing out; how many in a row.
    pub(super) fn failed(&self, pod: &ObjectName, uid: &str) -> u32 {
        self.with(pod, uid, |remembered| {
            remembered.failures = remembered.failures.saturating_add(1);
            remembered.failures
        })
    }

    /// Ends a row of failures.
    pub(super) fn succeeded(&self, pod: &ObjectName, uid: &str) {
        self.with(pod, uid, |remembered| remembered.failures = 0);
    }

    /// How long a look at the pod has been put off by now; the first time begins it.
    pub(super) fn put_off(&self, pod: &ObjectName, uid: &str) -> Duration {
        self.with(pod, uid, |remembered| remembered.waits_since.get_or_insert_with(Instant::now).elapsed())
    }

    /// The pod is looked at: the next time that it is put off is a new one.
    pub(super) fn looked(&self, pod: &ObjectName) {
        if let Some(remembered) = self.lock().get_mut(pod) {
            remembered.waits_since = None;
        }
    }

    /// Remembers what is about to be written, so that its echo in the watch is recognised.
    pub(super) fn writes(&self, pod: &ObjectName, report: &VerificationReport) {
        self.with(pod, &report.spec.pod.uid, |remembered| {
            remembered.fingerprint = Some(fingerprint(report));
            remembered.conditions = report.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default();
        });
    }

    /// Remembers what was found out; whether the verdict is another than the last one that was known.
    pub(super) fn saw(&self, pod: &ObjectName, uid: &str, seen: Option<Seen>, stored: Option<Verified>) -> bool {
        self.with(pod, uid, |remembered| {
            let now = seen.as_ref().map(|seen| seen.verified).filter(|verified| *verified != Verified::Unknown);
            let before = remembered.decided.or(stored.filter(|verified| *verified != Verified::Unknown));
            remembered.decided = now.or(before);
            remembered.seen = seen;
            remembered.settled = true;
            // The first verdict is news only when it is a bad one.
            now.is_some_and(|now| before.map_or(now == Verified::No, |before| before != now))
        })
    }

    /// Counts what was found out about the pods that still exist.
    pub(super) fn count(&self, exists: impl Fn(&ObjectName) -> bool) -> Counts {
        let all = self.lock();
        let there = all.iter().filter(|(pod, remembered)| remembered.settled && exists(pod));
        let mut counts = running::count(there.clone().filter_map(|(pod, remembered)| Some((pod, remembered.seen.as_ref()?))));
        counts.looked_at = u64::try_from(there.count()).unwrap_or(u64::MAX);
        counts
    }

    /// What was found out about the pods that still exist, in no order.
    pub(super) fn pods(&self, exists: impl Fn(&ObjectName) -> bool) -> Vec<SeenPod> {
        let all = self.lock();
        let there = all.iter().filter(|(pod, _)| exists(pod)).filter_map(|(pod, remembered)| Some((pod, remembered.seen.as_ref()?)));
        there
            .map(|(pod, Seen { verified, since, workload, results })| SeenPod {
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
                workload: workload.as_deref().cloned(),
                verified: *verified,
                since: *since,
                results: results.clone(),
            })
            .collect()
    }

    /// Whether the stored report is the one that was written last.
    pub(super) fn wrote(&self, pod: &ObjectName, report: &VerificationReport) -> bool {
        self.lock().get(pod).is_some_and(|remembered| remembered.fingerprint == Some(fingerprint(report)))
    }

    /// The conditions that were written last for this pod: unlike the stored ones nobody else can have touched them.
    pub(super) fn conditions(&self, pod: &ObjectName, uid: &str) -> Option<Vec<Condition>> {
        let remembered = self.lock();
        let of_pod = remembered.get(pod).filter(|remembered| remembered.uid == uid && remembered.fingerprint.is_some())?;
        Some(of_pod.conditions.clone())
    }

    /// Forgets pods that are gone.
    pub(super) fn keep(&self, exists: impl Fn(&ObjectName) -> bool) {
        self.lock().retain(|pod, _| exists(pod));
    }

    /// Another uid is another pod, of which nothing is known.
    fn with<T>(&self, pod: &ObjectName, uid: &str, change: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut all = self.lock();
        let remembered = all.entry(pod.clone()).or_default();
        if remembered.uid != uid {
            *remembered = Remembered { uid: uid.to_owned(), ..Remembered::default() };
        }
        change(remembered)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectName, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Over everything that we write; not over what the API server adds.
fn fingerprint(report: &VerificationReport) -> u64 {
    let mut hasher = DefaultHasher::new();
    let VerificationReport { metadata, spec, status } = report;
    let written = (&metadata.labels, &metadata.owner_references, spec, status);
    serde_json::to_vec(&written).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::controllers::verification_report::seen::Shared;
    use crate::report::{self, PodFacts, Workload};

    fn pod() -> ObjectName {
        ObjectName::new("shop", "web")
    }

    fn report(uid: &str) -> VerificationReport {
        let facts = PodFacts { namespace: "shop".to_owned(), name: "web".to_owned(), uid: uid.to_owned(), workload: None, images: vec![] };
        report::content(&facts, &[], &[], DateTime::<Utc>::UNIX_EPOCH)
    }

    #[test]
    fn failures_are_counted_in_a_row_and_per_uid() {
        let memory = Memory::default();
        assert_eq!([memory.failed(&pod(), "u1"), memory.failed(&pod(), "u1")], [1, 2]);
        memory.succeeded(&pod(), "u1");
        assert_eq!([memory.failed(&pod(), "u1"), memory.failed(&pod(), "u2")], [1, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn how_long_a_pod_waits_is_counted_from_the_first_time_until_it_is_looked_at() {
        let (memory, second) = (Memory::default(), Duration::from_secs(1));
        assert_eq!(memory.put_off(&pod(), "u1"), Duration::ZERO);
        tokio::time::advance(second).await;
        assert_eq!(memory.put_off(&pod(), "u1"), second);
        assert_eq!(memory.put_off(&pod(), "u2"), Duration::ZERO);
        tokio::time::advance(second).await;
        memory.looked(&pod());
        assert_eq!(memory.put_off(&pod(), "u2"), Duration::ZERO);
    }

    #[test]
    fn the_echo_of_our_own_write_is_recognised_and_an_edit_is_not() {
        let memory = Memory::default();
        let mut echo = report("u1");
        assert!(!memory.wrote(&pod(), &echo));
        memory.writes(&pod(), &report("u1"));
        echo.metadata.resource_version = Some("8".to_owned());
        echo.metadata.uid = Some("r".to_owned());
        assert!(memory.wrote(&pod(), &echo));
        echo.status.as_mut().unwrap().conditions[0].status = "False".to_owned();
        assert!(!memory.wrote(&pod(), &echo));
    }

    #[test]
    fn a_verdict_is_news_when_it_differs_from_the_last_one_that_was_known() {
        use Verified::{No, Unknown, Yes};
        let seen = |verified: Verified| {
            let mut report = report("u1");
            let status = match verified {
                Verified::Yes => "True",
                Verified::No => "False",
                Verified::Unknown => "Unknown",
            };
            report.status.as_mut().unwrap().conditions[0].status = status.to_owned();
            Seen::of(&report, None, &Shared::default())
        };
        let news = |memory: &Memory, verdicts: &[Verified]| -> Vec<bool> {
            verdicts.iter().map(|verdict| memory.saw(&pod(), "u1", seen(*verdict), None)).collect()
        };
        assert_eq!(news(&Memory::default(), &[Yes, Yes, No, No, Yes]), [false, false, true, false, true]);
        assert_eq!(news(&Memory::default(), &[No, Unknown, No, Unknown, Yes]), [true, false, false, false, true]);
        // Another leader has told it already.
        let memory = Memory::default();
        assert!(!memory.saw(&pod(), "u1", seen(No), Some(No)));
        assert!(memory.saw(&pod(), "u1", seen(Yes), Some(No)));
        // Another pod of the same name is another pod.
        assert!(memory.saw(&pod(), "u2", seen(No), None));
    }

    #[test]
    fn only_pods_that_exist_are_counted() {
        let memory = Memory::default();
        memory.saw(&pod(), "u1", Seen::of(&report("u1"), None, &Shared::default()), None);
        memory.saw(&ObjectName::new("shop", "without-policy"), "u2", None, None);
        let counts = memory.count(|_| true);
        assert_eq!((counts.looked_at, counts.pods.values().sum::<u64>()), (2, 1));
        assert_eq!(memory.count(|_| false), Counts::default());
    }

    #[test]
    fn pods_that_exist_are_told_with_what_was_found_and_those_without_policy_are_not() {
        let (memory, shared) = (Memory::default(), Shared::default());
        let workload = Workload { kind: "ReplicaSet".to_owned(), name: "web".to_owned() };
        for name in ["a", "b", "gone"] {
            memory.saw(&ObjectName::new("shop", name), "u", Seen::of(&report("u"), Some(&workload), &shared), None);
        }
        memory.saw(&ObjectName::new("shop", "without-policy"), "u", None, None);
        let mut pods = memory.pods(|pod| pod.name != "gone");
        pods.sort_by(|one, other| one.name.cmp(&other.name));
        let told: Vec<_> = pods.iter().map(|pod| (pod.name.as_str(), pod.workload.as_ref(), pod.verified, pod.since)).collect();
        let since = Some(DateTime::<Utc>::UNIX_EPOCH);
        assert_eq!(told, [("a", Some(&workload), Verified::Yes, since), ("b", Some(&workload), Verified::Yes, since)]);
        assert!(std::sync::Arc::ptr_eq(&pods[0].results, &pods[1].results));
    }

    #[test]
    fn conditions_are_remembered_for_the_same_pod_only() {
        let memory = Memory::default();
        memory.failed(&pod(), "u1");
        assert_eq!(memory.conditions(&pod(), "u1"), None);
        memory.writes(&pod(), &report("u1"));
        assert_eq!(memory.conditions(&pod(), "u1"), Some(report("u1").status.unwrap().conditions));
        assert_eq!(memory.conditions(&pod(), "u2"), None);
        memory.keep(|_| false);
        assert_eq!(memory.conditions(&pod(), "u1"), None);
    }
}
