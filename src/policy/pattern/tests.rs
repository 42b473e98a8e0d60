#![allow(clippy::unwrap_used)]

use super::*;

fn matches(pattern: &str, image: &str) -> bool {
    Pattern::parse(pattern).unwrap().matches(&image.parse().unwrap(), TagUse::Believed)
}

fn covers(a: &str, b: &str) -> bool {
    Pattern::parse(a).unwrap().covers(&Pattern::parse(b).unwrap())
}

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn a_star_stays_inside_one_component_and_two_stars_cross_them() {
    assert!(matches("r.example.com/apps/*", "r.example.com/apps/a"));
    assert!(!matches("r.example.com/apps/*", "r.example.com/apps/a/b"));
    assert!(matches("r.example.com/apps/**", "r.example.com/apps/a/b"));
    assert!(matches("r.example.com/**/base", "r.example.com/a/b/base"));
    assert!(matches("r.example.com/a*c/x", "r.example.com/abc/x"));
    assert!(matches("r.example.com/a*c/x", "r.example.com/ac/x"));
    assert!(!matches("r.example.com/a*c/x", "r.example.com/a/c/x"));
    assert!(matches("r.example.com/*a*/**/z*", "r.example.com/bab/c/d/zz"));
}

#[test]
fn no_character_counts_for_both_ends_of_a_pattern() {
    assert!(!matches("r.example.com/ab*ba", "r.example.com/aba"));
    assert!(matches("r.example.com/ab*ba", "r.example.com/abba"));
    assert!(!matches("r.example.com/a/**/b", "r.example.com/a/b"));
    assert!(covers("r.example.com/a*b", "r.example.com/ab*ab"));
    assert!(!covers("r.example.com/ab*ba", "r.example.com/aba"));
}

#[test]
fn there_is_no_implicit_wildcard() {
    assert!(!matches("r.example.com/apps", "r.example.com/apps/a"));
    assert!(!matches("r.example.com/apps", "r.example.com/apps2"));
    assert!(!matches("r.example.com/apps/**", "r.example.com/apps"));
    assert!(!matches("registry.k8s.io/**", "attacker.com/registry.k8s.io/evil"));
    assert!(!matches("registry.k8s.io/**", "evilregistry.k8s.io/evil"));
}

#[test]
fn patterns_see_the_normalised_reference() {
    assert!(matches("docker.io/library/*", "redis"));
    assert!(matches("docker.io/library/redis:latest", "redis"));
    assert!(matches("index.docker.io/library/redis", "docker.io/redis:7"));
    assert!(matches("Registry.Example.com/a", "registry.example.COM:443/a"));
    assert!(!matches("r.example.com/a", "r.example.com:5000/a"));
}

#[test]
fn subdomains_of_any_depth_but_not_lookalikes() {
    assert!(matches("*.example.com/**", "a.example.com/x"));
    assert!(matches("*.example.com/**", "a.b.example.com/x"));
    assert!(!matches("*.example.com/**", "example.com/x"));
    assert!(!matches("*.example.com/**", "evilexample.com/x"));
    assert!(!matches("*.example.com/**", "a.example.com:5000/x"));
    assert!(matches("*.example.com:5000/**", "a.example.com:5000/x"));
    assert!(matches("*.internal/**", "reg.internal/x"));
    assert!(matches("*.io/**", "ghcr.io/a/b"));
    assert!(matches("*.internal:443/**", "reg.internal/x"));
}

#[test]
fn tags_and_digests_restrict() {
    assert!(matches("**:latest", "redis"));
    assert!(!matches("**:latest", "redis:7"));
    assert!(matches("docker.io/library/redis:7.*", "redis:7.2"));
    assert!(!matches("docker.io/library/redis:7.*", &format!("redis@{DIGEST}")));
    assert!(matches(&format!("docker.io/library/redis@{DIGEST}"), &format!("redis:7@{DIGEST}")));
    assert!(!matches(&format!("docker.io/library/redis@{DIGEST}"), "redis:7"));
}

#[test]
fn a_tag_beside_a_digest_can_be_left_unbelieved() {
    let pattern = Pattern::parse("**:v1").unwrap();
    let reference: Reference = format!("r.example.com/a:v1@{DIGEST}").parse().unwrap();
    assert!(pattern.matches(&reference, TagUse::Believed));
    assert!(!pattern.matches(&reference, TagUse::IgnoredBesideDigest));
}

#[test]
fn what_is_no_pattern_is_an_error_with_its_position() {
    let cases = [
        ("", PatternError::Empty),
        ("redis", PatternError::NoHost { at: 0 }),
        ("*", PatternError::NoHost { at: 0 }),
        ("*/*", PatternError::NoHost { at: 0 }),
        ("library/redis", PatternError::NoHost { at: 0 }),
        ("**/redis", PatternError::NoHost { at: 0 }),
        ("registry.example.com", PatternError::NoPath { at: 20 }),
        ("registry.example.com/", PatternError::NoPath { at: 21 }),
        ("reg*.example.com/a", PatternError::Host { at: 3 }),
        ("*example.com/a", PatternError::Host { at: 1 }),
        ("*.*.example.com/a", PatternError::Host { at: 2 }),
        ("r.example.com/A", PatternError::Path { at: 14 }),
        ("r.example.com/a//b", PatternError::Path { at: 16 }),
        ("r.example.com/a/", PatternError::Path { at: 15 }),
        ("r.example.com/a?", PatternError::Path { at: 15 }),
        ("r.example.com/[ab]", PatternError::Path { at: 14 }),
        ("r.example.com/***", PatternError::Path { at: 16 }),
        ("r.example.com/a:", PatternError::Tag { at: 16 }),
        ("r.example.com/a:**", PatternError::Tag { at: 17 }),
        ("r.example.com/a::x", PatternError::Tag { at: 16 }),
        ("r.example.com/a@sha256:12", PatternError::Digest { at: 16 }),
        ("docker.io/redis", PatternError::DockerHubPath { at: 10 }),
    ];
    for (text, error) in cases {
        assert_eq!(Pattern::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_hostile_pattern_costs_no_more_than_its_length_times_the_images() {
    let pattern = format!("r.example.com/{}b", "a*".repeat(200));
    let image = format!("r.example.com/{}", "a".repeat(250));
    assert!(!matches(&pattern, &image));
}

#[test]
fn covering_is_certain_never_guessed() {
    assert!(covers("**", "r.example.com/a/*:v1"));
    assert!(covers("r.example.com/**", "r.example.com/a/*"));
    assert!(covers("*.example.com/**", "r.example.com/a"));
    assert!(covers("r.example.com/a/*", "r.example.com/a/b*"));
    assert!(covers("r.example.com/a:*", "r.example.com/a:v1"));
    assert!(!covers("r.example.com/a/*", "r.example.com/a/**"));
    assert!(!covers("r.example.com/a:v1", "r.example.com/a"));
    assert!(!covers("r.example.com/a", "*.example.com/a"));
}
