//! Whom reports are about: pods, or the workloads that made them; and what the report on each of them should say.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::super::queue::Name;
use super::super::running::Verified;
use super::super::standing::Standing;
use super::{Book, Now, Pod};
use crate::crd::VerificationReport;
use crate::policy::ObjectName;
use crate::report::{self, Outcome, Owner, Subject};
use crate::settings::Scope;

/// What should be there under a name.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Desired {
    /// Not known yet, or somebody else's business.
    Unknown,
    /// No report.
    Nothing,
    /// This one.
    Report(Box<VerificationReport>),
}

impl Book {
    /// What the report of this name should say.
    pub(in super::super) fn desired(&mut self, name: &Name, now: Now) -> Desired {
        let (scope, keep) = (self.scope, self.keep_closed);
        let Some(workload) = self.workloads.get_mut(name) else { return self.desired_of_pod(name, now) };
        let pods: Vec<&Pod> = workload.pods.iter().filter_map(|pod| self.pods.get(pod)).collect();
        if pods.iter().any(|pod| !pod.looked_at) {
            return Desired::Unknown;
        }
        let standing = &mut workload.standing;
        let Some(outcome) = together(&pods) else {
            standing.unjudged();
            return Desired::Nothing;
        };
        let stored = self.reports.get(name).filter(|stored| stored.pod.is_none());
        standing.learn(Verified::of(outcome.verified()), &outcome.results, stored, now.utc, keep);
        let Some(owner) = pods.iter().find_map(|pod| pod.owner.as_deref()) else { return Desired::Unknown };
        let report = report(name, Subject::Workload(owner), &outcome, standing, scope);
        let again = standing.has_closed();
        self.decided(name, report, again, now.instant)
    }

    fn desired_of_pod(&mut self, name: &Name, now: Now) -> Desired {
        let (scope, keep) = (self.scope, self.keep_closed);
        let Some(pod) = self.pods.get_mut(name).filter(|pod| pod.workload.is_none()) else { return self.unclaimed(name) };
        if !pod.looked_at {
            return Desired::Unknown;
        }
        let Some(outcome) = &pod.found else { return Desired::Nothing };
        // What was violated long ago is forgotten.
        pod.standing.learn(Verified::of(outcome.verified()), &outcome.results, None, now.utc, keep);
        let workload = pod.owner.as_ref().map(|owner| &owner.workload);
        let report = report(name, Subject::Pod { name: &name.name, uid: &pod.uid, workload }, outcome, &pod.standing, scope);
        let again = pod.standing.has_closed();
        self.decided(name, report, again, now.instant)
    }

    fn decided(&mut self, name: &Name, report: Option<VerificationReport>, again: bool, now: Instant) -> Desired {
        if again {
            self.writes.push_at(name, now + self.keep_closed);
        }
        report.map_or(Desired::Nothing, |report| Desired::Report(Box::new(report)))
    }

    /// A report about nobody whom reports are about. One on a pod that is gone is collected with it, if it says whose it is.
    fn unclaimed(&self, name: &Name) -> Desired {
        let Some(stored) = self.reports.get(name) else { return Desired::Nothing };
        let is_collected = stored.pod.is_some() && !stored.is_orphan() && !self.pods.contains_key(name);
        if is_collected || !self.pods_list.complete { Desired::Unknown } else { Desired::Nothing }
    }

    /// Reports that no pod stands behind, and that nobody else will remove.
    pub(super) fn write_unclaimed(&mut self, now: Instant) {
        let names: Vec<_> = self.reports.keys().filter(|name| !self.is_claimed(name)).cloned().collect();
        for name in names {
            if self.unclaimed(&name) == Desired::Nothing {
                self.writes.push(&name, now);
            }
        }
    }

    fn is_claimed(&self, name: &Name) -> bool {
        self.workloads.contains_key(name) || self.pods.get(name).is_some_and(|pod| pod.workload.is_none())
    }

    /// Every report that is there or should be.
    pub(in super::super) fn write_all(&mut self, now: Instant) {
        let of_pods = self.pods.iter().map(|(name, pod)| pod.workload.as_ref().unwrap_or(name));
        for name in of_pods.chain(self.reports.keys()) {
            self.writes.push(name, now);
        }
    }

    /// Pods are put to their workloads, or taken from them.
    pub(super) fn regroup(&mut self) {
        self.workloads = HashMap::new();
        let names: Vec<_> = self.pods.keys().cloned().collect();
        for name in names {
            self.join(&name);
        }
    }

    pub(super) fn join(&mut self, name: &Name) {
        let Some(pod) = self.pods.get_mut(name) else { return };
        let owner = pod.owner.as_deref().filter(|_| self.scope == Scope::Workloads);
        pod.workload = owner.map(|owner| {
            let key = report_on(owner, &name.namespace);
            self.workloads.get_key_value(&key).map_or_else(|| Arc::new(key), |(name, _)| name.clone())
        });
        if let Some(workload) = &pod.workload {
            self.workloads.entry(workload.clone()).or_default().pods.insert(name.clone());
        }
    }

    pub(super) fn leave(&mut self, workload: &Name, pod: &Name) {
        let Some(known) = self.workloads.get_mut(workload) else { return };
        known.pods.remove(pod);
        if known.pods.is_empty() {
            self.workloads.remove(workload);
        }
    }

    /// How the subject of a report stands.
    pub(super) fn standing(&mut self, name: &Name) -> Option<&mut Standing> {
        match self.workloads.get_mut(name) {
            Some(workload) => Some(&mut workload.standing),
            None => self.pods.get_mut(name).filter(|pod| pod.workload.is_none()).map(|pod| &mut pod.standing),
        }
    }
}

fn report_on(owner: &Owner, namespace: &str) -> ObjectName {
    ObjectName::new(namespace, owner.report_name())
}

/// Nothing when no report is wanted on whoever stands so.
fn report(name: &ObjectName, subject: Subject<'_>, outcome: &Outcome, standing: &Standing, scope: Scope) -> Option<VerificationReport> {
    let is_wanted = match scope {
        Scope::Pods | Scope::Workloads => true,
        Scope::Failures => standing.verified != Some(Verified::Yes) || !standing.violations().is_empty(),
        Scope::Off => false,
    };
    is_wanted.then(|| report::content((&name.namespace, &name.name), subject, outcome, standing.since, standing.violations()))
}

/// What is said of the pods that a policy judges.
fn together(pods: &[&Pod]) -> Option<Outcome> {
    let mut parts: Vec<(&Arc<Outcome>, u32)> = Vec::new();
    for outcome in pods.iter().filter_map(|pod| pod.found.as_ref()) {
        match parts.iter_mut().find(|(known, _)| Arc::ptr_eq(known, outcome)) {
            Some((_, pods)) => *pods = pods.saturating_add(1),
            None => parts.push((outcome, 1)),
        }
    }
    (!parts.is_empty()).then(|| Outcome::together(parts.into_iter().map(|(outcome, pods)| (outcome.as_ref(), pods))))
}
