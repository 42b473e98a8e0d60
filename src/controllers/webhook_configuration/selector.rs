//! Namespace selectors: ours go by the immutable name, others may exclude more by label.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// The label that the API server gives each namespace and nobody can change.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Exactly these namespaces.
pub(super) fn only(namespaces: &BTreeSet<String>) -> LabelSelector {
    by_name("In", namespaces)
}

/// All but these namespaces.
pub(super) fn all_but(namespaces: &BTreeSet<String>) -> LabelSelector {
    by_name("NotIn", namespaces)
}

fn by_name(operator: &str, namespaces: &BTreeSet<String>) -> LabelSelector {
    let requirement = LabelSelectorRequirement {
        key: NAME_LABEL.to_owned(),
        operator: operator.to_owned(),
        values: Some(namespaces.iter().cloned().collect()),
    };
    LabelSelector { match_expressions: Some(vec![requirement]), match_labels: None }
}

/// The namespaces that a selector of [`only`] names.
pub(super) fn named(selector: &LabelSelector) -> BTreeSet<String> {
    let ours =
        selector.match_expressions.iter().flatten().filter(|requirement| requirement.key == NAME_LABEL && requirement.operator == "In");
    ours.flat_map(|requirement| requirement.values.iter().flatten().cloned()).collect()
}

/// What others added to a selector of ours and may keep: exclusions by labels other than the name. Managed platforms
/// add such to every configuration, and fight whoever removes them.
pub(super) fn exclusions(selector: &LabelSelector) -> Vec<LabelSelectorRequirement> {
    let excludes = |requirement: &&LabelSelectorRequirement| {
        requirement.key != NAME_LABEL && matches!(requirement.operator.as_str(), "NotIn" | "DoesNotExist")
    };
    selector.match_expressions.iter().flatten().filter(excludes).cloned().collect()
}

/// Our selector with the exclusions that others added to what is there.
pub(super) fn keeping_exclusions(ours: LabelSelector, there: &LabelSelector) -> LabelSelector {
    let LabelSelector { match_expressions, match_labels } = ours;
    let expressions: Vec<_> = match_expressions.into_iter().flatten().chain(exclusions(there)).collect();
    // The API server answers no list where an empty one was sent.
    LabelSelector { match_expressions: (!expressions.is_empty()).then_some(expressions), match_labels }
}
