//! When which case is judged: at once when it appears and when the policies that hold for it change, again when its
//! verdict's lifetime ends, sooner when something could not be found out; later where a registry host is asked seldom.
//!
//! Invariant: there is one timer per case, however many pods have it, and a case without pods is forgotten.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::case::Case;
use super::drive::Next;
use super::lanes::{Due, Lanes};
use super::pace;
use super::queue::Name;
use crate::index::{CompiledPolicy, Snapshot};
use crate::report::Outcome;
use crate::settings::{RegistryRates, Selection};

/// What the policies say; nothing when none holds.
pub(super) type Found = Option<Arc<Outcome>>;

/// All cases.
#[derive(Debug, Default)]
pub(super) struct Cases {
    all: HashMap<Arc<Case>, State>,
    due: BTreeMap<Due, Arc<Case>>,
    /// Those that are due and wait for a host.
    lanes: Lanes,
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
    due: Option<Due>,
    running: bool,
}

/// What is asked about a case.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) case: Arc<Case>,
    pub(super) policies: Vec<Arc<CompiledPolicy>>,
    /// How long it may take; zero where nobody is asked.
    pub(super) patience: Duration,
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
                self.lanes.forget(&due);
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
            // What is due already keeps its place in the line.
            let is_due = is_asked(wanted) && state.due.is_some_and(|(when, _)| when <= now);
            if !state.running && !is_due {
                self.schedule(&case, now);
            }
        }
    }

    /// Other rates hold for registry hosts.
    pub(super) fn paced(&mut self, rates: &RegistryRates) {
        self.due.extend(self.lanes.set(rates));
    }

    /// The next case to judge. While pods are being admitted it waits, but not forever.
    pub(super) fn next(&mut self, now: Instant, rush: bool, roll: f64) -> Next<Asked> {
        loop {
            let first = self.due.first_key_value().map(|(due, _)| due.0);
            if let Some((case, patience)) = self.lanes.next(first) {
                match self.begin(case, patience) {
                    Some(asked) => return Next::Now(asked),
                    None => continue,
                }
            }
            let Some(when) = first else { return Next::Never };
            if when > now {
                return Next::At(when);
            }
            if rush && pace::may_wait(now.saturating_duration_since(when)) {
                return Next::At(now + pace::off_peak(roll));
            }
            let Some((due, case)) = self.due.pop_first() else { return Next::Never };
            let is_asked = self.all.get(&case).is_some_and(|state| is_asked(state.wanted));
            let places = if is_asked { self.lanes.enter(due, &case) } else { Some(Duration::ZERO) };
            if let Some(asked) = places.and_then(|patience| self.begin(case, patience)) {
                return Next::Now(asked);
            }
        }
    }

    /// Begins with a case, which has its places if it may take any time. Nothing when nobody knows yet what holds for it.
    fn begin(&mut self, case: Arc<Case>, patience: Duration) -> Option<Asked> {
        let policies = self.policies(&case.namespace);
        let begun = self.all.get_mut(&case).and_then(|state| {
            state.due = None;
            state.running = policies.is_some();
            policies
        });
        if begun.is_none() && !patience.is_zero() {
            self.lanes.leave(&case);
        }
        begun.map(|policies| Asked { identity: identity(&policies), case, policies, patience })
    }

    /// It is judged; the pods that have it. Nothing when the policies have changed meanwhile: then it is judged again.
    pub(super) fn judged(&mut self, asked: &Asked, found: Found, interval: Duration, now: Instant, roll: f64) -> Option<Vec<Name>> {
        if !asked.patience.is_zero() {
            self.lanes.leave(&asked.case);
        }
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
            self.lanes.forget(&due);
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

/// Whether policies hold, by their number. Where none does nobody is asked, so nobody is waited for.
fn is_asked(identity_of_all: Option<u64>) -> bool {
    identity_of_all.is_some_and(|all| all != identity(&[]))
}

fn identity(policies: &[Arc<CompiledPolicy>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for policy in policies {
        policy.fingerprint.hash(&mut hasher);
    }
    hasher.finish()
}
