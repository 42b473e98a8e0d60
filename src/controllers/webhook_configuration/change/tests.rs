// Reason: a test that cannot go on should panic where it stands.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

use super::*;
use crate::controllers::webhook_configuration::fixtures::{cover, frame};
use crate::controllers::webhook_configuration::{Cover, Desired, desired};

fn wanted() -> Desired {
    desired(&cover(Some(true), &["shop"], true), &frame())
}

/// As the API server would have stored it.
fn stored() -> Desired {
    let mut stored = wanted();
    for metadata in [&mut stored.mutating.as_mut().unwrap().metadata, &mut stored.validating.metadata] {
        metadata.resource_version = Some("7".to_owned());
        metadata.labels = Some([("team".to_owned(), "platform".to_owned())].into());
    }
    stored
}

fn requirement(key: &str, operator: &str, values: Option<&[&str]>) -> LabelSelectorRequirement {
    let values = values.map(|values| values.iter().map(|value| (*value).to_owned()).collect());
    LabelSelectorRequirement { key: key.to_owned(), operator: operator.to_owned(), values }
}

fn selector_of(stored: &mut Desired, entry: usize) -> &mut LabelSelector {
    stored.validating.webhooks.as_mut().unwrap()[entry].namespace_selector.as_mut().unwrap()
}

fn add(stored: &mut Desired, entry: usize, requirement: LabelSelectorRequirement) {
    selector_of(stored, entry).match_expressions.get_or_insert_default().push(requirement);
}

fn is_repaired(tampered: &Desired) -> bool {
    let expected = stored().validating;
    matches!(validating(&wanted().validating, Some(&tampered.validating)), Change::Replace(new) if new.webhooks == expected.webhooks)
}

#[test]
fn what_is_as_wanted_is_left_alone() {
    let stored = stored();
    assert_eq!(validating(&wanted().validating, Some(&stored.validating)), Change::Keep);
    assert_eq!(mutating(wanted().mutating.as_ref(), stored.mutating.as_ref()), Change::Keep);
    assert_eq!(mutating(None, None), Change::Keep);
}

#[test]
fn what_was_deleted_is_created_again() {
    assert_eq!(validating(&wanted().validating, None), Change::Create(wanted().validating));
    assert_eq!(mutating(wanted().mutating.as_ref(), None), Change::Create(wanted().mutating.unwrap()));
}

#[test]
fn without_policies_the_mutating_configuration_goes() {
    let none = desired(&Cover::default(), &frame());
    assert_eq!(mutating(none.mutating.as_ref(), stored().mutating.as_ref()), Change::Delete);
}

#[test]
fn a_replacement_is_fenced_and_keeps_the_labels_of_others() {
    let mut tampered = stored();
    tampered.mutating.as_mut().unwrap().webhooks.as_mut().unwrap().clear();
    let Change::Replace(new) = mutating(wanted().mutating.as_ref(), tampered.mutating.as_ref()) else { panic!("not replaced") };
    assert_eq!(new, stored().mutating.unwrap());
}

#[test]
fn every_tampered_field_is_put_back() {
    let tampering: [fn(&mut ValidatingWebhook); 9] = [
        |webhook| webhook.failure_policy = Some("Ignore".to_owned()),
        |webhook| webhook.client_config.ca_bundle = Some(ByteString(b"other".to_vec())),
        |webhook| webhook.client_config.service.as_mut().unwrap().path = Some("/else".to_owned()),
        |webhook| webhook.rules = Some(vec![]),
        |webhook| webhook.match_conditions.as_mut().unwrap()[0].expression = "false".to_owned(),
        |webhook| webhook.timeout_seconds = Some(1),
        |webhook| webhook.object_selector.as_mut().unwrap().match_labels = Some([("a".to_owned(), "b".to_owned())].into()),
        |webhook| webhook.match_policy = Some("Exact".to_owned()),
        |webhook| webhook.name = "other.bonafide.dev".to_owned(),
    ];
    for tamper in tampering {
        let mut tampered = stored();
        tamper(&mut tampered.validating.webhooks.as_mut().unwrap()[0]);
        assert!(is_repaired(&tampered));
    }
}

#[test]
fn a_mutating_entry_that_is_not_called_again_is_put_back() {
    let mut tampered = stored();
    tampered.mutating.as_mut().unwrap().webhooks.as_mut().unwrap()[0].reinvocation_policy = Some("Never".to_owned());
    assert_eq!(mutating(wanted().mutating.as_ref(), tampered.mutating.as_ref()), Change::Replace(stored().mutating.unwrap()));
}

#[test]
fn exclusions_that_others_add_stay() {
    for entry in 0..3 {
        for exclusion in [requirement("control-plane", "NotIn", Some(&["true"])), requirement("managed", "DoesNotExist", None)] {
            let mut narrowed = stored();
            add(&mut narrowed, entry, exclusion);
            assert_eq!(validating(&wanted().validating, Some(&narrowed.validating)), Change::Keep);
        }
    }
}

#[test]
fn exclusions_that_others_added_survive_a_change_of_ours() {
    let mut narrowed = stored();
    add(&mut narrowed, 0, requirement("control-plane", "NotIn", Some(&["true"])));
    let more = desired(&cover(Some(true), &["bank", "shop"], true), &frame()).validating;
    let Change::Replace(new) = validating(&more, Some(&narrowed.validating)) else { panic!("not replaced") };
    let expressions = new.webhooks.unwrap()[0].namespace_selector.clone().unwrap().match_expressions.unwrap();
    assert_eq!(expressions.len(), 2);
    assert_eq!(expressions[0].values.as_ref().unwrap(), &["bank", "bonafide-system", "kube-system", "shop"]);
    assert_eq!(expressions[1], requirement("control-plane", "NotIn", Some(&["true"])));
}

#[test]
fn what_selects_instead_of_excluding_is_removed() {
    for selection in [requirement("tier", "In", Some(&["none"])), requirement("tier", "Exists", None)] {
        let mut narrowed = stored();
        add(&mut narrowed, 0, selection);
        assert!(is_repaired(&narrowed));
    }
    let mut narrowed = stored();
    selector_of(&mut narrowed, 0).match_labels = Some([("tier".to_owned(), "none".to_owned())].into());
    assert!(is_repaired(&narrowed));
}

#[test]
fn namespaces_are_excluded_by_name_by_nobody_but_us() {
    let mut narrowed = stored();
    add(&mut narrowed, 0, requirement("kubernetes.io/metadata.name", "NotIn", Some(&["shop"])));
    assert!(is_repaired(&narrowed));
}

#[test]
fn an_owner_of_the_past_is_replaced_and_others_stay() {
    let mut old = stored();
    let owners = old.validating.metadata.owner_references.as_mut().unwrap();
    owners[0].uid = "gone".to_owned();
    let mut other = owners[0].clone();
    other.name = "other".to_owned();
    owners.push(other.clone());
    let Change::Replace(new) = validating(&wanted().validating, Some(&old.validating)) else { panic!("not replaced") };
    assert_eq!(new.metadata.owner_references.unwrap(), [other, frame().owner.unwrap()]);
}

#[test]
fn a_role_that_was_not_found_takes_no_owner_away() {
    let mut ownerless = frame();
    ownerless.owner = None;
    let wanted = desired(&cover(Some(true), &["shop"], true), &ownerless);
    assert_eq!(validating(&wanted.validating, Some(&stored().validating)), Change::Keep);
}
