//! What a policy's author may not have meant.
//!
//! Invariant: the work for one policy is bounded, however many rules and patterns a tenant writes.

use std::cell::Cell;

use super::super::{Inputs, Warning};
use crate::policy::{Body, ObjectName, Pattern, Policy, Rule};

/// Pairs of patterns that are compared per policy; rules beyond are said to be unchecked.
const MOST_COMPARISONS: u32 = 10_000;

/// Every warning about a policy, in rule order.
pub(super) fn of_policy(policy: &Policy, inputs: &Inputs, name: &ObjectName) -> Vec<Warning> {
    let mut warnings: Vec<_> = exempt_namespace(policy, inputs, name).into_iter().collect();
    let comparisons = Comparisons(Cell::new(MOST_COMPARISONS));
    for (i, rule) in policy.rules.iter().enumerate() {
        let (earlier, later) = (policy.rules.get(..i).unwrap_or_default(), policy.rules.get(i + 1..).unwrap_or_default());
        let shadowed = earlier.iter().find(|earlier| comparisons.shadows(earlier, rule));
        let avoided = later.iter().find(|later| comparisons.tag_avoids(rule, later));
        if comparisons.are_used_up() {
            warnings.push(Warning::RulesNotCompared { from: rule.name.clone() });
            break;
        }
        if let Some(by) = shadowed {
            warnings.push(Warning::RuleShadowed { rule: rule.name.clone(), by: by.name.clone() });
        }
        if let Some(before) = avoided {
            warnings.push(Warning::RuleChosenByTag { rule: rule.name.clone(), before: before.name.clone() });
        }
    }
    warnings
}

fn exempt_namespace(policy: &Policy, inputs: &Inputs, name: &ObjectName) -> Option<Warning> {
    if name.namespace != inputs.operator_namespace {
        return inputs.exempt_namespaces.contains(&name.namespace).then(|| Warning::ExemptNamespaceSelected(name.namespace.clone()));
    }
    let selector = policy.selector.as_ref()?;
    let selected = inputs.exempt_namespaces.iter().find(|name| inputs.namespaces.get(*name).is_some_and(|labels| selector.matches(labels)));
    selected.cloned().map(Warning::ExemptNamespaceSelected)
}

/// Comparisons that are left.
struct Comparisons(Cell<u32>);

impl Comparisons {
    fn are_used_up(&self) -> bool {
        self.0.get() == 0
    }

    /// Compares, as long as comparisons are left.
    fn take(&self, compare: impl FnOnce() -> bool) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0 && compare()
    }

    /// Whether the earlier rule surely matches everything that the later one does.
    fn shadows(&self, earlier: &Rule, later: &Rule) -> bool {
        let allows = matches!(earlier.body, Body::Allow { .. });
        let ends = matches!(earlier.body, Body::Allow { until: Some(_), .. });
        // An Allow rule ignores tags beside digests, so its tagged patterns match less than they say.
        let believed = |mine: &Pattern| !(allows && mine.has_tag());
        let covered = |pattern| earlier.images.iter().any(|mine| believed(mine) && self.take(|| mine.covers(pattern)));
        earlier.except.is_empty() && !ends && later.images.iter().all(covered)
    }

    /// Whether a tag on a reference with a digest chooses `rule` where `later` would decide without it, and otherwise.
    fn tag_avoids(&self, rule: &Rule, later: &Rule) -> bool {
        let differs = match (&rule.body, &later.body) {
            (Body::Verify { .. }, Body::Deny { .. }) => true,
            (Body::Verify { .. }, Body::Verify { .. }) => rule.body != later.body,
            _ => false,
        };
        let reaches = |pattern, other: &Pattern| !other.has_tag() && self.take(|| other.covers_repositories_of(pattern));
        differs
            && rule
                .images
                .iter()
                .filter(|pattern| pattern.has_tag())
                .any(|pattern| later.images.iter().any(|other| reaches(pattern, other)))
    }
}
