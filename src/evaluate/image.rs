//! One image against every applicable policy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use oci::{Digest, Reference};
use tokio::time::Instant;

use super::cache::Key;
use super::resolve::{self, Digests};
use super::running;
use super::{
    Evaluator, Evidence, Fault, ImageDecision, PolicyResult, Purpose, Question, Refusal, RequirementVerdict, Verdict, notary_requirement,
    rule,
};
use crate::crd::{Mode, OnFault, Unmatched};
use crate::index::{Chosen, CompiledPolicy, CompiledRule, Demand};
use crate::policy::{Cause, Problem, Requirement, RequirementId, Scheme};

/// Rules are matched for so long before other requests get their turn.
const SLICE: Duration = Duration::from_millis(2);

/// A policy with what it chose for the image; nothing when the deadline passed before it could choose.
struct Case<'a> {
    policy: &'a Arc<CompiledPolicy>,
    chosen: Option<Chosen<'a>>,
}

/// Evaluates an image against each policy by itself; only the digest must be one for all that enforce.
pub(super) async fn decide(evaluator: &Evaluator, question: Question<'_>) -> ImageDecision {
    let Question { image, policies, now, .. } = question;
    let reference = match image.parse::<Reference>() {
        Ok(reference) => reference,
        Err(error) => return unreadable(image, error, policies),
    };
    let cases = choose(policies, &reference, now, question.deadline).await;
    let verified = verify_all(evaluator, &question, &reference, &cases).await;
    let mut results: Vec<_> = cases.iter().map(|case| case.result(&verified)).collect();
    refuse_disagreement(&mut results);
    ImageDecision { image: image.to_owned(), reference: Ok(reference), results }
}

/// An unreadable reference is refused by every policy: nobody could say which rule is for it.
fn unreadable(image: &str, error: oci::ReferenceError, policies: &[Arc<CompiledPolicy>]) -> ImageDecision {
    let result = |policy: &Arc<CompiledPolicy>| PolicyResult {
        policy: policy.clone(),
        rule: None,
        verifies: false,
        validators: vec![],
        verdict: Verdict::Refused(Refusal::ImageInvalid(error)),
        outage: None,
    };
    ImageDecision { image: image.to_owned(), reference: Err(error), results: policies.iter().map(result).collect() }
}

/// What each policy chooses. Matching takes processor time that policies' authors decide about: others get turns.
async fn choose<'a>(policies: &'a [Arc<CompiledPolicy>], reference: &Reference, now: DateTime<Utc>, deadline: Instant) -> Vec<Case<'a>> {
    let mut cases = Vec::with_capacity(policies.len());
    let mut slice = Instant::now();
    for policy in policies {
        if slice.elapsed() > SLICE {
            tokio::task::yield_now().await;
            slice = Instant::now();
        }
        cases.push(Case { policy, chosen: (slice < deadline).then(|| policy.decide(reference, now)) });
    }
    cases
}

/// What a requirement says now, and what stands of it in an outage.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) now: Result<Arc<RequirementVerdict>, Fault>,
    pub(super) last: Option<Evidence>,
}

type Answers = BTreeMap<RequirementId, Answer>;

/// Every distinct requirement once, concurrently; a slow one keeps no other waiting.
async fn verify_all(evaluator: &Evaluator, question: &Question<'_>, reference: &Reference, cases: &[Case<'_>]) -> Answers {
    let requirements: BTreeMap<_, _> = cases.iter().flat_map(Case::requirements).map(|requirement| (requirement.id, requirement)).collect();
    let digests = Digests::new(evaluator, question, reference);
    let mut answering = Vec::new();
    for requirement in requirements.into_values() {
        answering.push(answer(evaluator, question, reference, requirement, &digests));
    }
    join_all(answering).await.into_iter().collect()
}

/// One requirement: its grants, the digest that they see, and what the requirement says of it.
async fn answer(
    evaluator: &Evaluator,
    question: &Question<'_>,
    reference: &Reference,
    requirement: &Arc<Requirement>,
    digests: &Digests<'_>,
) -> (RequirementId, Answer) {
    let gathering = resolve::grants(requirement, question.pull_secrets);
    let gathered = tokio::time::timeout_at(question.deadline, gathering).await.unwrap_or(Err(Fault::Timeout));
    let answer = match gathered {
        Err(fault) => Answer { now: Err(fault), last: None },
        Ok(grants) => {
            let case = running::Case { evaluator, question, reference, requirement, digests, grants: &grants };
            match question.purpose {
                Purpose::Admission => with(case).await,
                Purpose::Report(reported) => case.of(reported).await,
            }
        }
    };
    (requirement.id, answer)
}

