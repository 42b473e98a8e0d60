//! Patterns beside their documentation (`oracle.rs`), over alphabets so small that they match often.

use std::cell::Cell;

use bonafide::policy::{Pattern, TagUse};
use oci::Reference;
use proptest::prelude::*;
use proptest::sample::select;

use super::{holds, oracle};

const DIGESTS: [&str; 3] = [
    "",
    "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
];
const HOSTS: [&str; 11] = [
    "",
    "",
    "a.io/",
    "A.io:443/",
    "b.a.io/",
    "c.b.a.io/",
    "ba.io/",
    "b.a.io:5000/",
    "docker.io/",
    "index.docker.io/library/",
    "localhost/",
];
const HOST_PATTERNS: [&str; 11] = [
    "a.io/",
    "b.a.io/",
    "B.A.io:443/",
    "*.a.io/",
    "*.io/",
    "*.b.a.io:443/",
    "*.a.io:5000/",
    "docker.io/",
    "docker.io/library/",
    "localhost/",
    "localhost:443/",
];

/// An image as a pod may write it.
pub(crate) fn image() -> impl Strategy<Value = String> {
    (select(&HOSTS[..]), "[ab]{1,2}(/[ab]{1,2}){0,2}", "(:[ab]{1,2})?", select(&DIGESTS[..]))
        .prop_map(|(host, path, tag, digest)| format!("{host}{path}{tag}{digest}"))
}

/// A text that is a pattern, or close to one.
fn pattern() -> impl Strategy<Value = String> {
    let component = "[ab]{0,1}([ab]|\\*|\\*\\*)[ab*]{0,1}";
    let path = proptest::collection::vec(component, 1..=3).prop_map(|components| components.join("/"));
    let name = prop_oneof![
        1 => Just("**".to_owned()),
        9 => (select(&HOST_PATTERNS[..]), path).prop_map(|(host, path)| format!("{host}{path}")),
    ];
    let tag = prop_oneof![3 => Just(String::new()), 2 => "(:[ab*]{1,3})?"];
    let digest = prop_oneof![4 => Just(""), 1 => select(&DIGESTS[..])];
    (name, tag, digest).prop_map(|(name, tag, digest)| format!("{name}{tag}{digest}"))
}

fn readable_pattern() -> impl Strategy<Value = Pattern> {
    pattern().prop_filter_map("no pattern", |text| Pattern::parse(&text).ok())
}

fn read(image: &str) -> Reference {
    image.parse().expect("an image reference")
}

#[test]
fn a_pattern_matches_just_what_its_documentation_says() {
    let (tried, matched) = (Cell::new(0), Cell::new(0));
    holds(1_500, &(pattern(), image()), |(text, image)| {
        let Ok(pattern) = Pattern::parse(&text) else {
            prop_assert!(!oracle::is_pattern(&text));
            return Ok(());
        };
        let reference = read(&image);
        let is_match = pattern.matches(&reference, TagUse::Believed);
        prop_assert_eq!(is_match, oracle::matches(&text, &image, true));
        prop_assert_eq!(pattern.matches(&reference, TagUse::IgnoredBesideDigest), oracle::matches(&text, &image, false));
        tried.set(tried.get() + 1);
        matched.set(matched.get() + u32::from(is_match));
        Ok(())
    });
    assert!(matched.get() * 20 > tried.get(), "too seldom to say anything: {} of {}", matched.get(), tried.get());
}

#[test]
fn just_what_its_documentation_says_is_a_pattern() {
    let texts = prop_oneof!["[ab.*/:@]{0,8}", "(\\*\\.)?a\\.b[:/][ab*/:]{0,6}", pattern()];
    holds(3_000, &texts, |text| {
        prop_assert_eq!(Pattern::parse(&text).is_ok(), oracle::is_pattern(&text));
        Ok(())
    });
}

#[test]
fn what_a_covered_pattern_matches_is_matched_by_the_one_that_covers_it() {
    holds(600, &(readable_pattern(), readable_pattern(), image()), |(covering, covered, image)| {
        let reference = read(&image);
        if covering.covers(&covered) && covered.matches(&reference, TagUse::Believed) {
            prop_assert!(covering.matches(&reference, TagUse::Believed));
        }
        Ok(())
    });
}
