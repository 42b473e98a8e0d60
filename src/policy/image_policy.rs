//! The parser of `ImagePolicy` specs.
//!
//! Invariant: a rule that cannot be read refuses what it selects, and nothing more; only when the selector, the other
//! fields of the policy or a rule's patterns are unreadable does the whole policy refuse, in the widest scope.

mod delegations;
mod rule;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use self::rule::{Body, Rule, VerifyEntry};
use super::trust_root::{duplicates, list_problems, shape};
use super::{Cause, Observed, Problem, Selector};
use crate::crd::{ImagePolicySpec, Mode, OnFault, Pin, Unmatched};

const MAX_RULES: usize = 500;
/// Every pattern is compared with every image: this bounds the work for one.
const MAX_PATTERN_TEXT: usize = 64 * 1024;

/// What became of a policy's spec.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedPolicy {
    /// The mode; Enforce when it cannot be read.
    pub mode: Mode,
    /// The policy, or everything that keeps it from being one.
    pub policy: Result<Policy, Vec<Problem>>,
}

/// A policy whose selector and patterns are readable.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Which namespaces it holds for; absent means all that its own namespace reaches.
    pub selector: Option<Selector>,
    /// What happens to an image that no rule matches.
    pub unmatched: Unmatched,
    /// Where tags are replaced by digests.
    pub pin: Pin,
    /// What happens when a registry cannot be asked.
    pub on_fault: OnFault,
    /// The rules in order, never empty.
    pub rules: Vec<Rule>,
}

impl ParsedPolicy {
    /// Everything that is wrong, of the policy and of its rules.
    pub fn problems(&self) -> Vec<Problem> {
        match &self.policy {
            Err(problems) => problems.clone(),
            Ok(policy) => policy.rules.iter().flat_map(Rule::problems).cloned().collect(),
        }
    }
}

/// Reads an `ImagePolicy`.
pub(crate) fn parse(observed: &Observed, operator_namespace: &str) -> ParsedPolicy {
    let mode = read_mode(&observed.spec);
    ParsedPolicy { mode, policy: read_policy(observed, operator_namespace) }
}

/// The mode of a policy whose other fields may be unreadable; Enforce when it is itself.
pub(crate) fn read_mode(spec: &Value) -> Mode {
    spec.get("mode").and_then(|mode| serde_json::from_value(mode.clone()).ok()).unwrap_or(Mode::Enforce)
}

fn read_policy(observed: &Observed, operator_namespace: &str) -> Result<Policy, Vec<Problem>> {
    let namespace = &observed.name.namespace;
    let (spec, written_rules) = split_rules(&observed.spec)?;
    let ImagePolicySpec { namespace_selector, mode: _, unmatched, pin, on_fault, rules: _ } = spec;
    let mut problems = list_problems("spec.rules", written_rules.len(), MAX_RULES);
    if namespace_selector.is_some() && namespace != operator_namespace {
        problems.push(Problem::new("spec.namespaceSelector", Cause::OperatorNamespaceOnly));
    }
    let selector = match namespace_selector.map(|written| Selector::parse(&written, "spec.namespaceSelector")).transpose() {
        Ok(selector) => selector,
        Err(found) => {
            problems.extend(found);
            None
        }
    };
    let mut rules = Vec::new();
    for (i, written) in written_rules.iter().enumerate() {
        match rule::parse(written, &format!("spec.rules[{i}]"), namespace, operator_namespace) {
            Ok(rule) => rules.push(rule),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(duplicates("spec.rules", rules.iter().map(|rule| rule.name.as_str())));
    if rules.iter().map(Rule::pattern_text).sum::<usize>() > MAX_PATTERN_TEXT {
        problems.push(Problem::new("spec.rules", Cause::PatternsTooLong(MAX_PATTERN_TEXT)));
    }
    if problems.is_empty() { Ok(Policy { selector, unmatched, pin, on_fault, rules }) } else { Err(problems) }
}

/// The spec without its rules, and the rules, each still to be read by itself.
fn split_rules(spec: &Value) -> Result<(ImagePolicySpec, Vec<Value>), Vec<Problem>> {
    let mut head = spec.clone();
    let rules = match head.get_mut("rules") {
        Some(Value::Array(rules)) => std::mem::take(rules),
        _ => vec![],
    };
    Ok((shape(&head, "spec")?, rules))
}
