//! Namespace selectors as checked values.

use std::collections::{BTreeMap, BTreeSet};

use super::name::is_dns_name;
use super::{Cause, Problem};
use crate::crd::{LabelExpression, LabelOperator, NamespaceSelector};

/// The labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// A label selector; without requirements it selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Checks a selector as it is written.
    pub(super) fn parse(written: &NamespaceSelector, path: &str) -> Result<Self, Vec<Problem>> {
        let NamespaceSelector { match_labels, match_expressions } = written;
        let mut problems = Vec::new();
        let mut requirements = Vec::new();
        for (key, value) in match_labels {
            if is_label_key(key) && is_label_value(value) {
                requirements.push(Requirement { key: key.clone(), test: Test::In([value.clone()].into()) });
            } else {
                problems.push(Problem::new(format!("{path}.matchLabels[{key:?}]"), Cause::NotA("a label that a namespace can have")));
            }
        }
        for (i, expression) in match_expressions.iter().enumerate() {
            match Requirement::parse(expression) {
                Ok(requirement) => requirements.push(requirement),
                Err((field, cause)) => problems.push(Problem::new(format!("{path}.matchExpressions[{i}].{field}"), cause)),
            }
        }
        if problems.is_empty() { Ok(Self(requirements)) } else { Err(problems) }
    }

    /// Whether a namespace with these labels is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }
}

impl Requirement {
    fn parse(written: &LabelExpression) -> Result<Self, (&'static str, Cause)> {
        let LabelExpression { key, operator, values } = written;
        if !is_label_key(key) {
            return Err(("key", Cause::NotA("a label key")));
        }
        if !values.iter().all(|value| is_label_value(value)) {
            return Err(("values", Cause::NotA("a list of label values")));
        }
        let test = match (operator, values.is_empty()) {
            (LabelOperator::In | LabelOperator::NotIn, true) => return Err(("values", Cause::Empty)),
            (LabelOperator::Exists | LabelOperator::DoesNotExist, false) => {
                return Err(("values", Cause::Meaningless("with Exists and DoesNotExist")));
            }
            (LabelOperator::In, false) => Test::In(values.iter().cloned().collect()),
            (LabelOperator::NotIn, false) => Test::NotIn(values.iter().cloned().collect()),
            (LabelOperator::Exists, true) => Test::Exists,
            (LabelOperator::DoesNotExist, true) => Test::DoesNotExist,
        };
        Ok(Self { key: key.clone(), test })
    }

    /// As Kubernetes does it: `NotIn` selects a namespace without the label too.
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match &self.test {
            Test::In(values) => value.is_some_and(|value| values.contains(value)),
            Test::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Test::Exists => value.is_some(),
            Test::DoesNotExist => value.is_none(),
        }
    }
}

/// Kubernetes' qualified name: an optional DNS prefix and a name of at most 63 characters.
fn is_label_key(key: &str) -> bool {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_dns_name) && !name.is_empty() && is_label_value(name)
}

/// At most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; or nothing.
fn is_label_value(value: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    value.len() <= 63 && value.chars().all(inner) && edge(value.chars().next()) && edge(value.chars().next_back())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn selector(yaml: &str) -> Result<Selector, Vec<Problem>> {
        Selector::parse(&serde_saphyr::from_str(yaml).unwrap(), "spec.namespaceSelector")
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn all_parts_must_match() {
        let selector = selector("matchLabels: {tier: production}\nmatchExpressions: [{key: team, operator: In, values: [a, b]}]").unwrap();
        assert!(selector.matches(&labels(&[("tier", "production"), ("team", "b")])));
        assert!(!selector.matches(&labels(&[("tier", "production"), ("team", "c")])));
        assert!(!selector.matches(&labels(&[("team", "b")])));
    }

    #[test]
    fn an_unlabelled_namespace_is_selected_by_not_in() {
        let selector = selector("matchExpressions: [{key: tier, operator: NotIn, values: [sandbox]}]").unwrap();
        assert!(selector.matches(&Labels::new()));
        assert!(!selector.matches(&labels(&[("tier", "sandbox")])));
    }

    #[test]
    fn existence_can_be_asked() {
        assert!(selector("matchExpressions: [{key: a, operator: Exists}]").unwrap().matches(&labels(&[("a", "")])));
        assert!(selector("matchExpressions: [{key: a, operator: DoesNotExist}]").unwrap().matches(&Labels::new()));
    }

    #[test]
    fn a_selector_that_no_namespace_could_match_is_a_problem() {
        for yaml in [
            "matchLabels: {tier: 'production '}",
            "matchLabels: {'ti er': production}",
            "matchLabels: {'/tier': production}",
            "matchExpressions: [{key: tier, operator: In, values: ['a b']}]",
            "matchExpressions: [{key: '', operator: Exists}]",
        ] {
            assert!(selector(yaml).is_err(), "{yaml}");
        }
        assert!(selector("matchLabels: {kubernetes.io/metadata.name: shop, empty: ''}").is_ok());
    }

    #[test]
    fn an_operator_without_its_values_is_a_problem() {
        let problems = selector("matchExpressions: [{key: a, operator: In}]").unwrap_err();
        assert_eq!(problems, [Problem::new("spec.namespaceSelector.matchExpressions[0].values", Cause::Empty)]);
        assert!(selector("matchExpressions: [{key: a, operator: Exists, values: [x]}]").is_err());
    }
}
