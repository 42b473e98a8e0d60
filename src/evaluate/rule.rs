//! Several requirements to one verdict: how many passed, on which digest, and what the rest was.

use std::sync::Arc;

use super::{Evidence, Fault, Refusal, RequirementVerdict, Verdict, resolve};

/// Combines the answers of a rule's requirements, of which `at_least` must have passed, all on one digest.
pub(super) fn combine(answers: Vec<Result<Arc<RequirementVerdict>, Fault>>, at_least: usize) -> Verdict {
    let mut passed: Vec<Evidence> = Vec::new();
    let mut refusals: Vec<Refusal> = Vec::new();
    let mut faults: Vec<Fault> = Vec::new();
    for answer in answers {
        match answer {
            Ok(verdict) => match verdict.as_ref() {
                Ok(evidence) => passed.push(evidence.clone()),
                Err(refusal) => refusals.push(refusal.clone()),
            },
            Err(fault) => faults.push(fault),
        }
    }
    if passed.len() >= at_least {
        return trusted(passed);
    }
    // When the missing answers could not reach the count any more, it is known that the image is not trusted.
    let could_suffice = passed.len() + faults.len() >= at_least;
    match (could_suffice, faults.into_iter().next(), refusals.into_iter().max_by_key(Refusal::rank)) {
        (true, Some(fault), _) | (false, Some(fault), None) => Verdict::Fault(fault),
        (_, _, Some(refusal)) => Verdict::Refused(refusal),
        (_, None, None) => Verdict::Fault(Fault::Internal),
    }
}

fn trusted(passed: Vec<Evidence>) -> Verdict {
    let digest = match resolve::agreed(passed.iter().map(|evidence| &evidence.digest)) {
        Ok(Some(digest)) => digest.clone(),
        Ok(None) => return Verdict::Fault(Fault::Internal),
        Err(refusal) => return Verdict::Refused(refusal),
    };
    let expires = passed.iter().filter_map(|evidence| evidence.expires).min();
    let mut evidence = Evidence { digest, validators: vec![], signers: vec![], expires };
    for part in passed {
        evidence.validators.extend(part.validators);
        evidence.signers.extend(part.signers);
    }
    evidence.signers.sort();
    evidence.signers.dedup();
    evidence.validators.dedup();
    // No verified signature, no trust (security rule 7).
    if evidence.signers.is_empty() { Verdict::Fault(Fault::Internal) } else { Verdict::Trusted(evidence) }
}
