//! When which case is judged: at once when it appears and when the policies that hold for it change, again when its
//! verdict's lifetime ends, sooner when something could not be found out.
//!
//! Invariant: there is one timer per case, however many pods have it, and a case without pods is forgotten.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::case::Case;
use super::drive::Next;
use super::pace;
use super::queue::Name;
use crate::index::{CompiledPolicy, Snapshot};
use crate::report::Outcome;
use crate::settings::Selection;

/// What the policies say; nothing when none holds.
pub(super) type Found = Option<Arc<Outcome>>;

/// All cases.
#[derive(Debug, Default)]
pub(super) struct Cases {
    all: HashMap<Arc<Case>, State>,
    due: BTreeMap<(Instant, u64), Arc<Case>>,
    count: u64,
    snapshot: Option<Arc<Snapshot>>,
    /// The namespaces whose pods are verified at all.
    selection: Selection,
    /// What holds for a namespace by this snapshot, as a number; nothing while its labels are not known.
    identities: HashMap<String, Option<u64>>,
}

#[derive(Debug, Default)]
struct State {
    pods: HashSet<Name>,
    /// What was found, and by which policies.
    found: Option<(u64, Found)>,
    wanted: Option<u64>,
    failures: u32,
    due: Option<(Instant, u64)>,
    running: bool,
}

/// What is asked about a case.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) case: Arc<Case>,
    pub(super) policies: Vec<Arc<CompiledPolicy>>,
    identity: u64,
}

impl Cases {
    /// A pod has this case now. What is known of it already, if its policies have not changed since.
    pub(super) fn attach(&mut self, case: Case, pod: &Name, now: Instant) -> (Arc<Case>, Option<Found>) {
        let key = self.all.get_key_value(&case).map_or_else(|| Arc::new(case), |(key, _)| key.clone());
        if !self.all.contains_key(&key) {
            let wanted = self.identity(&key.namespace);
            self.all.insert(key.clone(), State { wanted, ..State::default() });
            if wanted.is_some() {
                self.schedule(&key, now);
            }
        }
        let known = self.all.get_mut(&key).and_then(|state| {
            state.pods.insert(pod.clone());
            let (identity, found) = state.found.as_ref()?;
            (Some(*identity) == state.wanted).then(|| found.clone())
        });
        (key, known)
    }

    /// A pod does not have it any more.
    pub(super) fn detach(&mut self, case: &Arc<Case>, pod: &Name) {
        let Some(state) = self.all.get_mut(case) else { return };
        state.pods.remove(pod);
        if state.pods.is_empty() {
            if let Some(due) = state.due {
                self.due.remove(&due);
            }
            self.all.remove(case);
        }
    }

    /// Other policies may hold, or for other namespaces: only cases for which they changed are judged anew.
    pub(super) fn compiled(&mut self, snapshot: Option<Arc<Snapshot>>, selection: &Selection, now: Instant) {
        self.snapshot = snapshot;
        self.selection.clone_from(selection);
        self.identities.clear();
        let all: Vec<_> = self.all.keys().cloned().collect();
        for case in all {
            let wanted = self.identity(&case.namespace);
            let Some(state) = self.all.get_mut(&case).filter(|state| state.wanted != wanted) else { continue };
            state.wanted = wanted;
            state.failures = 0;
            if wanted.is_some() && !state.running {
                self.schedule(&case, now);
            }
        }
    }

    /// The next case to judge. While pods are being admitted it waits, but not forever.
    pub(super) fn next(&mut self, now: Instant, rush: bool, roll: f64) -> Next<Asked> {
        loop {
            let Some(first) = self.due.first_entry() else { return Next::Never };
            let when = first.key().0;
            if when > now {
                return Next::At(when);
            }
            if rush && pace::may_wait(now.saturating_duration_since(when)) {
                return Next::At(now + pace::off_peak(roll));
            }
            let case = first.remove();
            if let Some(asked) = self.begin(&case) {
                return Next::Now(asked);
            }
        }
    }

    fn begin(&mut self, case: &Arc<Case>) -> Option<Asked> {
        let policies = self.policies(&case.namespace);
        let state = self.all.get_mut(case)?;
        state.due = None;
        let policies = policies?;
        state.running = true;
        Some(Asked { case: case.clone(), identity: identity(&policies), policies })
    }

    /// It is judged; the pods that have it. Nothing when the policies have changed meanwhile: then it is judged again.
    pub(super) fn judged(&mut self, asked: &Asked, found: Found, interval: Duration, now: Instant, roll: f64) -> Option<Vec<Name>> {
        let state = self.all.get_mut(&asked.case)?;
        state.running = false;
        if state.wanted != Some(asked.identity) {
            if state.wanted.is_some() {
                self.schedule(&asked.case, now);
            }
            return None;
        }
        let after = match &found {
            Some(outcome) if outcome.is_unknown() => {
                state.failures = state.failures.saturating_add(1);
                Some(pace::retry(state.failures, roll))
            }
            Some(_) => {
                state.failures = 0;
                Some(pace::refresh(interval, roll))
            }
            None => None,
        };
        state.found = Some((asked.identity, found));
        let pods = state.pods.iter().cloned().collect();
        if let Some(after) = after {
            self.schedule(&asked.case, now + after);
        }
        Some(pods)
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn schedule(&mut self, case: &Arc<Case>, when: Instant) {
        let Some(state) = self.all.get_mut(case) else { return };
        if let Some(due) = state.due.take() {
            self.due.remove(&due);
        }
        self.count += 1;
        state.due = Some((when, self.count));
        self.due.insert((when, self.count), case.clone());
    }

    /// The policies that hold for the namespace; nothing while its labels are not known.
    fn policies(&self, namespace: &str) -> Option<Vec<Arc<CompiledPolicy>>> {
        let snapshot = self.snapshot.as_deref()?;
        if !snapshot.may_apply(namespace) || !self.selection.contains(namespace) {
            return Some(vec![]);
        }
        Some(snapshot.applicable(namespace, snapshot.namespaces.get(namespace)?))
    }

    fn identity(&mut self, namespace: &str) -> Option<u64> {
        if let Some(known) = self.identities.get(namespace) {
            return *known;
        }
        let found = self.policies(namespace).map(|policies| identity(&policies));
        self.identities.insert(namespace.to_owned(), found);
        found
    }
}

fn identity(policies: &[Arc<CompiledPolicy>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for policy in policies {
        policy.fingerprint.hash(&mut hasher);
    }
    hasher.finish()
}
