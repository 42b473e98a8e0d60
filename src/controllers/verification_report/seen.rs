//! What was found out about a pod. Pods of which the same is said share it: a cluster runs few images in many pods.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::running::Verified;
use crate::crd::{ImageResult, VerificationReport};
use crate::report::{Workload, verified_of};

/// What was found out about a pod.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) verified: Verified,
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) workload: Option<Arc<Workload>>,
    pub(super) results: Arc<[ImageResult]>,
}

/// Everything that pods share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    results: Pool<[ImageResult]>,
    workloads: Pool<Workload>,
}

/// Equal values once. Invariant: nothing in it changes; what only the pool holds goes at the next sweep.
#[derive(Debug)]
struct Pool<T: ?Sized>(Mutex<HashSet<Arc<T>>>);

impl Seen {
    pub(super) fn of(report: &VerificationReport, workload: Option<&Workload>, shared: &Shared) -> Option<Self> {
        let status = report.status.as_ref()?;
        let verified = verified_of(report)?;
        let since = DateTime::from_timestamp(verified.last_transition_time.0.as_second(), 0);
        let workload = workload.map(|workload| shared.workloads.share(workload, || workload.clone().into()));
        let results = shared.results.share(&status.images, || status.images.as_slice().into());
        Some(Self { verified: Verified::of(&verified.status), since, workload, results })
    }
}

impl Shared {
    /// Forgets what no pod has any more.
    pub(super) fn sweep(&self) {
        self.results.sweep();
        self.workloads.sweep();
    }
}

impl<T: Eq + Hash + ?Sized> Pool<T> {
    fn share(&self, value: &T, make: impl FnOnce() -> Arc<T>) -> Arc<T> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = pool.get(value) {
            return known.clone();
        }
        let new = make();
        pool.insert(new.clone());
        new
    }

    fn sweep(&self) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.retain(|value| Arc::strong_count(value) > 1);
        pool.shrink_to_fit();
    }
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_is_kept_once_and_only_while_it_is_used() {
        let pool = Pool::<Workload>::default();
        let job = Workload { kind: "Job".to_owned(), name: "job".to_owned() };
        let share = |workload: &Workload| pool.share(workload, || workload.clone().into());
        let (one, same) = (share(&job), share(&job));
        assert!(Arc::ptr_eq(&one, &same));
        let other = share(&Workload { name: "other".to_owned(), ..job.clone() });
        assert!(!Arc::ptr_eq(&one, &other));
        drop(other);
        pool.sweep();
        assert_eq!(pool.0.lock().map(|pool| pool.len()).ok(), Some(1));
        assert!(Arc::ptr_eq(&one, &share(&job)));
    }
}