/// What the requirement says of the digest in question.
pub(super) async fn with(case: running::Case<'_>) -> Answer {
    let running::Case { evaluator, question, reference, requirement, digests, grants } = case;
    let id = requirement.id;
    let key =
        |digest: Digest| Key { requirement: id, repository: reference.repository().clone(), digest, credentials: grants.fingerprint() };
    let (now, seen) = match &requirement.scheme {
        Scheme::Cosign(cosign) => match digests.seen_with(grants).await {
            Err(fault) => (Err(fault), None),
            Ok(digest) => {
                let asked = (&requirement.validator, cosign);
                (evaluator.cosign(question, asked, grants, &key(digest.clone())).await, Some(digest))
            }
        },
        Scheme::NotaryV1(notary) => {
            let now = notary_requirement::judge(evaluator, question, reference, (requirement, notary), grants).await;
            let written = question.digest.or(reference.digest()).cloned();
            let last = || evaluator.last().digest(id, reference, grants.fingerprint());
            if let Ok(verdict) = &now {
                let digest = verdict.as_ref().map_or_else(|_| written.clone().or_else(last), |evidence| Some(evidence.digest.clone()));
                if let Some(digest) = digest {
                    evaluator.last().learn(&key(digest), verdict);
                }
            }
            (now.map(Arc::new), written)
        }
    };
    // A digest that is known from elsewhere says nothing about what the tag means.
    if let (None, Ok(Ok(evidence))) = (question.digest, now.as_ref().map(AsRef::as_ref)) {
        evaluator.last().learn_tag(&key(evidence.digest.clone()), reference);
    }
    let last = |fault: &Fault| {
        // What the tag meant counts only while nobody can say what it means.
        let digest = || seen.or_else(|| evaluator.last().digest(id, reference, grants.fingerprint()));
        let wanted = question.purpose == Purpose::Admission && fault.is_outage();
        wanted.then(digest).flatten().and_then(|digest| evaluator.last().success(&key(digest), question.now))
    };
    let last = now.as_ref().err().and_then(last);
    Answer { now, last }
}

impl<'a> Case<'a> {
    fn requirements(&self) -> &'a [Arc<Requirement>] {
        match self.chosen {
            Some(Chosen::Rule(CompiledRule { demand: Demand::Verify { requirements, .. }, .. })) => requirements,
            _ => &[],
        }
    }

    fn result(&self, answers: &Answers) -> PolicyResult {
        let (rule, (verdict, outage)) = match self.chosen {
            None => (None, (Verdict::Fault(Fault::Timeout), None)),
            Some(Chosen::Invalid(problems)) => (None, (unusable(problems), None)),
            Some(Chosen::Unmatched(Unmatched::Allow)) => (None, (Verdict::Unmatched, None)),
            Some(Chosen::Unmatched(Unmatched::Deny)) => (None, (Verdict::Refused(Refusal::NoMatchingRule), None)),
            Some(Chosen::Rule(compiled)) => (Some(compiled.rule.name.clone()), verdict(&compiled.demand, answers, self.policy.on_fault)),
        };
        let requirements = self.requirements();
        PolicyResult {
            policy: self.policy.clone(),
            rule,
            verifies: !requirements.is_empty(),
            validators: requirements.iter().map(|requirement| requirement.validator.clone()).collect(),
            verdict,
            outage,
        }
    }
}

/// The verdict, and the outage when it is the last one that stands.
fn verdict(demand: &Demand, answers: &Answers, on_fault: OnFault) -> (Verdict, Option<Fault>) {
    let (requirements, at_least) = match demand {
        Demand::Verify { requirements, at_least } => (requirements, *at_least),
        Demand::Allow { reason } => return (Verdict::Exempt { reason: reason.clone() }, None),
        Demand::Deny { message } => return (Verdict::Refused(Refusal::DeniedByRule { message: message.clone() }), None),
        Demand::Refuse(problems) => return (unusable(problems), None),
    };
    let answer = |requirement: &Arc<Requirement>| answers.get(&requirement.id);
    let now = |answer: Option<&Answer>| answer.map_or(Err(Fault::Internal), |answer| answer.now.clone());
    let verdict = rule::combine(requirements.iter().map(|requirement| now(answer(requirement))).collect(), at_least);
    let Verdict::Fault(fault) = &verdict else { return (verdict, None) };
    if on_fault == OnFault::Deny || !fault.is_outage() {
        return (verdict, None);
    }
    let standing = |answer: Option<&Answer>| match answer {
        Some(Answer { now: Err(_), last: Some(last) }) => Ok(Arc::new(Ok(last.clone()))),
        answer => now(answer),
    };
    match rule::combine(requirements.iter().map(|requirement| standing(answer(requirement))).collect(), at_least) {
        trusted @ Verdict::Trusted(_) => (trusted, Some(fault.clone())),
        _ => (verdict, None),
    }
}

/// What cannot be used refuses; what was merely not read yet is not known to be unusable.
fn unusable(problems: &[Problem]) -> Verdict {
    let unread = |problem: &Problem| matches!(problem.cause, Cause::NotYetRead { .. });
    if !problems.is_empty() && problems.iter().all(unread) {
        return Verdict::Fault(Fault::NotYetRead);
    }
    Verdict::Refused(Refusal::PolicyInvalid { problem: problems.first().map(ToString::to_string).unwrap_or_default() })
}

/// Policies that enforce and verified two different digests refuse the image, all of them (security rule 2).
fn refuse_disagreement(results: &mut [PolicyResult]) {
    let verified = results.iter().filter(|result| result.policy.mode == Mode::Enforce).filter_map(|result| result.verdict.digest());
    let Err(refusal) = resolve::agreed(verified) else { return };
    let refused = results.iter_mut().filter(|result| result.policy.mode == Mode::Enforce && result.verdict.digest().is_some());
    refused.for_each(|result| result.verdict = Verdict::Refused(refusal.clone()));
}

/// The time of a question, for rules that end.
pub(super) type Now = DateTime<Utc>;
