// Reason: a test that cannot go on should panic where it stands.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::controllers::webhook_configuration::desired;
use crate::controllers::webhook_configuration::fixtures::{cover, frame};

const DELAY: Duration = Duration::from_mins(1);

fn coverage(cluster: Option<bool>, tenants: &[(&str, bool)]) -> Coverage {
    Coverage { cluster, tenants: tenants.iter().map(|(name, enforces)| ((*name).to_owned(), *enforces)).collect() }
}

fn of(cluster: Option<bool>, tenants: &[(&str, bool)]) -> Cover {
    Cover::of(&coverage(cluster, tenants), &["kube-system".to_owned()].into())
}

#[test]
fn the_tenants_entry_fails_when_any_policy_that_it_answers_for_enforces() {
    assert_eq!(of(None, &[("a", false)]), cover(None, &["a"], false));
    assert_eq!(of(None, &[("a", false), ("b", true)]), cover(None, &["a", "b"], true));
    assert_eq!(of(Some(true), &[("a", false)]), cover(Some(true), &["a"], true));
    assert_eq!(of(Some(false), &[("a", false)]), cover(Some(false), &["a"], false));
}

#[test]
fn without_tenants_there_is_no_strictness_of_theirs() {
    assert_eq!(of(Some(true), &[]), cover(Some(true), &[], false));
}

#[test]
fn an_exempt_namespace_is_never_covered() {
    assert_eq!(of(None, &[("kube-system", true)]), Cover::default());
}

#[test]
fn what_is_installed_reads_back_as_what_was_wanted() {
    for wanted in
        [cover(None, &[], false), cover(Some(true), &["a", "b"], true), cover(Some(false), &[], false), cover(None, &["a"], false)]
    {
        let installed = desired(&wanted, &frame());
        assert_eq!(Cover::read(installed.mutating.as_ref(), Some(&installed.validating)), wanted);
    }
}

#[test]
fn growth_is_installed_at_once() {
    let (there, now) = (cover(Some(false), &["a"], false), Instant::now());
    for wanted in [cover(Some(true), &["a"], false), cover(Some(false), &["a", "b"], false), cover(Some(false), &["a"], true)] {
        let mut shrinking = None;
        assert_eq!(settle(&there, &wanted, &mut shrinking, now, DELAY), wanted);
        assert!(shrinking.is_none());
    }
}

#[test]
fn less_is_installed_only_after_it_was_seen_for_the_whole_delay() {
    let (there, now) = (cover(Some(true), &["a"], true), Instant::now());
    for wanted in
        [cover(None, &["a"], true), cover(Some(false), &["a"], true), cover(Some(true), &[], false), cover(Some(true), &["a"], false)]
    {
        let mut shrinking = None;
        assert_eq!(settle(&there, &wanted, &mut shrinking, now, DELAY), there);
        let almost = now + DELAY - Duration::from_millis(1);
        assert_eq!(settle(&there, &wanted, &mut shrinking, almost, DELAY), there);
        assert_eq!(settle(&there, &wanted, &mut shrinking, now + DELAY, DELAY), wanted);
        assert!(shrinking.is_none());
    }
}

#[test]
fn a_single_look_at_less_shrinks_nothing_however_late_it_comes() {
    let (there, now) = (cover(Some(true), &[], false), Instant::now());
    assert_eq!(settle(&there, &Cover::default(), &mut None, now + DELAY * 100, DELAY), there);
}

#[test]
fn what_is_wanted_again_in_between_starts_the_delay_anew() {
    let (there, now, mut shrinking) = (cover(Some(true), &[], false), Instant::now(), None);
    settle(&there, &Cover::default(), &mut shrinking, now, DELAY);
    settle(&there, &there, &mut shrinking, now + DELAY / 2, DELAY);
    assert_eq!(settle(&there, &Cover::default(), &mut shrinking, now + DELAY, DELAY), there);
}

#[test]
fn growth_during_the_delay_is_installed_at_once_and_kept() {
    let (there, now, mut shrinking) = (cover(Some(true), &["a"], true), Instant::now(), None);
    settle(&there, &cover(Some(true), &[], false), &mut shrinking, now, DELAY);
    let wanted = cover(Some(true), &["b"], true);
    let both = cover(Some(true), &["a", "b"], true);
    assert_eq!(settle(&there, &wanted, &mut shrinking, now + DELAY / 2, DELAY), both);
    assert_eq!(settle(&both, &wanted, &mut shrinking, now + DELAY, DELAY), wanted);
}

#[test]
fn what_was_wanted_for_a_moment_of_the_delay_stays_for_another() {
    let (there, now, mut shrinking) = (cover(Some(true), &["a"], true), Instant::now(), None);
    let (none, only_a) = (Cover::default(), cover(None, &["a"], false));
    settle(&there, &none, &mut shrinking, now, DELAY);
    settle(&there, &only_a, &mut shrinking, now + DELAY / 2, DELAY);
    assert_eq!(settle(&there, &none, &mut shrinking, now + DELAY, DELAY), only_a);
    assert_eq!(settle(&only_a, &none, &mut shrinking, now + DELAY, DELAY), only_a);
    assert_eq!(settle(&only_a, &none, &mut shrinking, now + DELAY * 2, DELAY), none);
}
