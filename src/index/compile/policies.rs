//! Policies with everything that their rules name resolved into requirements.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use notary::RequiredSigner;

use super::super::{CompiledPolicy, CompiledRule, Demand, Finding, Inputs, Readiness, Warning};
use super::root::CompiledRoot;
use super::trust_roots::TrustRoots;
use super::validators::Validators;
use super::warnings;
use crate::crd::{OnFault, Pin, Unmatched};
use crate::policy::{
    Body, Cause, CosignRequirement, Kind, NotaryRequirement, NotaryRoots, NotarySource, ObjectName, Observed, ParsedPolicy, Problem,
    Requirement, Rule, Scheme, SchemeSource, VerifyEntry, parse_image_policy, read_mode,
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
        fingerprint: fingerprint(observed, &rules, &[]),
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
        fingerprint: fingerprint(observed, &[], &problems),
        mode: read_mode(&observed.spec),
        selector: None,
        unmatched: Unmatched::Deny,
        pin: Pin::default(),
        on_fault: OnFault::default(),
        rules: Err(problems.clone()),
    };
    (refusing, finding(observed, problems, vec![]))
}

/// What is written, and what the names in it mean now.
fn fingerprint(observed: &Observed, rules: &[CompiledRule], problems: &[Problem]) -> u64 {
    let mut hasher = DefaultHasher::new();
    observed.name.hash(&mut hasher);
    observed.spec.to_string().hash(&mut hasher);
    let told = |problems: &[Problem], hasher: &mut DefaultHasher| problems.iter().for_each(|problem| problem.to_string().hash(hasher));
    told(problems, &mut hasher);
    for CompiledRule { demand, rule: _ } in rules {
        match demand {
            Demand::Verify { requirements, at_least: _ } => requirements.iter().for_each(|requirement| requirement.id.hash(&mut hasher)),
            Demand::Refuse(problems) => told(problems, &mut hasher),
            Demand::Allow { .. } | Demand::Deny { .. } => {}
        }
    }
    hasher.finish()
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
        let mut holders = Vec::new();
        for (i, entry) in entries.iter().enumerate() {
            let path = format!("{path}.verify[{i}]");
            match self.entry(entry, &path) {
                Ok((requirement, held)) => {
                    requirements.push(Arc::new(requirement));
                    holders.push(held);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() && at_least < requirements.len() {
            problems.extend(shared_between_entries(&holders, path));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Demand::Verify { requirements, at_least })
    }

    fn entry(&self, entry: &VerifyEntry, path: &str) -> Result<(Requirement, Holders), Problem> {
        let VerifyEntry { validator: name, trust_roots, threshold, required, delegations } = entry;
        let at = |field: &str| format!("{path}.{field}");
        let (validator, registry) = self.validators.get(name, self.namespace).map_err(|cause| Problem::new(at("validator"), cause))?;
        // A validator's own list was resolved in the validator's namespace when the validator was read.
        let names = trust_roots.as_ref().unwrap_or(&validator.trust_roots);
        if names.is_empty() {
            return Err(Problem::new(at("trustRoots"), Cause::NoTrustRoots(name.clone())));
        }
        let roots = names.iter().map(|name| self.trust_roots.get(name)).collect::<Result<Vec<_>, _>>();
        let roots = roots.map_err(|cause| Problem::new(at("trustRoots"), cause))?;
        let holders = holders(&roots).map_err(|cause| Problem::new(at("trustRoots"), cause))?;
        let threshold = threshold.unwrap_or(roots.len());
        if threshold > roots.len() {
            return Err(Problem::new(at("threshold"), Cause::OutOfRange(roots.len())));
        }
        let required = required.iter().map(|name| index_of(name, &roots)).collect::<Result<_, _>>();
        let required = required.map_err(|cause| Problem::new(at("required"), cause))?;
        if !delegations.is_empty() && !matches!(validator.scheme, SchemeSource::NotaryV1(_)) {
            return Err(Problem::new(at("delegations"), Cause::Meaningless("with a validator that is not for notaryV1")));
        }
        let counted = Counted { roots, threshold, required };
        let scheme = match &validator.scheme {
            SchemeSource::Cosign { signature_repository } => counted.for_cosign(signature_repository.clone()),
            SchemeSource::NotaryV1(notary) => counted.for_notary(self.namespace, notary, delegations),
        };
        let scheme = scheme.map_err(|cause| Problem::new(at("trustRoots"), cause))?;
        Ok((Requirement::new(name.clone(), scheme, registry), holders))
    }
}

/// The trust roots of an entry, and how many of them count.
struct Counted<'a> {
    roots: Vec<&'a CompiledRoot>,
    threshold: usize,
    required: Vec<usize>,
}

impl Counted<'_> {
    fn for_cosign(self, signature_repository: Option<oci::Repository>) -> Result<Scheme, Cause> {
        let Self { roots, threshold, required } = self;
        let roots = roots.into_iter().map(CompiledRoot::for_cosign).collect::<Result<_, _>>()?;
        Ok(Scheme::Cosign(CosignRequirement { signature_repository, roots, threshold, required }.into()))
    }

    fn for_notary(self, namespace: &str, notary: &NotarySource, delegations: &[RequiredSigner]) -> Result<Scheme, Cause> {
        let Self { roots, threshold, required } = self;
        let roots = roots.into_iter().map(CompiledRoot::for_notary).collect::<Result<_, _>>()?;
        let requirement = NotaryRequirement {
            owner: namespace.to_owned(),
            server: notary.server.as_ref().map(|server| server.url.clone()),
            // The counts were checked above; a trust root is never empty.
            roots: NotaryRoots::new(roots, threshold, required).map_err(|_| Cause::Empty)?,
            demand: notary::Demand { deciding: notary.deciding, signers: delegations.to_vec() },
            minimum_root_version: notary.minimum_root_version,
            refresh: notary.refresh,
        };
        Ok(Scheme::NotaryV1(requirement.into()))
    }
}

