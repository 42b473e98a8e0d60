//! What a requirement says of what runs: of the digest that was specified, and whether the kubelet reports that one.
//!
//! Boundary: for reports; admission knows nothing that runs. Invariant: nothing is trusted that neither was verified
//! itself nor agrees with what was (`agreement`), and what was refused is refused, whatever runs.

use std::sync::Arc;

use oci::{Digest, Grants, Reference};

use super::agreement::{Pair, Runs};
use super::image::{Answer, with};
use super::resolve::Digests;
use super::{Evaluator, Evidence, Question, Refusal, Reported};
use crate::policy::{Reason, Requirement};

/// Everything that a requirement is asked with.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) evaluator: &'a Evaluator,
    pub(super) question: &'a Question<'a>,
    pub(super) reference: &'a Reference,
    pub(super) requirement: &'a Arc<Requirement>,
    pub(super) digests: &'a Digests<'a>,
    pub(super) grants: &'a Grants,
}

impl Case<'_> {
    /// The answer on what is reported to run.
    pub(super) async fn of(self, reported: &Reported) -> Answer {
        let answer = with(self).await;
        match (self.reference.digest(), reported) {
            // The reported digest itself was asked about.
            (None, Reported::Manifest { digest, .. }) if lacks_signature(&answer) => {
                let by_tag = self.by_tag(reported, digest).await;
                by_tag.unwrap_or(answer)
            }
            (None, Reported::Manifest { .. }) => answer,
            _ => self.if_it_runs(answer, reported).await,
        }
    }

    /// A part of an index, or a copy, is not signed by itself; what its tag means now may be, and vouch for it. Nothing
    /// when it does not; an outage is said, because the answer that is missing might be that it does.
    async fn by_tag(self, reported: &Reported, runs: &Digest) -> Option<Answer> {
        let question = Question { digest: None, ..*self.question };
        let digests = Digests::new(self.evaluator, &question, self.reference);
        let case = Case { question: &question, digests: &digests, ..self };
        let answer = case.if_it_runs(with(case).await, reported).await;
        match &answer.now {
            Ok(verdict) => {
                let evidence = Evidence { digest: runs.clone(), ..verdict.as_ref().as_ref().ok()?.clone() };
                Some(Answer { now: Ok(Arc::new(Ok(evidence))), last: None })
            }
            Err(fault) => fault.is_outage().then_some(answer),
        }
    }

    /// The answer, if it is no success or what was verified is what runs.
    async fn if_it_runs(self, answer: Answer, reported: &Reported) -> Answer {
        let Self { evaluator, question, reference, grants, .. } = self;
        let Ok(Ok(evidence)) = answer.now.as_ref().map(AsRef::as_ref) else { return answer };
        let Some(runs) = Runs::of(reported) else { return answer };
        let verified = evidence.digest.clone();
        let pair = Pair { repository: reference.repository().clone(), verified, runs, credentials: grants.fingerprint() };
        let now = match evaluator.agreements().hold(evaluator, question, &pair, || evaluator.session(question, grants)).await {
            Ok(true) => return answer,
            Ok(false) => Ok(Arc::new(Err(Refusal::RunsAnother { verified: pair.verified, reported: reported.clone() }))),
            Err(fault) => Err(fault),
        };
        Answer { now, last: None }
    }
}

/// Whether nobody was found to say anything about the image, good or bad.
fn lacks_signature(answer: &Answer) -> bool {
    let refusal = answer.now.as_ref().ok().and_then(|verdict| verdict.as_ref().as_ref().err());
    refusal.is_some_and(|refusal| refusal.reason() == Reason::NoSignature)
}
