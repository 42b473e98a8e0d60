//! One image against every applicable policy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use oci::{Digest, Reference};
use tokio::time::Instant;

use super::resolve::{self, Digests};
use super::{Evaluator, Fault, ImageDecision, PolicyResult, Question, Refusal, RequirementVerdict, Verdict, rule};
use crate::crd::{Mode, Unmatched};
use crate::index::{Chosen, CompiledPolicy, CompiledRule, Demand};
use crate::policy::{Cause, Problem, Requirement, RequirementId};

/// Rules are matched for so long before other requests get their turn.
const SLICE: Duration = Duration::from_millis(2);

/// A policy with what it chose for the image; nothing when the deadline passed before it could choose.
struct Case<'a> {
    policy: &'a Arc<CompiledPolicy>,
    chosen: Option<Chosen<'a>>,
}

/// Evaluates an image against each policy by itself; only the digest must be one for all that enforce.
pub(super) async fn decide(evaluator: &Evaluator, question: Question<'_>) -> ImageDecision {
    let Question { image, digest, policies, now, .. } = question;
    let reference = match image.parse::<Reference>() {
        Ok(reference) => reference,
        Err(error) => return unreadable(image, error, policies),
    };
    let cases = choose(policies, &reference, now, question.deadline).await;
    let verified = verify_all(evaluator, &question, &reference, digest, &cases).await;
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

type Answer = Result<Arc<RequirementVerdict>, Fault>;
type Answers = BTreeMap<RequirementId, Answer>;

/// Every distinct requirement once, concurrently; a slow one keeps no other waiting.
async fn verify_all(
    evaluator: &Evaluator,
    question: &Question<'_>,
    reference: &Reference,
    digest: Option<&Digest>,
    cases: &[Case<'_>],
) -> Answers {
    let requirements: BTreeMap<_, _> = cases.iter().flat_map(Case::requirements).map(|requirement| (requirement.id, requirement)).collect();
    let digests = Digests::new(evaluator.client(), reference, digest, question.deadline);
    let mut answering = Vec::new();
    for requirement in requirements.into_values() {
        answering.push(answer(evaluator, question, reference, requirement, &digests));
    }
    join_all(answering).await.into_iter().collect()
}

/// One requirement: its credentials, the digest that they see, and what the requirement says of it.
async fn answer(
    evaluator: &Evaluator,
    question: &Question<'_>,
    reference: &Reference,
    requirement: &Arc<Requirement>,
    digests: &Digests<'_>,
) -> (RequirementId, Answer) {
    let answer = async {
        let gathering = resolve::credentials(requirement, question.pull_secrets);
        let credentials = tokio::time::timeout_at(question.deadline, gathering).await.unwrap_or(Err(Fault::Timeout))?;
        let digest = digests.seen_with(&credentials).await?;
        evaluator.requirement(question, requirement, &credentials, reference.repository(), &digest).await
    };
    (requirement.id, answer.await)
}

impl<'a> Case<'a> {
    fn requirements(&self) -> &'a [Arc<Requirement>] {
        match self.chosen {
            Some(Chosen::Rule(CompiledRule { demand: Demand::Verify { requirements, .. }, .. })) => requirements,
            _ => &[],
        }
    }

    fn result(&self, answers: &Answers) -> PolicyResult {
        let (rule, verdict) = match self.chosen {
            None => (None, Verdict::Fault(Fault::Timeout)),
            Some(Chosen::Invalid(problems)) => (None, unusable(problems)),
            Some(Chosen::Unmatched(Unmatched::Allow)) => (None, Verdict::Unmatched),
            Some(Chosen::Unmatched(Unmatched::Deny)) => (None, Verdict::Refused(Refusal::NoMatchingRule)),
            Some(Chosen::Rule(compiled)) => (Some(compiled.rule.name.clone()), verdict(&compiled.demand, answers)),
        };
        let requirements = self.requirements();
        PolicyResult {
            policy: self.policy.clone(),
            rule,
            verifies: !requirements.is_empty(),
            validators: requirements.iter().map(|requirement| requirement.validator.clone()).collect(),
            verdict,
        }
    }
}

fn verdict(demand: &Demand, answers: &Answers) -> Verdict {
    match demand {
        Demand::Allow { reason } => Verdict::Exempt { reason: reason.clone() },
        Demand::Deny { message } => Verdict::Refused(Refusal::DeniedByRule { message: message.clone() }),
        Demand::Refuse(problems) => unusable(problems),
        Demand::Verify { requirements, at_least } => {
            let answer = |requirement: &Arc<Requirement>| answers.get(&requirement.id).cloned().unwrap_or(Err(Fault::Internal));
            rule::combine(requirements.iter().map(answer).collect(), *at_least)
        }
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
