//! Everything that this leader knows: pods, their cases, the reports that are stored, and what is to be done about them.
//!
//! Boundary: no client and no clock; events come in, names of things to do come out. Invariant: what is kept of a pod is
//! small, whatever the pod is; losing all of it costs requests, never a wrong report.

mod reports;
mod subjects;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::alert;
use super::case::{Case, Sighting};
use super::cases::{Asked, Cases, Found};
use super::pool::Pool;
use super::queue::{Name, Queue};
use super::running::{Glance, SeenPod, Verified};
use super::standing::Standing;
use super::stored::Stored;
use crate::alerting::Alert;
use crate::crd::ImageResult;
use crate::policy::ObjectName;
use crate::report::{Outcome, Owner};
use crate::settings::Scope;

pub(super) use self::subjects::Desired;

/// What this leader knows.
#[derive(Debug, Default)]
pub(super) struct Book {
    pods: HashMap<Name, Pod>,
    /// Pods by the name of the report on their workload; empty unless reports are on workloads.
    workloads: HashMap<Name, Workload>,
    pub(super) cases: Cases,
    reports: HashMap<Name, Stored>,
    pub(super) writes: Queue,
    pub(super) news: Queue,
    results: Pool<[ImageResult]>,
    owners: Pool<Owner>,
    scope: Scope,
    keep_closed: Duration,
    pods_list: List,
    reports_list: List,
}

/// The number of the list of a watch, and whether one was read to its end.
#[derive(Debug, Default)]
struct List {
    number: u32,
    complete: bool,
}

#[derive(Debug)]
struct Pod {
    uid: Box<str>,
    owner: Option<Arc<Owner>>,
    case: Arc<Case>,
    /// The report that it is part of, when that is not its own.
    workload: Option<Name>,
    /// Whether it was looked at at all.
    looked_at: bool,
    found: Found,
    standing: Standing,
    list: u32,
}

#[derive(Debug, Default)]
struct Workload {
    pods: BTreeSet<Name>,
    standing: Standing,
}

/// The time, for people and for timers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) utc: DateTime<Utc>,
    pub(super) instant: Instant,
}

impl Book {
    /// Which reports there are to be, and how long they name what was not trusted; what differs is written anew.
    pub(super) fn configure(&mut self, scope: Scope, keep_closed: Duration, now: Instant) {
        let is_other = self.scope != scope;
        self.keep_closed = keep_closed;
        if is_other {
            self.scope = scope;
            self.regroup();
            self.write_all(now);
        }
    }

    /// A list of pods begins.
    pub(super) fn list_pods(&mut self) {
        self.pods_list.number = self.pods_list.number.wrapping_add(1);
    }

