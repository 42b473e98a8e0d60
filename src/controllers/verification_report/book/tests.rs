#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]

use chrono::TimeZone;
use serde_json::{Value, json};

use super::super::drive::Next;
use super::super::stored::fingerprint;
use super::*;
use crate::controllers::verification_report::change::{self, Change};
use crate::crd::{Mode, OnFault, Pin, Unmatched, VerificationReport};
use crate::evaluate::{Fault, Refusal, Verdict};
use crate::index::{CompiledPolicy, Snapshot};
use crate::report::{JudgedImage, Judgement};
use crate::settings::{Selection, Settings};

mod judging;
mod writing;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const INTERVAL: Duration = Duration::from_mins(5);

/// A book with both lists read, a policy for `shop`, and a clock.
struct World {
    book: Book,
    start: Instant,
    seconds: u64,
}

fn policy(fingerprint: u64) -> Arc<CompiledPolicy> {
    let name = ObjectName::new("bonafide-system", "p");
    let (mode, unmatched, pin, on_fault) = (Mode::Audit, Unmatched::Allow, Pin::default(), OnFault::default());
    Arc::new(CompiledPolicy { name, fingerprint, mode, selector: None, unmatched, pin, on_fault, rules: Ok(vec![]) })
}

fn snapshot(shop: Option<u64>) -> Arc<Snapshot> {
    let tenants = shop.map(|fingerprint| ("shop".to_owned(), vec![policy(fingerprint)])).into_iter().collect();
    let namespaces = ["shop", "bank"].map(|name| (name.to_owned(), crate::policy::Labels::default()));
    Arc::new(Snapshot { tenants, namespaces: Arc::new(namespaces.into()), ..Snapshot::default() })
}

fn pod(name: &str, uid: &str) -> Value {
    json!({"metadata": {"namespace": "shop", "name": name, "uid": uid, "ownerReferences": [
               {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "w", "controller": true}]},
           "spec": {"containers": [{"name": "main", "image": "a.io/web:1"}]},
           "status": {"containerStatuses": [{"name": "main", "image": "x", "imageID": format!("a.io/web@{A}"), "ready": true, "restartCount": 0}]}})
}

fn outcome(asked: &Asked, verdict: &Verdict) -> Outcome {
    let judgement = || Judgement {
        policy: ObjectName::new("bonafide-system", "p"),
        rule: None,
        verifies: true,
        validators: vec![],
        verdict: verdict.clone(),
    };
    let judged = |group| JudgedImage { group, judgements: vec![judgement()] };
    Outcome::of(&asked.case.groups().into_iter().map(judged).collect::<Vec<_>>())
}

fn bad() -> Verdict {
    Verdict::Refused(Refusal::NoMatchingRule)
}

fn good() -> Verdict {
    Verdict::Exempt { reason: None }
}

fn unknown() -> Verdict {
    Verdict::Fault(Fault::Timeout)
}

impl World {
    fn new() -> Self {
        let mut world = Self { book: Book::default(), start: Instant::now(), seconds: 1_000 };
        world.book.list_pods();
        world.book.list_reports();
        world.book.configure(Scope::Pods, Duration::from_hours(1), world.now().instant);
        world.book.cases.compiled(Some(snapshot(Some(1))), &Selection::default(), world.now().instant);
        world.book.pods_listed(world.now().instant);
        world.book.reports_listed(world.now().instant);
        world
    }

    fn now(&self) -> Now {
        let utc = Utc.timestamp_opt(i64::try_from(self.seconds).unwrap(), 0).unwrap();
        Now { utc, instant: self.start + Duration::from_secs(self.seconds) }
    }

    fn pod(&mut self, pod: Value) {
        let now = self.now();
        self.book.pod(Sighting::of(&serde_json::from_value(pod).unwrap()).unwrap(), now);
    }

    /// Judges whatever is due; how many cases that were.
    fn judge(&mut self, verdict: &Verdict) -> usize {
        let mut cases = 0;
        while let Next::Now(asked) = self.book.cases.next(self.now().instant, false, 0.0) {
            cases += 1;
            let outcome = (!asked.policies.is_empty()).then(|| outcome(&asked, verdict));
            let now = self.now();
            self.book.judged(&asked, outcome, INTERVAL, now, 0.0);
        }
        cases
    }

    /// Writes whatever is to be written, as the API server would take it; the names, with `-` before those that are removed.
    fn write(&mut self) -> Vec<String> {
        let mut written = Vec::new();
        while let Next::Now(name) = self.book.writes.next(self.now().instant, false, 0.0) {
            let change = self.change(&name);
            match change {
                Change::Nothing => {}
                Change::Delete => {
                    written.push(format!("-{}", name.name));
                    self.book.written(&name, None);
                }
                Change::Apply(report) | Change::DeleteThenApply(report) => {
                    written.push(name.name.clone());
                    self.book.written(&name, Some(stored(report)));
                }
            }
            let now = self.now().instant;
            self.book.writes.done(&name, now);
        }
        written.sort();
        written
    }

    fn change(&mut self, name: &Name) -> Change {
        let now = self.now();
        let desired = match self.book.desired(name, now) {
            Desired::Unknown => return Change::Nothing,
            Desired::Nothing => None,
            Desired::Report(report) => Some(*report),
        };
        if let Some(report) = &desired {
            self.book.expects(name, fingerprint(report));
        }
        change::between(self.book.stored(name), desired)
    }

    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Next::Now(name) = self.book.news.next(self.now().instant, false, 0.0) {
            told.extend(self.book.tell(&name).map(|telling| format!("{} {}", telling.pod.name, telling.verified.status)));
            let now = self.now().instant;
            self.book.news.done(&name, now);
        }
        told.sort();
        told
    }

    fn scope(&mut self, scope: Scope) {
        let now = self.now().instant;
        self.book.configure(scope, Duration::from_hours(1), now);
    }

    fn watched(&mut self, name: &str, report: VerificationReport) {
        let now = self.now().instant;
        self.book.report(ObjectName::new("shop", name), stored(report), now);
    }
}

fn stored(mut report: VerificationReport) -> Stored {
    report.metadata.uid = Some("r".to_owned());
    report.metadata.resource_version = Some("1".to_owned());
    Stored::of(&report).unwrap()
}

fn world_of(pods: usize) -> World {
    let mut world = World::new();
    for number in 0..pods {
        world.pod(pod(&format!("web-{number}"), &format!("u{number}")));
    }
    world
}
