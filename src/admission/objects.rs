//! The two passes over objects that run images: the mutating one pins, the validating one has the last word.

mod pin;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures::future::{BoxFuture, FutureExt};
use tokio::sync::watch;
use tokio::time::Instant;

use self::pin::Stored;
use super::alerts;
use super::answer::{Answer, Status};
use super::images::{self, ImageUse, PodImages, Workload};
use super::message::{self, Judged};
use super::patch::{self, Change};
use super::review::{Operation, Request};
use super::surroundings::Surroundings;
use super::trace::Trace;
use super::traffic::Traffic;
use crate::alerting::{AlertImage, Alerts};
use crate::crd::Mode;
use crate::evaluate::{Evaluator, Fault, ImageDecision, Purpose, Question, Verdict};
use crate::index::{CompiledPolicy, Snapshot};
use crate::policy::{Labels, Reason};

/// Distinct images per object (security rule 21).
const MOST_IMAGES: usize = 64;

/// Which of the two webhooks is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// The mutating webhook: evaluates and pins.
    Mutate,
    /// The validating webhook: evaluates the final object, whoever changed it meanwhile.
    Validate,
}

/// How a request ended; a closed metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// No policy or no new image: nothing was to be judged.
    Skipped,
    /// Admitted.
    Admitted,
    /// Refused.
    Refused,
    /// Not found out, and refused for it.
    Fault,
}

/// Is told of every answer. Implemented by the metrics.
pub trait AdmissionObserver: Send + Sync {
    /// A request was answered; the reason is that of the first refusal.
    fn answered(&self, pass: Pass, outcome: Outcome, reason: Option<Reason>, took: Duration);
}

/// Decides about objects.
pub struct Gate {
    /// The compiled policies; none before everything was listed.
    pub snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// Evaluates images.
    pub evaluator: Evaluator,
    /// The cluster around the object.
    pub surroundings: Arc<dyn Surroundings>,
    /// The metrics.
    pub observer: Arc<dyn AdmissionObserver>,
    /// Is told of every request that is judged, for those who stay out of its way.
    pub traffic: Traffic,
    /// Those who are told what was admitted and refused.
    pub alerts: Alerts,
}

/// There is no snapshot yet, so nothing can be said (security rule 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not everything was listed yet")]
pub struct NotReady;

/// What was decided of an object.
pub(super) struct Decided {
    pub(super) answer: Answer,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<Reason>,
    /// Whether some policy enforces.
    pub(super) enforced: bool,
    /// What receivers of alerts are told of its images.
    pub(super) images: Vec<(AlertImage, Reason)>,
}

/// What is to be judged of an object.
struct Case<'a> {
    workload: Workload,
    object: &'a str,
    namespace: &'a str,
    images: PodImages,
    stored: Stored,
    policies: Vec<Arc<CompiledPolicy>>,
}

