//! `compile`: inputs to snapshot and findings, as one pure function.

mod policies;
mod root;
mod sources;
#[cfg(test)]
mod tests;
mod trust_roots;
mod validators;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};

use self::trust_roots::TrustRoots;
use self::validators::Validators;
use super::{Finding, Inputs, Snapshot, SourceRef};
use crate::policy::{self, Cause, Kind, Observed, Problem};

pub use self::sources::{capped, wanted};

/// Policies per namespace, the oldest first (security rule 20); each further one refuses.
const MOST_POLICIES: usize = 64;

/// Compiles everything anew. Deterministic: the order of the inputs does not matter.
pub fn compile(inputs: &Inputs) -> (Snapshot, Vec<Finding>) {
    let mut findings = Vec::new();
    let trust_roots = TrustRoots::compile(inputs, &mut findings);
    let validators = Validators::compile(inputs, &trust_roots, &mut findings);
    let mut snapshot = Snapshot {
        operator_namespace: inputs.operator_namespace.clone(),
        exempt_namespaces: inputs.exempt_namespaces.clone(),
        cluster: vec![],
        tenants: BTreeMap::new(),
        namespaces: inputs.namespaces.clone(),
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for observed in in_order(&inputs.policies) {
        let count = counts.entry(&observed.name.namespace).or_default();
        *count += 1;
        let (policy, finding) = if *count > MOST_POLICIES {
            policies::refuse(observed, vec![Problem::new("metadata", Cause::TooManyPolicies(MOST_POLICIES))])
        } else {
            policies::compile(observed, inputs, &validators, &trust_roots)
        };
        findings.push(finding);
        if observed.name.namespace == inputs.operator_namespace {
            snapshot.cluster.push(policy.into());
        } else {
            snapshot.tenants.entry(observed.name.namespace.clone()).or_default().push(policy.into());
        }
    }
    (snapshot, findings)
}

/// What the parser alone says of an object: the webhook for our own kinds denies just this.
pub(crate) fn check(observed: &Observed, operator_namespace: &str) -> Vec<Problem> {
    match observed.kind {
        Kind::ImagePolicy => policy::parse_image_policy(observed, operator_namespace).problems(),
        Kind::Validator => policy::parse_validator(&observed.spec, &observed.name, operator_namespace).err().unwrap_or_default(),
        Kind::TrustRoot => policy::parse_trust_root(&observed.spec).err().unwrap_or_default(),
    }
}

/// Oldest first, then by name: never the order in which a map or a watch happened to hold them.
fn in_order(observed: &[Observed]) -> Vec<&Observed> {
    let mut sorted: Vec<_> = observed.iter().collect();
    sorted.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    sorted
}

impl Inputs {
    /// Sources that objects name and nobody has read yet.
    pub fn unread(&self) -> BTreeSet<SourceRef> {
        wanted(self).into_iter().filter(|source| !self.sources.contains_key(source)).collect()
    }
}
