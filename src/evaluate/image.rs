//! One image against every applicable policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use oci::{Digest, Reference};

use super::resolve::{self, Credentials};
use super::{Evaluator, Fault, ImageDecision, PolicyResult, Question, Refusal, RequirementVerdict, Verdict, rule};
use crate::crd::{Mode, Unmatched};
use crate::index::{Chosen, CompiledPolicy, CompiledRule, Demand};
use crate::policy::{Problem, Requirement, RequirementId};

/// A policy with what it chose for the image.
struct Case<'a> {
    policy: &'a Arc<CompiledPolicy>,
    chosen: Chosen<'a>,
}

/// Evaluates an image against each policy by itself; only the digest must be one for all that enforce.
pub(super) async fn decide(evaluator: &Evaluator, question: Question<'_>) -> ImageDecision {
    let Question { image, digest, policies, now, .. } = question;
    let reference = match image.parse::<Reference>() {
        Ok(reference) => reference,
        Err(error) => return unreadable(image, error, policies),
    };
    let cases: Vec<_> = policies.iter().map(|policy| Case { policy, chosen: policy.decide(&reference, now) }).collect();
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

type Answer = Result<Arc<RequirementVerdict>, Fault>;
type Answers = BTreeMap<RequirementId, Answer>;

/// Every distinct requirement once, concurrently, after each credential set has resolved the reference once.
async fn verify_all(
    evaluator: &Evaluator,
    question: &Question<'_>,
    reference: &Reference,
    digest: Option<&Digest>,
    cases: &[Case<'_>],
) -> Answers {
    let requirements: BTreeMap<_, _> = cases.iter().flat_map(Case::requirements).map(|requirement| (requirement.id, requirement)).collect();
    let mut gathering = Vec::new();
    for requirement in requirements.into_values() {
        gathering.push(gather(requirement, question));
    }
    let sets = join_all(gathering).await;
    let good: Vec<_> = sets.iter().filter_map(|(_, set)| set.as_ref().ok()).cloned().collect();
    let digests = match digest {
        Some(digest) => good.iter().map(|set| (set.fingerprint, Ok(digest.clone()))).collect(),
        None => resolve::digests(evaluator.client(), reference, &good, question.deadline).await,
    };
    let mut answering = Vec::new();
    for (requirement, set) in sets {
        answering.push(ask(evaluator, question, reference, requirement, set, &digests));
    }
    join_all(answering).await.into_iter().collect()
}

/// One requirement's answer on the digest that its credential set sees.
async fn ask(
    evaluator: &Evaluator,
    question: &Question<'_>,
    reference: &Reference,
    requirement: &Requirement,
    set: Result<Credentials, Fault>,
    digests: &BTreeMap<[u8; 32], Result<Digest, Fault>>,
) -> (RequirementId, Answer) {
    let answer = match set.map(|set| (digests.get(&set.fingerprint), set)) {
        Ok((Some(Ok(digest)), set)) => evaluator.requirement(requirement, &set, reference.repository(), digest, question.deadline).await,
        Ok((Some(Err(fault)), _)) => Err(fault.clone()),
        Ok((None, _)) => Err(Fault::Internal),
        Err(fault) => Err(fault),
    };
    (requirement.id, answer)
}

async fn gather<'a>(requirement: &'a Requirement, question: &Question<'_>) -> (&'a Requirement, Result<Credentials, Fault>) {
    let credentials = resolve::credentials(requirement, question.pull_secrets);
    (requirement, tokio::time::timeout_at(question.deadline, credentials).await.unwrap_or(Err(Fault::Timeout)))
}

impl<'a> Case<'a> {
    fn requirements(&self) -> &'a [Arc<Requirement>] {
        match self.chosen {
            Chosen::Rule(CompiledRule { demand: Demand::Verify { requirements, .. }, .. }) => requirements,
            _ => &[],
        }
    }

    fn result(&self, answers: &Answers) -> PolicyResult {
        let (rule, verdict) = match self.chosen {
            Chosen::Invalid(problems) => (None, Verdict::Refused(policy_invalid(problems))),
            Chosen::Unmatched(Unmatched::Allow) => (None, Verdict::Unmatched),
            Chosen::Unmatched(Unmatched::Deny) => (None, Verdict::Refused(Refusal::NoMatchingRule)),
            Chosen::Rule(compiled) => (Some(compiled.rule.name.clone()), verdict(&compiled.demand, answers)),
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
        Demand::Refuse(problems) => Verdict::Refused(policy_invalid(problems)),
        Demand::Verify { requirements, at_least } => {
            let answer = |requirement: &Arc<Requirement>| answers.get(&requirement.id).cloned().unwrap_or(Err(Fault::Internal));
            rule::combine(requirements.iter().map(answer).collect(), *at_least)
        }
    }
}

fn policy_invalid(problems: &[Problem]) -> Refusal {
    Refusal::PolicyInvalid { problem: problems.first().map(ToString::to_string).unwrap_or_default() }
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
