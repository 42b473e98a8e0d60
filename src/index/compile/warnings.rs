//! What a policy's author may not have meant.

use super::super::{Inputs, Warning};
use crate::policy::{Body, ObjectName, Policy, Rule};

/// Every warning about a policy, in rule order.
pub(super) fn of_policy(policy: &Policy, inputs: &Inputs, name: &ObjectName) -> Vec<Warning> {
    let mut warnings: Vec<_> = exempt_namespace(policy, inputs, name).into_iter().collect();
    for (i, rule) in policy.rules.iter().enumerate() {
        let (earlier, later) = (policy.rules.get(..i).unwrap_or_default(), policy.rules.get(i + 1..).unwrap_or_default());
        if let Some(by) = earlier.iter().find(|earlier| shadows(earlier, rule)) {
            warnings.push(Warning::RuleShadowed { rule: rule.name.clone(), by: by.name.clone() });
        }
        if let Some(before) = later.iter().find(|later| tag_avoids(rule, later)) {
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

/// Whether the earlier rule surely matches everything that the later one does.
fn shadows(earlier: &Rule, later: &Rule) -> bool {
    let allows = matches!(earlier.body, Body::Allow { .. });
    let ends = matches!(earlier.body, Body::Allow { until: Some(_), .. });
    // An Allow rule ignores tags beside digests, so its tagged patterns match less than they say.
    let covers = |pattern: &_| earlier.images.iter().any(|mine| !(allows && mine.has_tag()) && mine.covers(pattern));
    earlier.except.is_empty() && !ends && later.images.iter().all(covers)
}

/// Whether a tag on a reference with a digest chooses `rule` where `later` would decide without it, and more strictly.
fn tag_avoids(rule: &Rule, later: &Rule) -> bool {
    let differs = match (&rule.body, &later.body) {
        (Body::Verify { .. }, Body::Deny { .. }) => true,
        (Body::Verify { .. }, Body::Verify { .. }) => rule.body != later.body,
        _ => false,
    };
    let tagged = rule.images.iter().filter(|pattern| pattern.has_tag());
    differs && tagged.into_iter().any(|pattern| later.images.iter().any(|other| !other.has_tag() && other.covers_repositories_of(pattern)))
}
