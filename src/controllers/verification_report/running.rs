//! What runs and whether it may, as the leader has found it out: counted when somebody asks, so that no number goes stale.
//!
//! Boundary: counts verdicts that this process came to, never what a stored report says (security rule 25). A replica that
//! does not lead knows nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chrono::{DateTime, Utc};

use super::Term;
use crate::alerting::Alert;
use crate::crd::{ImageResult, ImageStatus};
use crate::report::{Workload, worse};

/// Hands out counts while this replica leads.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<Weak<Term>>>);

/// Everything that runs, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pods by namespace and whether they are verified.
    pub pods: BTreeMap<(String, Verified), u64>,
    /// Containers and image volumes by namespace, and by the worst verdict on their image.
    pub containers: BTreeMap<(String, ImageStatus), u64>,
    /// Images of pods by policy and its verdict.
    pub policies: BTreeMap<(String, ImageStatus), u64>,
    /// Different images by their worst verdict.
    pub images: BTreeMap<ImageStatus, u64>,
    /// Since when the pod that has been unverified longest is.
    pub unverified_since: Option<DateTime<Utc>>,
    /// Pods that were looked at.
    pub looked_at: u64,
    /// Pods that wait for their first look.
    pub waiting: u64,
}

/// What the condition of a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verified {
    /// Every image that must be verified is trusted.
    Yes,
    /// One is not.
    No,
    /// It could not be found out.
    Unknown,
}

/// A pod that runs, and what this process found out about it.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenPod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The controller that made it, if one did.
    pub workload: Option<Workload>,
    /// Whether it is verified.
    pub verified: Verified,
    /// Since when it is so.
    pub since: Option<DateTime<Utc>>,
    /// What each policy says of each image, as in its report; shared with the pods of which the same is said.
    pub results: Arc<[ImageResult]>,
}

/// A pod as it is counted, without a copy of anything.
#[derive(Clone, Copy)]
pub(super) struct Glance<'a> {
    pub(super) namespace: &'a str,
    pub(super) verified: Verified,
    pub(super) since: DateTime<Utc>,
    pub(super) results: &'a [ImageResult],
}

impl Running {
    pub(super) fn begin(&self, term: &Arc<Term>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(term);
    }

    /// The counts; nothing while this replica does not lead.
    pub fn counts(&self) -> Option<Counts> {
        let term = self.term()?;
        let book = term.book();
        let (looked_at, waiting) = book.looked_at();
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        Some(Counts { looked_at: number(looked_at), waiting: number(waiting), ..count(book.glances()) })
    }

    /// The pods that a policy holds for, by namespace and name; nothing while this replica does not lead.
    pub fn pods(&self) -> Option<Vec<SeenPod>> {
        let mut pods = self.term()?.book().seen();
        pods.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
        Some(pods)
    }

    /// Alerts of the pods that are not verified, and whether they are all that there are; nothing while this replica does not lead.
    pub(super) fn unverified(&self) -> Option<(Vec<Alert>, bool)> {
        let term = self.term()?;
        let book = term.book();
        Some((book.unverified(), term.pods_listed.initialized() && book.looked_at().1 == 0))
    }

    fn term(&self) -> Option<Arc<Term>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }
}

impl Verified {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "verified",
            Self::No => "unverified",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn of(status: &str) -> Self {
        match status {
            "True" => Self::Yes,
            "False" => Self::No,
            _ => Self::Unknown,
        }
    }
}

/// Counts what was seen of all pods.
fn count<'a>(pods: impl Iterator<Item = Glance<'a>>) -> Counts {
    let mut counts = Counts::default();
    let mut images: HashMap<&str, ImageStatus> = HashMap::new();
    for pod in pods {
        *counts.pods.entry((pod.namespace.to_owned(), pod.verified)).or_default() += 1;
        if pod.verified != Verified::Yes {
            counts.unverified_since = [counts.unverified_since, Some(pod.since)].into_iter().flatten().min();
        }
        let mut of_pod: HashMap<&str, (ImageStatus, u64)> = HashMap::new();
        for result in pod.results {
            *counts.policies.entry((result.policy.clone(), result.status)).or_default() += 1;
            let containers = u64::try_from(result.containers.len()).unwrap_or(u64::MAX);
            let worst = of_pod.entry(identity(result)).or_insert((result.status, containers));
            worst.0 = worse(worst.0, result.status);
        }
        for (image, (status, containers)) in of_pod {
            *counts.containers.entry((pod.namespace.to_owned(), status)).or_default() += containers;
            let worst = images.entry(image).or_insert(status);
            *worst = worse(*worst, status);
        }
    }
    for status in images.into_values() {
        *counts.images.entry(status).or_default() += 1;
    }
    counts
}

/// Images of one digest are one image, whatever they are called.
fn identity(result: &ImageResult) -> &str {
    result.digest.as_deref().unwrap_or(&result.image)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use serde_json::json;

    use super::*;

    fn results(images: &[(&str, &str, &str)]) -> Vec<ImageResult> {
        let result = |(digest, policy, status): &(&str, &str, &str)| json!({"image": "a.io/x:v1", "digest": digest, "containers": ["a", "b"], "status": status, "policy": policy, "reason": "R"});
        images.iter().map(|image| serde_json::from_value(result(image)).unwrap()).collect()
    }

    #[test]
    fn an_image_counts_by_its_worst_verdict_and_once_however_many_pods_run_it() {
        let glance = |namespace, verified, since: &str, results| Glance { namespace, verified, since: since.parse().unwrap(), results };
        let (one, two, three) = (
            results(&[("d1", "p", "Trusted")]),
            results(&[("d1", "p", "Trusted"), ("d1", "q", "Untrusted")]),
            results(&[("d2", "p", "Unknown")]),
        );
        let pods = [
            glance("shop", Verified::Yes, "2026-01-02T00:00:00Z", &one),
            glance("shop", Verified::No, "2026-01-03T00:00:00Z", &two),
            glance("bank", Verified::Unknown, "2026-01-01T00:00:00Z", &three),
        ];
        let counts = count(pods.into_iter());
        let pods = [(("bank", Verified::Unknown), 1), (("shop", Verified::Yes), 1), (("shop", Verified::No), 1)];
        assert_eq!(counts.pods, pods.into_iter().map(|((namespace, status), count)| ((namespace.to_owned(), status), count)).collect());
        assert_eq!(counts.images, [(ImageStatus::Untrusted, 1), (ImageStatus::Unknown, 1)].into());
        assert_eq!(counts.containers.get(&("shop".to_owned(), ImageStatus::Untrusted)), Some(&2));
        assert_eq!(counts.policies.get(&("p".to_owned(), ImageStatus::Trusted)), Some(&2));
        assert_eq!(counts.unverified_since, Some("2026-01-01T00:00:00Z".parse().unwrap()));
    }
}