impl Gate {
    /// Answers one request.
    pub fn answer<'a>(&'a self, pass: Pass, request: &'a Request<'a>, deadline: Instant) -> BoxFuture<'a, Result<Answer, NotReady>> {
        self.judge(pass, request, deadline).boxed()
    }

    async fn judge(&self, pass: Pass, request: &Request<'_>, deadline: Instant) -> Result<Answer, NotReady> {
        let started = Instant::now();
        let snapshot = self.snapshots.borrow().clone().ok_or(NotReady)?;
        let decided = match self.case(&snapshot, request, deadline).await {
            Ok(Some(case)) => {
                self.traffic.passes();
                self.decide(pass, case, deadline).await
            }
            Ok(None) => Decided::of(Answer::admitted(), Outcome::Skipped, None),
            Err(answer) => Decided::of(Self::soften(answer, &snapshot, request), Outcome::Fault, Some(Reason::Internal)),
        };
        let Decided { mut answer, outcome, reason, .. } = alerts::tell(&self.alerts, pass, request, decided, deadline).await;
        self.observer.answered(pass, outcome, reason, started.elapsed());
        if outcome != Outcome::Skipped {
            let trace = Trace::of(request);
            trace.log(pass, request, outcome, reason, &answer);
            answer.annotations.extend(trace.annotations());
            // The API server keeps the first annotation of a name, and both passes have one name: the last word is wanted.
            if pass == Pass::Mutate && answer.denied.is_none() {
                answer.annotations.clear();
            }
        }
        Ok(answer)
    }

    /// Where no policy enforces, a fault of ours refuses nothing.
    fn soften(answer: Answer, snapshot: &Snapshot, request: &Request<'_>) -> Answer {
        let enforced = request.namespace.as_deref().is_none_or(|namespace| snapshot.may_enforce(namespace));
        match answer.denied {
            Some(denial) if !enforced => Answer { warnings: vec![denial.message], ..Answer::admitted() },
            denied => Answer { denied, ..answer },
        }
    }

    /// What is to be judged; nothing where no policy holds or no image is new.
    async fn case<'a>(&self, snapshot: &Snapshot, request: &'a Request<'_>, deadline: Instant) -> Result<Option<Case<'a>>, Answer> {
        if !matches!(request.operation, Operation::Create | Operation::Update) {
            return Ok(None);
        }
        let namespace = request.namespace.as_deref().ok_or_else(malformed)?;
        let workload = Workload::of(&request.resource).ok_or_else(malformed)?;
        if !snapshot.may_apply(namespace) {
            return Ok(None);
        }
        let object = request.object.ok_or_else(malformed)?.get();
        let mut images = workload.images(object).map_err(|_| malformed())?;
        let stored = images::stored(workload, request).map_err(|_| malformed())?;
        images.uses.retain(|image| !stored.contains(&(image.field, image.name.clone(), image.image.clone())));
        if images.uses.is_empty() {
            return Ok(None);
        }
        let labels = self.labels(snapshot, namespace, deadline).await.map_err(|fault| unavailable(&fault))?;
        let policies = snapshot.applicable(namespace, &labels);
        let case = Case { workload, object, namespace, images, stored: Stored::new(stored), policies };
        Ok((!case.policies.is_empty()).then_some(case))
    }

    /// A namespace that the snapshot does not know yet is asked for; "unknown" is never "no policy" (security rule 12).
    async fn labels(&self, snapshot: &Snapshot, namespace: &str, deadline: Instant) -> Result<Labels, Fault> {
        if let Some(labels) = snapshot.namespaces.get(namespace) {
            return Ok(labels.clone());
        }
        let asked = tokio::time::timeout_at(deadline, self.surroundings.labels(namespace)).await;
        asked.unwrap_or(Err(Fault::Timeout))?.ok_or(Fault::NamespaceUnknown)
    }

    async fn decide(&self, pass: Pass, mut case: Case<'_>, deadline: Instant) -> Decided {
        let now = Utc::now();
        let new = group(&case.images.uses).len();
        let too_many = (new > MOST_IMAGES).then(|| format!("the object has {new} new images; at most {MOST_IMAGES} are judged at once"));
        match &too_many {
            Some(message) if case.policies.iter().any(|policy| policy.mode == Mode::Enforce) => {
                return Decided::of(Answer::denied(Status::Forbidden, message.clone()), Outcome::Refused, Some(Reason::TooLarge));
            }
            _ => {}
        }
        let mut changes = Vec::new();
        if pass == Pass::Mutate {
            changes = pin::keep_stored(&mut case.images.uses, &case.stored, &case.policies, now);
        }
        let by_image = group(&case.images.uses);
        let PodImages { pull_secrets, service_account, .. } = &case.images;
        let pull_secrets = self.surroundings.pull_secrets(case.namespace, pull_secrets.clone(), service_account.clone());
        let mut questions = Vec::new();
        for image in by_image.keys().take(MOST_IMAGES) {
            questions.push(Question {
                namespace: case.namespace,
                image,
                digest: None,
                policies: &case.policies,
                pull_secrets: &*pull_secrets,
                now,
                purpose: Purpose::Admission,
                deadline,
            });
        }
        let mut decisions = self.evaluator.evaluate_all(&questions).await;
        if pass == Pass::Validate {
            for decision in &mut decisions {
                pin::refuse_unpinned(decision, case.workload);
            }
        }
        let judged: Vec<Judged<'_>> = by_image.into_values().zip(&decisions).collect();
        let mut answer = conclude(&judged);
        answer.warnings.extend(too_many);
        if pass == Pass::Mutate && answer.denied.is_none() {
            changes.extend(judged.iter().flat_map(|judged| pin::changes(judged, case.workload)));
            match patch::prove(case.workload, case.object, &changes) {
                Ok(patch) => answer.patch = patch,
                Err(error) => {
                    tracing::error!(%error, "patch not sent");
                    return Decided::of(unavailable(&Fault::Internal), Outcome::Fault, Some(Reason::Internal));
                }
            }
        }
        let (outcome, reason) = outcome(&decisions);
        let enforced = case.policies.iter().any(|policy| policy.mode == Mode::Enforce);
        let images = alerts::images(&self.alerts, case.namespace, &decisions);
        Decided { answer, outcome, reason, enforced, images }
    }
}

impl Decided {
    /// What was decided without looking at images.
    fn of(answer: Answer, outcome: Outcome, reason: Option<Reason>) -> Self {
        Self { enforced: answer.denied.is_some(), answer, outcome, reason, images: vec![] }
    }
}

/// Each distinct image with the places that use it, in the order of the texts.
fn group(uses: &[ImageUse]) -> BTreeMap<&str, Vec<&ImageUse>> {
    let mut by_image: BTreeMap<&str, Vec<&ImageUse>> = BTreeMap::new();
    for image in uses {
        by_image.entry(&image.image).or_default().push(image);
    }
    by_image
}

fn conclude(judged: &[Judged<'_>]) -> Answer {
    let mut answer = match Verdict::decisive(judged.iter().flat_map(|(_, decision)| decision.objections())) {
        None => Answer::admitted(),
        Some(Verdict::Refused(_)) => Answer::denied(Status::Forbidden, message::denial(judged)),
        Some(_) => Answer::denied(Status::ServiceUnavailable, message::denial(judged)),
    };
    answer.warnings = message::warnings(judged);
    answer.annotations = message::annotations(judged);
    answer
}

fn outcome(decisions: &[ImageDecision]) -> (Outcome, Option<Reason>) {
    match Verdict::decisive(decisions.iter().flat_map(ImageDecision::objections)) {
        None => (Outcome::Admitted, None),
        Some(refused @ Verdict::Refused(_)) => (Outcome::Refused, Some(refused.reason())),
        Some(fault) => (Outcome::Fault, Some(fault.reason())),
    }
}

fn malformed() -> Answer {
    Answer::denied(Status::Invalid, "the request is not one that is judged".to_owned())
}

fn unavailable(fault: &Fault) -> Answer {
    Answer::denied(Status::ServiceUnavailable, format!("{}: {fault}", fault.reason()))
}

/// A change that a decision asks for.
type Changes = Vec<Change>;
