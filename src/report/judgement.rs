//! Verdicts as reports see them.

use crate::evaluate::{ImageDecision, PolicyResult, Verdict};
use crate::policy::ObjectName;

use super::ImageGroup;

/// A distinct image of a pod with what each applicable policy says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedImage {
    /// The image.
    pub group: ImageGroup,
    /// One per policy, in the order of the snapshot.
    pub judgements: Vec<Judgement>,
}

/// What one policy says of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The policy.
    pub policy: ObjectName,
    /// The rule that decided; absent when none matched.
    pub rule: Option<String>,
    /// Whether that rule demands verification.
    pub verifies: bool,
    /// The validators that were asked.
    pub validators: Vec<ObjectName>,
    /// What came out.
    pub verdict: Verdict,
}

impl JudgedImage {
    /// Joins an image with the decision on it.
    pub fn new(group: ImageGroup, decision: &ImageDecision) -> Self {
        Self { group, judgements: decision.results.iter().map(Judgement::from).collect() }
    }
}

impl From<&PolicyResult> for Judgement {
    fn from(result: &PolicyResult) -> Self {
        // No last verdict stands here: reports say what could be found out.
        let PolicyResult { policy, rule, verifies, validators, verdict, outage: _ } = result;
        Self {
            policy: policy.name.clone(),
            rule: rule.clone(),
            verifies: *verifies,
            validators: validators.clone(),
            verdict: verdict.clone(),
        }
    }
}
