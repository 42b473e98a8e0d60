// Reason: a test that cannot go on should panic where it stands.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::controllers::webhook_configuration::fixtures::{cover, frame};

fn validating(desired: &Desired) -> &[ValidatingWebhook] {
    desired.validating.webhooks.as_deref().unwrap()
}

fn mutating_names(desired: &Desired) -> Vec<&str> {
    desired.mutating.iter().flat_map(|configuration| configuration.webhooks.iter().flatten()).map(|webhook| webhook.name.as_str()).collect()
}

fn names(desired: &Desired) -> Vec<&str> {
    validating(desired).iter().map(|webhook| webhook.name.as_str()).collect()
}

/// Operator and values of the only expression.
fn expression(webhook: &ValidatingWebhook) -> (&str, Vec<&str>) {
    let [expression] = webhook.namespace_selector.as_ref().unwrap().match_expressions.as_deref().unwrap() else { unreachable!() };
    assert_eq!(expression.key, "kubernetes.io/metadata.name");
    (expression.operator.as_str(), expression.values.iter().flatten().map(String::as_str).collect())
}

#[test]
fn without_policies_only_our_own_kinds_are_checked() {
    let desired = desired(&Cover::default(), &frame());
    assert_eq!(desired.mutating, None);
    assert_eq!(names(&desired), ["resources.bonafide.dev"]);
    assert_eq!(validating(&desired)[0].failure_policy.as_deref(), Some("Ignore"));
}

#[test]
fn each_entry_exists_only_while_a_policy_stands_behind_it() {
    let cluster = desired(&cover(Some(true), &[], false), &frame());
    assert_eq!(mutating_names(&cluster), ["pods.bonafide.dev"]);
    assert_eq!(names(&cluster), ["pods.bonafide.dev", "resources.bonafide.dev"]);
    let tenants = desired(&cover(None, &["shop"], true), &frame());
    assert_eq!(mutating_names(&tenants), ["tenant-pods.bonafide.dev"]);
    assert_eq!(names(&tenants), ["tenant-pods.bonafide.dev", "resources.bonafide.dev"]);
}

#[test]
fn exactly_one_entry_answers_for_each_namespace_that_is_not_exempt() {
    let desired = desired(&cover(Some(true), &["kube-system", "shop"], true), &frame());
    assert_eq!(expression(&validating(&desired)[0]), ("NotIn", vec!["bonafide-system", "kube-system", "shop"]));
    assert_eq!(expression(&validating(&desired)[1]), ("In", vec!["shop"]));
}

#[test]
fn our_absence_refuses_only_where_a_policy_enforces() {
    let policies = |cover| {
        let desired = desired(&cover, &frame());
        validating(&desired).iter().map(|webhook| webhook.failure_policy.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(policies(cover(Some(true), &["shop"], false)), ["Fail", "Ignore", "Ignore"]);
    assert_eq!(policies(cover(Some(false), &["shop"], true)), ["Ignore", "Fail", "Ignore"]);
}

#[test]
fn both_configurations_agree_but_for_path_and_reinvocation() {
    let desired = desired(&cover(Some(true), &["shop"], true), &frame());
    for webhook in desired.mutating.as_ref().unwrap().webhooks.iter().flatten() {
        assert_eq!(webhook.reinvocation_policy.as_deref(), Some("IfNeeded"));
        let twin = validating(&desired).iter().find(|twin| twin.name == webhook.name).unwrap();
        let mut expected = super::mutating(twin.clone());
        expected.client_config = webhook.client_config.clone();
        assert_eq!(*webhook, expected);
    }
}

#[test]
fn the_paths_carry_the_random_segment() {
    let desired = desired(&cover(Some(true), &[], false), &frame());
    let path = |config: &k8s_openapi::api::admissionregistration::v1::WebhookClientConfig| config.service.clone().unwrap().path.unwrap();
    assert_eq!(path(&desired.mutating.as_ref().unwrap().webhooks.as_ref().unwrap()[0].client_config), "/s3gment/mutate");
    assert_eq!(path(&validating(&desired)[0].client_config), "/s3gment/validate");
    assert_eq!(path(&validating(&desired)[1].client_config), "/s3gment/resources");
}

#[test]
fn every_kind_that_holds_a_pod_is_covered() {
    let desired = desired(&cover(Some(true), &[], false), &frame());
    let rules = validating(&desired)[0].rules.as_ref().unwrap();
    let covers = |operation: &str, group: &str, resource: &str| {
        let has = |values: &Option<Vec<String>>, wanted: &str| values.iter().flatten().any(|value| value == wanted);
        rules.iter().any(|rule| has(&rule.operations, operation) && has(&rule.api_groups, group) && has(&rule.resources, resource))
    };
    let core = ["pods", "replicationcontrollers"].map(|resource| ("", resource));
    let apps = ["deployments", "replicasets", "statefulsets", "daemonsets"].map(|resource| ("apps", resource));
    let batch = ["jobs", "cronjobs"].map(|resource| ("batch", resource));
    for (group, resource) in core.into_iter().chain(apps).chain(batch) {
        assert!(covers("CREATE", group, resource) && covers("UPDATE", group, resource), "{resource}");
    }
    assert!(covers("UPDATE", "", "pods/ephemeralcontainers"));
}

#[test]
fn the_configurations_go_with_the_operators_role() {
    let desired = desired(&cover(Some(true), &[], false), &frame());
    for metadata in [&desired.mutating.as_ref().unwrap().metadata, &desired.validating.metadata] {
        assert_eq!(metadata.owner_references.as_ref().unwrap(), &[frame().owner.unwrap()]);
    }
}

#[test]
fn debug_output_does_not_show_the_path() {
    assert!(!format!("{:?}", frame()).contains("s3gment"));
}