    /// It is complete: pods that were not in it are gone.
    pub(super) fn pods_listed(&mut self, now: Instant) {
        let gone: Vec<_> = self.pods.iter().filter(|(_, pod)| pod.list != self.pods_list.number).map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.pod_gone(&name, now);
        }
        self.pods.shrink_to_fit();
        if !std::mem::replace(&mut self.pods_list.complete, true) {
            self.write_unclaimed(now);
        }
    }

    /// A pod is there, or has changed.
    pub(super) fn pod(&mut self, sighting: Sighting, now: Now) {
        let Sighting { name, uid, owner, case } = sighting;
        let key = ObjectName::new(case.namespace.clone(), name);
        let list = self.pods_list.number;
        if let Some((name, pod)) = self.pods.get_key_value(&key).map(|(name, pod)| (name.clone(), pod)) {
            let is_same_pod = *pod.uid == *uid;
            if is_same_pod && *pod.case == case && pod.owner.as_deref() == owner.as_ref() {
                if let Some(pod) = self.pods.get_mut(&name) {
                    pod.list = list;
                }
                return;
            }
            if is_same_pod && pod.owner.as_deref() == owner.as_ref() {
                let before = pod.case.clone();
                self.change_case(&name, &before, case, now);
                return;
            }
            // Another pod of the same name, of which nothing is known.
            self.pod_gone(&name, now.instant);
        }
        let name = self.reports.get_key_value(&key).map_or_else(|| Arc::new(key), |(name, _)| name.clone());
        let (case, known) = self.cases.attach(case, &name, now.instant);
        let owner = owner.map(|owner| self.owners.share(owner));
        let standing = Standing::default();
        let pod = Pod { uid: uid.into(), owner, case, workload: None, looked_at: false, found: None, standing, list };
        self.pods.insert(name.clone(), pod);
        self.join(&name);
        if let Some(found) = known {
            self.learn(&name, found, now);
        }
    }

    fn change_case(&mut self, name: &Name, before: &Arc<Case>, case: Case, now: Now) {
        // Attached first: a case that both have would be forgotten otherwise.
        let (case, known) = self.cases.attach(case, name, now.instant);
        self.cases.detach(before, name);
        let list = self.pods_list.number;
        if let Some(pod) = self.pods.get_mut(name) {
            pod.case = case;
            pod.list = list;
        }
        if let Some(found) = known {
            self.learn(name, found, now);
        }
    }

    /// A pod is gone. A report of its own is collected with it; one on its workload changes.
    pub(super) fn pod_gone(&mut self, name: &ObjectName, now: Instant) {
        let Some((name, pod)) = self.pods.remove_entry(name) else { return };
        self.cases.detach(&pod.case, &name);
        if let Some(workload) = pod.workload {
            self.leave(&workload, &name);
            self.writes.push(&workload, now);
        }
    }

    /// A case was judged: its pods stand as it says.
    pub(super) fn judged(&mut self, asked: &Asked, outcome: Option<Outcome>, interval: Duration, now: Now, roll: f64) {
        let found = outcome.map(|outcome| {
            let results = self.results.share(outcome.results.clone());
            Arc::new(outcome.sharing(results))
        });
        let pods = self.cases.judged(asked, found.clone(), interval, now.instant, roll);
        for name in pods.into_iter().flatten() {
            self.learn(&name, found.clone(), now);
        }
    }

    fn learn(&mut self, name: &Name, found: Found, now: Now) {
        let keep = self.keep_closed;
        let Some(pod) = self.pods.get_mut(name) else { return };
        let report = pod.workload.clone().unwrap_or_else(|| name.clone());
        let of_workload = pod.workload.is_some();
        let stored = self.reports.get(&report).filter(|stored| of_workload || stored.pod.as_deref() == Some(&*pod.uid));
        match &found {
            None => pod.standing.unjudged(),
            Some(outcome) => {
                // What a workload has violated is not this pod's.
                let of_others = stored.filter(|_| of_workload).map(|stored| Stored { violations: None, ..stored.clone() });
                let stored = of_others.as_ref().or(stored);
                pod.standing.learn(Verified::of(outcome.verified()), &outcome.results, stored, now.utc, keep);
            }
        }
        pod.found = found;
        pod.looked_at = true;
        if pod.standing.is_news() {
            self.news.push(name, now.instant);
        }
        self.writes.push(&report, now.instant);
    }

    /// What is to be told of a pod, once.
    pub(super) fn tell(&mut self, name: &Name) -> Option<Telling> {
        let pod = self.pods.get_mut(name)?;
        let report = pod.workload.as_ref().unwrap_or(name);
        let report = self.reports.contains_key(report).then(|| report.name.clone());
        let outcome = pod.found.as_ref().filter(|_| pod.standing.can_be_told())?;
        pod.standing.tells();
        let since = pod.standing.since;
        let (verified, results) = (outcome.condition(since), outcome.results.clone());
        Some(Telling { pod: name.clone(), uid: pod.uid.clone().into(), report, verified, results, since })
    }

    /// Everything that was found out.
    pub(super) fn seen(&self) -> Vec<SeenPod> {
        let seen = |(name, pod): (&Name, &Pod)| {
            Some(SeenPod {
                namespace: name.namespace.clone(),
                name: name.name.clone(),
                workload: pod.owner.as_ref().map(|owner| owner.workload.clone()),
                verified: pod.standing.verified?,
                since: Some(pod.standing.since),
                results: pod.found.as_ref()?.results.clone(),
            })
        };
        self.pods.iter().filter_map(seen).collect()
    }

    /// Alerts of the pods whose last verdict that was one is a bad one.
    pub(super) fn unverified(&self) -> Vec<Alert> {
        let bad = self.pods.iter().filter(|(_, pod)| pod.standing.is_bad());
        bad.filter_map(|(name, pod)| Some(alert::still(name, &pod.uid, pod.standing.since, &pod.found.as_ref()?.results))).collect()
    }

    /// The same, to be counted.
    pub(super) fn glances(&self) -> impl Iterator<Item = Glance<'_>> {
        self.pods.iter().filter_map(|(name, pod)| {
            let results = &pod.found.as_ref()?.results;
            Some(Glance { namespace: &name.namespace, verified: pod.standing.verified?, since: pod.standing.since, results })
        })
    }

    /// Pods that were looked at, and those that wait for it.
    pub(super) fn looked_at(&self) -> (usize, usize) {
        let looked_at = self.pods.values().filter(|pod| pod.looked_at).count();
        (looked_at, self.pods.len() - looked_at)
    }

    /// Forgets what is shared and not used any more, and finds reports that nobody else will remove.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.results.sweep();
        self.owners.sweep();
        if self.pods_list.complete && self.reports_list.complete {
            self.write_unclaimed(now);
        }
    }
}

/// What people are told of a pod.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    pub(super) pod: Name,
    pub(super) uid: String,
    pub(super) report: Option<String>,
    pub(super) verified: crate::crd::Condition,
    pub(super) results: Arc<[ImageResult]>,
    pub(super) since: DateTime<Utc>,
}
