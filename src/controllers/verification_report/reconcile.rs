//! One pod: ask, compare, write, and say when to look again.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use tokio::time::Instant;

use super::running::Verified;
use super::seen::Seen;
use super::write::{self, WriteError};
use super::{Term, change, pace};
use crate::crd::VerificationReport;
use crate::evaluate::{PullSecrets, Purpose, Question};
use crate::index::{CompiledPolicy, Snapshot};
use crate::policy::ObjectName;
use crate::report::{self, ImageGroup, JudgedImage, PodFacts};

/// For all images of a pod together.
const DEADLINE: Duration = Duration::from_secs(10);
/// Images of one pod that are evaluated at one time.
const IMAGES_AT_ONCE: usize = 16;
/// A namespace that was created a moment ago is in the next snapshot.
const NAMESPACE_RETRY: Duration = Duration::from_secs(1);
/// Another writer was faster; by then its report has been seen.
const CONFLICT_RETRY: Duration = Duration::from_secs(1);

/// Brings the report of a pod up to date.
pub(super) async fn reconcile(pod: Arc<Pod>, term: Arc<Term>) -> Result<Action, WriteError> {
    // Without the stored reports every pod would be written anew.
    term.reports_listed.wait().await;
    let snapshot = term.snapshots.borrow().clone();
    let (Some(snapshot), Some(facts)) = (snapshot, PodFacts::of(&pod)) else {
        return Ok(Action::await_change());
    };
    if term.traffic.is_dense() && pace::may_wait(term.memory.put_off(&name(&facts), &facts.uid)) {
        return Ok(Action::requeue(pace::off_peak(rand::random())));
    }
    term.memory.looked(&name(&facts));
    let Some(policies) = policies(&snapshot, &facts.namespace) else {
        return Ok(Action::requeue(NAMESPACE_RETRY));
    };
    let desired = if policies.is_empty() { None } else { Some(judge(&term, &pod, &facts, &policies).await) };
    let next = next(&term, &facts, desired.as_ref());
    let stored = stored(&term, &facts);
    let told = stored.as_deref().filter(|stored| stored.spec.pod.uid == facts.uid).and_then(Verified::of_report);
    let seen = desired.as_ref().and_then(|report| Seen::of(report, facts.workload.as_ref(), &term.shared));
    let is_news = term.memory.saw(&name(&facts), &facts.uid, seen, told);
    let news = if is_news { desired.clone() } else { None };
    let written = write::carry_out(&term, &name(&facts), stored.as_deref(), change::between(stored.as_deref(), desired)).await;
    // Also when the report could not be written: at the next try it is no news any more.
    if let Some(report) = news {
        term.news.tell(&facts, &report, &term.writes).await;
    }
    written.map(|()| next)
}

/// After a write that failed.
pub(super) fn retry(pod: &Pod, error: &WriteError, term: &Term) -> Action {
    let Some(facts) = PodFacts::of(pod) else { return Action::await_change() };
    if error.is_conflict() {
        return Action::requeue(CONFLICT_RETRY);
    }
    let failures = term.memory.failed(&name(&facts), &facts.uid);
    Action::requeue(pace::retry(failures, rand::random()))
}

/// A pod that vanished while it waited is no error.
pub(super) fn log(error: &controller::Error<WriteError, watcher::Error>) {
    match error {
        controller::Error::ObjectNotFound(_) => {}
        controller::Error::ReconcilerFailed(error, pod) if error.is_conflict() => tracing::debug!(%pod, "a report was written by others"),
        controller::Error::ReconcilerFailed(error, pod) => {
            tracing::warn!(%pod, error = %crate::chain(error), "a report could not be written");
        }
        other => tracing::warn!(error = %crate::chain(other), "pods cannot be watched"),
    }
}

/// The policies that hold for the namespace; nothing when the snapshot does not know its labels yet.
fn policies(snapshot: &Snapshot, namespace: &str) -> Option<Vec<Arc<CompiledPolicy>>> {
    if !snapshot.may_apply(namespace) {
        return Some(vec![]);
    }
    let labels = snapshot.namespaces.get(namespace)?;
    Some(snapshot.applicable(namespace, labels))
}

async fn judge(term: &Term, pod: &Pod, facts: &PodFacts, policies: &[Arc<CompiledPolicy>]) -> VerificationReport {
    let pull_secrets = pull_secrets(term, pod, facts);
    let (now, deadline) = (Utc::now(), Instant::now() + DEADLINE);
    let judged = facts.groups().into_iter().map(|group: ImageGroup| {
        let pull_secrets: &dyn PullSecrets = &pull_secrets;
        async move {
            let digest = group.digest();
            let question = Question {
                namespace: &facts.namespace,
                image: &group.image,
                digest: digest.as_ref(),
                policies,
                pull_secrets,
                now,
                purpose: Purpose::Report(&group.reported),
                deadline,
            };
            let decision = term.evaluator.evaluate(question).await;
            JudgedImage::new(group, &decision)
        }
    });
    let judged: Vec<_> = stream::iter(judged).buffered(IMAGES_AT_ONCE).collect().await;
    report::content(facts, &judged, &previous(term, facts), now)
}

fn pull_secrets(term: &Term, pod: &Pod, facts: &PodFacts) -> impl PullSecrets + use<> {
    let spec = pod.spec.as_ref();
    let named = spec.and_then(|spec| spec.image_pull_secrets.as_ref()).into_iter().flatten();
    let named = named.map(|secret| secret.name.clone()).collect();
    let account = spec.and_then(|spec| spec.service_account_name.clone());
    term.pull_secrets.for_object(&facts.namespace, named, account)
}

/// The conditions of the pod's last report; another pod's say nothing about this one.
fn previous(term: &Term, facts: &PodFacts) -> Vec<crate::crd::Condition> {
    let remembered = term.memory.conditions(&name(facts), &facts.uid);
    let stored = || stored(term, facts).filter(|stored| stored.spec.pod.uid == facts.uid);
    remembered.or_else(|| Some(stored()?.status.as_ref()?.conditions.clone())).unwrap_or_default()
}

fn stored(term: &Term, facts: &PodFacts) -> Option<Arc<VerificationReport>> {
    term.reports.get(&ObjectRef::new(&facts.name).within(&facts.namespace))
}

fn next(term: &Term, facts: &PodFacts, desired: Option<&VerificationReport>) -> Action {
    match desired {
        Some(report) if pace::is_unknown(report) => {
            let failures = term.memory.failed(&name(facts), &facts.uid);
            Action::requeue(pace::retry(failures, rand::random()))
        }
        Some(_) => {
            term.memory.succeeded(&name(facts), &facts.uid);
            Action::requeue(pace::refresh(rand::random()))
        }
        None => Action::await_change(),
    }
}

fn name(facts: &PodFacts) -> ObjectName {
    ObjectName::new(&facts.namespace, &facts.name)
}
