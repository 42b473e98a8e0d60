//! The results of a report: one per image and policy.
//!
//! Invariant: the same verdicts give the same results, so that a report is written only when it changes.

use std::cmp::Reverse;

use oci::Digest;

use crate::crd::ImageResult;
use crate::evaluate::{Refusal, Reported, Verdict};
use crate::policy::ObjectName;

use super::condition::places;
use super::status::severity;
use super::{ImageGroup, JudgedImage, Judgement};
use crate::text;

const MOST_RESULTS: usize = 128;
/// A third of what etcd takes in one object.
const MOST_BYTES: usize = 512 * 1024;
const MOST_IMAGE: usize = 1_024;
const MOST_MESSAGE: usize = 512;
const MOST_NAME: usize = 253;
const MOST_VALIDATORS: usize = 2_048;
const MOST_LOCATIONS: usize = 128;
const MOST_LOCATION: usize = 128;
const MOST_SIGNERS: usize = 64;
const MOST_SIGNER: usize = 1_024;

pub(super) fn results(image: &JudgedImage) -> impl Iterator<Item = ImageResult> {
    image.judgements.iter().map(|judgement| result(&image.group, judgement))
}

fn result(group: &ImageGroup, judgement: &Judgement) -> ImageResult {
    let Judgement { policy, rule, verifies: _, validators, verdict } = judgement;
    ImageResult {
        image: text::shown(&group.image, MOST_IMAGE),
        digest: digest(group, verdict).as_ref().map(ToString::to_string),
        containers: group.locations.iter().take(MOST_LOCATIONS).map(|location| text::shown(&location.to_string(), MOST_LOCATION)).collect(),
        status: verdict.status(),
        policy: policy.to_string(),
        rule: rule.as_ref().map(|rule| text::shown(rule, MOST_NAME)),
        validator: names(validators),
        signers: signers(verdict),
        reason: verdict.reason().as_str().to_owned(),
        pods: None,
        message: text::shown(&message(group, judgement), MOST_MESSAGE),
    }
}

/// What the kubelet reports; before that what is specified, or what the tag was resolved to and verified as.
fn digest(group: &ImageGroup, verdict: &Verdict) -> Option<Digest> {
    group.reported.manifest().cloned().or_else(|| group.specified()).or_else(|| verdict.digest().cloned())
}

fn names(validators: &[ObjectName]) -> Option<String> {
    let joined = validators.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    (!joined.is_empty()).then(|| text::shown(&joined, MOST_VALIDATORS))
}

fn signers(verdict: &Verdict) -> Vec<String> {
    let Verdict::Trusted(evidence) = verdict else { return vec![] };
    evidence.signers.iter().take(MOST_SIGNERS).map(|signer| text::shown(&signer.to_string(), MOST_SIGNER)).collect()
}

/// The verdict, and beside it what the kubelet reports where that is another digest than the specified one.
fn message(group: &ImageGroup, judgement: &Judgement) -> String {
    let (message, other) = (judgement.verdict.message(), runs_another(group));
    let beside = match (&judgement.verdict, group.specified(), other) {
        (Verdict::Refused(Refusal::RunsAnother { .. }), ..) => return format!("{}: {message}", places(&group.locations)),
        (_, Some(specified), Some(runs)) => match &judgement.verdict {
            Verdict::Trusted(_) => format!("the kubelet reports {runs}, which agrees with the verified {specified}"),
            Verdict::Exempt { .. } => {
                format!("the rule exempts the specified {specified}; the kubelet reports {runs}, which was not compared")
            }
            _ if judgement.verifies => {
                format!("the verdict is on the specified digest {specified}; the kubelet reports another one, {runs}")
            }
            _ => return message,
        },
        _ => return message,
    };
    // First, because a long message is cut at its end.
    if message.is_empty() { beside } else { format!("{beside}; {message}") }
}

/// What runs, unless it is what is specified by its very digest.
fn runs_another(group: &ImageGroup) -> Option<String> {
    match &group.reported {
        Reported::Nothing => None,
        Reported::Manifest { digest, .. } => (group.specified().as_ref() != Some(digest)).then(|| digest.to_string()),
        Reported::Config(digest) => Some(format!("the config {digest}")),
    }
}

/// The results that fit, and how many do not: the worst ones stay, in the order of the pod.
pub(super) fn bounded(results: Vec<ImageResult>) -> (Vec<ImageResult>, usize) {
    let all = results.len();
    let mut ranked: Vec<_> = results.into_iter().enumerate().collect();
    ranked.sort_by_key(|(at, result)| (Reverse(severity(result.status)), *at));
    let mut bytes = 0;
    let mut kept: Vec<_> = ranked
        .into_iter()
        .take(MOST_RESULTS)
        .take_while(|(_, result)| {
            bytes += size(result);
            bytes <= MOST_BYTES
        })
        .collect();
    kept.sort_by_key(|(at, _)| *at);
    let kept: Vec<_> = kept.into_iter().map(|(_, result)| result).collect();
    let left_out = all - kept.len();
    (kept, left_out)
}

fn size(result: &ImageResult) -> usize {
    let ImageResult { image, digest, containers, status: _, policy, rule, validator, signers, reason, pods: _, message } = result;
    let texts = [Some(image), digest.as_ref(), Some(policy), rule.as_ref(), validator.as_ref(), Some(reason), Some(message)];
    texts.into_iter().flatten().chain(containers).chain(signers).map(String::len).sum()
}

#[cfg(test)]
mod tests;
