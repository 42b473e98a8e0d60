//! Policies with everything that their rules name resolved into requirements.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{CompiledPolicy, CompiledRule, Demand, Finding, Inputs, Readiness, Warning};
use super::trust_roots::TrustRoots;
use super::validators::Validators;
use super::warnings;
use crate::crd::{OnFault, Pin, Unmatched};
use crate::policy::{
    Body, Cause, CosignRequirement, Kind, ObjectName, Observed, ParsedPolicy, Problem, Requirement, Rule, Scheme, SignerRoot, VerifyEntry,
    parse_image_policy, read_mode,
};

/// What the entries of one policy are resolved against.
struct Resolver<'a> {
    namespace: &'a str,
    validators: &'a Validators,
    trust_roots: &'a TrustRoots,
}

/// Compiles one policy; what cannot be resolved refuses and is in the finding.
pub(super) fn compile(
    observed: &Observed,
    inputs: &Inputs,
    validators: &Validators,
    trust_roots: &TrustRoots,
) -> (CompiledPolicy, Finding) {
    let ParsedPolicy { mode, policy } = parse_image_policy(observed, &inputs.operator_namespace);
    let policy = match policy {
        Err(problems) => return refuse(observed, problems),
        Ok(policy) => policy,
    };
    let resolver = Resolver { namespace: &observed.name.namespace, validators, trust_roots };
    let warnings = warnings::of_policy(&policy, inputs, &observed.name);
    let rules: Vec<_> = policy.rules.into_iter().map(|rule| resolver.rule(rule)).collect();
    let problems = rules.iter().flat_map(problems_of).cloned().collect();
    let compiled = CompiledPolicy {
        name: observed.name.clone(),
        mode,
        selector: policy.selector,
        unmatched: policy.unmatched,
        pin: policy.pin,
        on_fault: policy.on_fault,
        rules: Ok(rules),
    };
    (compiled, finding(observed, problems, warnings))
}

/// A policy that cannot be used refuses everything, in the widest scope that it could have meant.
pub(super) fn refuse(observed: &Observed, problems: Vec<Problem>) -> (CompiledPolicy, Finding) {
    let refusing = CompiledPolicy {
        name: observed.name.clone(),
        mode: read_mode(&observed.spec),
        selector: None,
        unmatched: Unmatched::Deny,
        pin: Pin::default(),
        on_fault: OnFault::default(),
        rules: Err(problems.clone()),
    };
    (refusing, finding(observed, problems, vec![]))
}

fn finding(observed: &Observed, problems: Vec<Problem>, warnings: Vec<Warning>) -> Finding {
    Finding {
        kind: Kind::ImagePolicy,
        object: observed.name.clone(),
        generation: observed.generation,
        readiness: Readiness::of(problems),
        warnings,
        keys: vec![],
    }
}

fn problems_of(compiled: &CompiledRule) -> &[Problem] {
    match &compiled.demand {
        Demand::Refuse(problems) => problems,
        Demand::Verify { .. } | Demand::Allow { .. } | Demand::Deny { .. } => &[],
    }
}

impl Resolver<'_> {
    fn rule(&self, rule: Rule) -> CompiledRule {
        let demand = match &rule.body {
            Body::Verify { entries, at_least } => self.verify(entries, *at_least, &rule.path).unwrap_or_else(Demand::Refuse),
            fixed => Demand::fixed(fixed).unwrap_or(Demand::Refuse(vec![])),
        };
        CompiledRule { rule, demand }
    }

    fn verify(&self, entries: &[VerifyEntry], at_least: usize, path: &str) -> Result<Demand, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut requirements = Vec::new();
        for (i, entry) in entries.iter().enumerate() {
            let path = format!("{path}.verify[{i}]");
            match self.entry(entry, &path) {
                Ok(requirement) => requirements.push(requirement),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() && at_least < requirements.len() {
            problems.extend(shared_between_entries(&requirements, path));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Demand::Verify { requirements: requirements.into_iter().map(Arc::new).collect(), at_least })
    }

    fn entry(&self, entry: &VerifyEntry, path: &str) -> Result<Requirement, Problem> {
        let VerifyEntry { validator: name, trust_roots, threshold, required } = entry;
        let at = |field: &str| format!("{path}.{field}");
        let (validator, registry) = self.validators.get(name, self.namespace).map_err(|cause| Problem::new(at("validator"), cause))?;
        // A validator's own list was resolved in the validator's namespace when the validator was read.
        let names = trust_roots.as_ref().unwrap_or(&validator.trust_roots);
        if names.is_empty() {
            return Err(Problem::new(at("trustRoots"), Cause::NoTrustRoots(name.clone())));
        }
        let roots = names.iter().map(|name| self.trust_roots.get(name).cloned()).collect::<Result<Vec<_>, _>>();
        let roots = roots.map_err(|cause| Problem::new(at("trustRoots"), cause))?;
        if let Some(cause) = shared_key(roots.iter()) {
            return Err(Problem::new(at("trustRoots"), cause));
        }
        let threshold = threshold.unwrap_or(roots.len());
        if threshold > roots.len() {
            return Err(Problem::new(at("threshold"), Cause::OutOfRange(roots.len())));
        }
        let required = required.iter().map(|name| index_of(name, &roots)).collect::<Result<_, _>>();
        let required = required.map_err(|cause| Problem::new(at("required"), cause))?;
        let signature_repository = validator.signature_repository.clone();
        let scheme = Scheme::Cosign(CosignRequirement { signature_repository, roots, threshold, required });
        Ok(Requirement::new(name.clone(), scheme, registry))
    }
}

fn index_of(name: &ObjectName, roots: &[SignerRoot]) -> Result<usize, Cause> {
    roots.iter().position(|root| root.name == *name).ok_or_else(|| Cause::RequiredNotCounted(name.clone()))
}

/// A key that two of the roots hold: one signature would count twice (security rule 8).
fn shared_key<'a>(roots: impl Iterator<Item = &'a SignerRoot>) -> Option<Cause> {
    let mut holders = BTreeMap::new();
    for root in roots {
        for key in &root.keys {
            let fingerprint = key.key.fingerprint().to_string();
            match holders.insert(fingerprint.clone(), &root.name) {
                Some(first) if *first != root.name => {
                    return Some(Cause::SharedKey { first: first.clone(), second: root.name.clone(), fingerprint });
                }
                _ => {}
            }
        }
    }
    None
}

/// Where only some entries must pass, one key must not satisfy two of them.
fn shared_between_entries(requirements: &[Requirement], path: &str) -> Option<Problem> {
    let mut seen: BTreeMap<String, &ObjectName> = BTreeMap::new();
    for requirement in requirements {
        let Scheme::Cosign(cosign) = &requirement.scheme;
        let keys = || cosign.roots.iter().flat_map(|root| root.keys.iter().map(move |key| (key.key.fingerprint().to_string(), &root.name)));
        if let Some((fingerprint, second)) = keys().find(|(fingerprint, _)| seen.contains_key(fingerprint)) {
            let first = seen.get(&fingerprint).copied().unwrap_or(second).clone();
            return Some(Problem::new(format!("{path}.atLeast"), Cause::SharedKey { first, second: second.clone(), fingerprint }));
        }
        seen.extend(keys());
    }
    None
}
