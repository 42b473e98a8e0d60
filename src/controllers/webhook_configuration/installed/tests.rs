// Reason: a test that cannot go on should panic where it stands.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

use super::*;
use crate::controllers::webhook_configuration::Desired;
use crate::controllers::webhook_configuration::fixtures::{cover, frame};

const OPERATOR: &str = "bonafide-system";

fn stored(cluster: Option<bool>, tenants: &[&str], tenants_fail: bool) -> Desired {
    desired(&cover(cluster, tenants, tenants_fail), &frame())
}

fn read(stored: &Desired) -> Installed {
    Installed::read(stored.mutating.as_ref(), Some(&stored.validating), &frame())
}

fn validating(stored: &mut Desired, entry: usize) -> &mut ValidatingWebhook {
    &mut stored.validating.webhooks.as_mut().unwrap()[entry]
}

#[test]
fn what_we_write_counts_as_installed() {
    let installed = read(&stored(Some(true), &["shop"], true));
    assert_eq!(installed.cover, cover(Some(true), &["shop"], true));
    assert!(installed.resources);
    assert_eq!(installed.ca_pem.as_deref(), Some("authority"));
    assert!(!installed.narrowed_by_others && !installed.paused);
}

#[test]
fn what_is_not_there_is_not_installed() {
    assert_eq!(Installed::read(None, None, &frame()), Installed::default());
    assert!(!Installed::default().covers(OPERATOR, OPERATOR, false));
    assert!(!Installed::default().covers("shop", OPERATOR, false));
}

#[test]
fn an_entry_of_one_configuration_only_is_not_installed() {
    let mut half = stored(Some(true), &[], false);
    half.mutating = None;
    assert_eq!(read(&half).cover.cluster, None);
    let mut half = stored(Some(true), &[], false);
    half.validating.webhooks.as_mut().unwrap().remove(0);
    assert_eq!(read(&half).cover.cluster, None);
}

#[test]
fn an_entry_that_trusts_another_authority_is_not_installed() {
    let mut old = stored(Some(true), &[], false);
    validating(&mut old, 0).client_config.ca_bundle = Some(ByteString(b"old".to_vec()));
    assert_eq!(read(&old).cover.cluster, None);
}

#[test]
fn a_tampered_entry_is_not_installed() {
    let mut tampered = stored(Some(true), &[], false);
    validating(&mut tampered, 0).rules = Some(vec![]);
    assert!(!read(&tampered).covers(OPERATOR, OPERATOR, true));
}

#[test]
fn an_entry_that_is_lax_in_one_configuration_is_not_strict() {
    let mut lax = stored(Some(true), &[], false);
    validating(&mut lax, 0).failure_policy = Some("Ignore".to_owned());
    assert!(!read(&lax).covers(OPERATOR, OPERATOR, true));
}

#[test]
fn a_cluster_policy_is_not_covered_where_the_tenants_entry_is_missing() {
    let mut missing = stored(Some(true), &["shop"], true);
    validating(&mut missing, 1).rules = Some(vec![]);
    assert!(!read(&missing).covers(OPERATOR, OPERATOR, true));
    let mut missing = stored(Some(true), &["shop"], true);
    missing.validating.webhooks.as_mut().unwrap().remove(1);
    missing.mutating.as_mut().unwrap().webhooks.as_mut().unwrap().remove(1);
    assert!(!read(&missing).covers(OPERATOR, OPERATOR, true));
}

#[test]
fn an_enforcing_policy_is_covered_only_where_our_absence_refuses() {
    let covers = |cluster, fails, enforce| read(&stored(cluster, &[], fails)).covers(OPERATOR, OPERATOR, enforce);
    assert!(covers(Some(true), false, true) && covers(Some(false), false, false));
    assert!(!covers(Some(false), false, true));
    let tenant = |fails, enforce| read(&stored(None, &["shop"], fails)).covers("shop", OPERATOR, enforce);
    assert!(tenant(true, true) && tenant(false, false));
    assert!(!tenant(false, true));
}

#[test]
fn an_enforcing_cluster_policy_needs_a_strict_tenants_entry_too() {
    let lax = read(&stored(Some(true), &["shop"], false));
    assert!(!lax.covers(OPERATOR, OPERATOR, true));
    assert!(lax.covers(OPERATOR, OPERATOR, false));
}

#[test]
fn a_tenants_policy_is_covered_by_its_own_namespace_only() {
    let installed = read(&stored(Some(true), &["shop"], true));
    assert!(installed.covers("shop", OPERATOR, true));
    assert!(!installed.covers("bank", OPERATOR, false));
}

#[test]
fn exclusions_of_others_are_installed_and_told() {
    let mut narrowed = stored(Some(true), &[], false);
    let exclusion = LabelSelectorRequirement { key: "managed".to_owned(), operator: "DoesNotExist".to_owned(), values: None };
    let selector = validating(&mut narrowed, 0).namespace_selector.as_mut().unwrap();
    selector.match_expressions.as_mut().unwrap().push(exclusion);
    let installed = read(&narrowed);
    assert!(installed.narrowed_by_others);
    assert!(installed.covers(OPERATOR, OPERATOR, true));
}

#[test]
fn the_break_glass_is_told() {
    let mut paused = stored(Some(true), &[], false);
    paused.validating.metadata.labels = Some([("bonafide.dev/paused".to_owned(), String::new())].into());
    assert!(read(&paused).paused);
}