fn index_of(name: &ObjectName, roots: &[&CompiledRoot]) -> Result<usize, Cause> {
    roots.iter().position(|root| root.name == *name).ok_or_else(|| Cause::RequiredNotCounted(name.clone()))
}

/// Which trust root holds what, by fingerprint; and one that holds what has no fingerprint of its key.
#[derive(Clone, Default)]
struct Holders {
    of: BTreeMap<String, ObjectName>,
    unknown: Option<ObjectName>,
}

/// A key that two of the roots hold is an error: one signature would count twice (security rule 8).
fn holders(roots: &[&CompiledRoot]) -> Result<Holders, Cause> {
    let mut holders = Holders::default();
    for root in roots {
        if !root.has_keys_only() {
            holders.unknown.get_or_insert_with(|| root.name.clone());
        }
        for fingerprint in root.identities() {
            match holders.of.insert(fingerprint.clone(), root.name.clone()) {
                Some(first) if first != root.name => {
                    return Err(Cause::SharedKey { first, second: root.name.clone(), fingerprint: fingerprint.clone() });
                }
                _ => {}
            }
        }
    }
    Ok(holders)
}

/// Where only some entries must pass, one key must not satisfy two of them.
fn shared_between_entries(entries: &[Holders], path: &str) -> Option<Problem> {
    let mut seen = BTreeMap::new();
    for holders in entries {
        if let Some(name) = &holders.unknown {
            return Some(Problem::new(format!("{path}.atLeast"), Cause::KeyNotWrittenOut(name.clone())));
        }
        for (fingerprint, second) in &holders.of {
            if let Some(first) = seen.get(fingerprint).cloned() {
                let cause = Cause::SharedKey { first, second: second.clone(), fingerprint: fingerprint.clone() };
                return Some(Problem::new(format!("{path}.atLeast"), cause));
            }
        }
        seen.extend(holders.of.clone());
    }
    None
}
