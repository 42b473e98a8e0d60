//! The tag beside a digest is text that its author chose (security rule 3).

use bonafide::crd::Unmatched;
use bonafide::index::{Chosen, CompiledPolicy, Demand, compile};
use proptest::prelude::*;

use super::holds;
use super::objects::{inputs, policy};

const PATTERNS: [&str; 8] = ["**", "**:a", "**:b*", "a.io/**", "a.io/*:a", "a.io/a:*", "*.a.io/**", DIGEST_PATTERN];
const DIGEST: &str = "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const DIGEST_PATTERN: &str = "a.io/a@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Whether the policy lets the image run without any signature.
fn is_waved_through(policy: &CompiledPolicy, image: &str) -> bool {
    match policy.decide(&image.parse().expect("an image reference"), chrono::Utc::now()) {
        Chosen::Rule(rule) => matches!(rule.demand, Demand::Allow { .. }),
        Chosen::Unmatched(unmatched) => unmatched == Unmatched::Allow,
        Chosen::Invalid(_) => false,
    }
}

#[test]
fn no_tag_beside_a_digest_lets_an_image_run_unverified_that_would_not_without_it() {
    let images = ("(a|b\\.a)\\.io/[ab](/a)?", "[ab]{1,2}");
    holds(800, &(policy("p".to_owned(), &PATTERNS), images), |(policy, (name, tag))| {
        let (snapshot, _) = compile(&inputs([policy]));
        for policy in snapshot.cluster.iter().chain(snapshot.tenants.values().flatten()) {
            let (with, without) = (format!("{name}:{tag}{DIGEST}"), format!("{name}{DIGEST}"));
            prop_assert!(!is_waved_through(policy, &with) || is_waved_through(policy, &without));
        }
        Ok(())
    });
}
