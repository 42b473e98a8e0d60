#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod apart;
mod notary;
mod notary_outage;
mod notary_state;
mod outage;
mod patience;
mod private;
mod rates;
mod running;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use oci::Digest;
use registry_double::Misbehaviour;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Evaluator, Evidence, Fault, ImageDecision, NoPullSecrets, PullSecrets, Purpose, Question, Refusal, Reported, Verdict, rule};
use crate::policy::Reason;
use crate::testing::{self, Images, Signer, World, client};

fn evaluator() -> Evaluator {
    testing::evaluator(client())
}

async fn ask(evaluator: &Evaluator, world: &World, image: &str) -> ImageDecision {
    testing::ask(evaluator, world, image, Duration::from_secs(5)).await
}

/// The verdict of the first policy.
async fn verdict(world: &World, image: &str) -> Verdict {
    ask(&evaluator(), world, image).await.results[0].verdict.clone()
}

fn trusted(verdict: &Verdict) -> (&Digest, Vec<String>) {
    match verdict {
        Verdict::Trusted(evidence) => (&evidence.digest, evidence.signers.iter().map(ToString::to_string).collect()),
        other => panic!("{other:?}"),
    }
}

fn rules(entry: &Value) -> Value {
    json!([{"name": "apps", "images": ["**"], "verify": [entry.clone()]}])
}

#[tokio::test]
async fn a_signed_image_is_trusted_on_its_digest() {
    let (images, build) = (Images::start().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&build]);
    let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    let verdict = verdict(&world, &images.reference("a:v1")).await;
    assert_eq!(trusted(&verdict), (&digest, vec!["bonafide-system/build/k0".to_owned()]));
}

#[tokio::test]
async fn an_unsigned_image_is_refused() {
    let images = Images::start().await;
    images.push("a", "v1", "unsigned");
    let world = World::new().trust_root("build", &[&Signer::new()]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    assert_eq!(verdict(&world, &images.reference("a:v1")).await, Verdict::Refused(Refusal::NoSignature { skipped: 0, attestations: 0 }));
}

#[tokio::test]
async fn an_image_that_is_not_there_is_a_fault_by_tag_and_by_digest() {
    let images = Images::start().await;
    let world = World::new().trust_root("build", &[&Signer::new()]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    assert_eq!(verdict(&world, &images.reference("a:v1")).await.reason(), Reason::ImageNotFound);
    let absent = format!("a@{}", Digest::of(b"absent"));
    assert_eq!(verdict(&world, &images.reference(&absent)).await, Verdict::Fault(Fault::ImageNotFound));
}

#[tokio::test]
async fn a_signature_by_another_key_is_refused() {
    let images = Images::start().await;
    images.push_signed("a", "v1", &[&Signer::new()]);
    let world = World::new().trust_root("build", &[&Signer::new()]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    let verdict = verdict(&world, &images.reference("a:v1")).await;
    assert_eq!(verdict.reason(), Reason::UntrustedSigner);
    assert_eq!(verdict.message(), "1 signature found, by a key, which is none of build");
}

#[tokio::test]
async fn a_signature_of_another_image_is_refused() {
    let (images, build) = (Images::start().await, Signer::new());
    let (good, evil) = (images.push_signed("a", "v1", &[&build]), images.push("a", "evil", "evil"));
    images.sign("a", &evil, &good, &[&build]);
    let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    assert_eq!(verdict(&world, &images.reference("a:evil")).await, Verdict::Refused(Refusal::DigestMismatch { signed: good }));
}

#[tokio::test]
async fn a_threshold_counts_distinct_trust_roots() {
    let (images, build, qa, security) = (Images::start().await, Signer::new(), Signer::new(), Signer::new());
    images.push_signed("a", "one", &[&build, &build]);
    images.push_signed("a", "two", &[&build, &security]);
    let world = World::new().trust_root("build", &[&build]).trust_root("qa", &[&qa]).trust_root("security", &[&security]);
    let world = world.cosign("release", &images.host(), &["build", "qa", "security"]);
    let two = world.clone().policy("p", &rules(&json!({"validator": "release", "threshold": 2})));
    assert_eq!(verdict(&two, &images.reference("a:one")).await.reason(), Reason::ThresholdNotMet);
    assert_eq!(trusted(&verdict(&two, &images.reference("a:two")).await).1.len(), 2);
    let all = world.clone().policy("p", &rules(&json!({"validator": "release"})));
    assert_eq!(verdict(&all, &images.reference("a:two")).await.reason(), Reason::ThresholdNotMet);
    let required = world.policy("p", &rules(&json!({"validator": "release", "threshold": 2, "required": ["qa"]})));
    let verdict = verdict(&required, &images.reference("a:two")).await;
    assert_eq!(verdict.message(), "the required signature of qa is missing");
}

#[tokio::test]
async fn at_least_relaxes_how_many_entries_pass() {
    let (images, build, qa) = (Images::start().await, Signer::new(), Signer::new());
    images.push_signed("a", "v1", &[&qa]);
    let world = World::new().trust_root("build", &[&build]).trust_root("qa", &[&qa]);
    let world = world.cosign("by-build", &images.host(), &["build"]).cosign("by-qa", &images.host(), &["qa"]);
    let both = json!([{"validator": "by-build"}, {"validator": "by-qa"}]);
    let all = world.clone().policy("p", &json!([{"name": "a", "images": ["**"], "verify": both}]));
    assert_eq!(verdict(&all, &images.reference("a:v1")).await.reason(), Reason::UntrustedSigner);
    let one = world.policy("p", &json!([{"name": "a", "images": ["**"], "verify": both, "atLeast": 1}]));
    assert!(verdict(&one, &images.reference("a:v1")).await.accepts());
}

#[tokio::test]
async fn a_registry_that_fails_is_a_fault_and_not_remembered() {
    let (images, build) = (Images::start().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&build]);
    let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    let evaluator = evaluator();
    let signatures = format!("/v2/a/manifests/sha256-{}.sig", digest.hex());
    // The client tries once more by itself.
    images.0.script_once(&signatures, Misbehaviour::Status(503, vec![]));
    images.0.script_once(&signatures, Misbehaviour::Status(503, vec![]));
    let first = ask(&evaluator, &world, &images.reference("a:v1")).await;
    assert_eq!(first.results[0].verdict.reason(), Reason::RegistryUnavailable);
    assert!(!ask(&evaluator, &world, &images.reference("a:v1")).await.is_refused());
}

#[tokio::test]
async fn a_known_verdict_costs_no_request() {
    let (images, build) = (Images::start().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&build]);
    let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    let evaluator = evaluator();
    let image = images.reference(&format!("a@{digest}"));
    assert!(!ask(&evaluator, &world, &image).await.is_refused());
    let before = images.0.requests().len();
    assert!(!ask(&evaluator, &world, &image).await.is_refused());
    assert_eq!(images.0.requests().len(), before);
}

#[tokio::test]
async fn tenant_requirement_never_answers_cluster_flight() {
    let (images, theirs) = (Images::start().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&theirs]);
    let world = World::new()
        .trust_root("build", &[&Signer::new()])
        .cosign("release", &images.host(), &["build"])
        .policy("p", &rules(&json!({"validator": "release"})))
        .trust_root("shop/build", &[&theirs])
        .cosign("shop/release", &images.host(), &["build"])
        .policy("shop/p", &rules(&json!({"validator": "release"})));
    let evaluator = evaluator();
    let image = images.reference(&format!("a@{digest}"));
    for _ in 0..2 {
        let decision = ask(&evaluator, &world, &image).await;
        let reasons: Vec<_> = decision.results.iter().map(|result| (result.policy.name.to_string(), result.verdict.reason())).collect();
        let (cluster, tenant) = (("bonafide-system/p".to_owned(), Reason::UntrustedSigner), ("shop/p".to_owned(), Reason::Trusted));
        assert_eq!(reasons, [cluster, tenant]);
    }
}

#[tokio::test]
async fn audit_refusal_never_enforced_by_neighbour() {
    let (images, build) = (Images::start().await, Signer::new());
    images.push_signed("a", "v1", &[&build]);
    let audit = json!({"mode": "Audit", "unmatched": "Deny"});
    let world = World::new()
        .trust_root("build", &[&build])
        .cosign("release", &images.host(), &["build"])
        .policy("enforced", &rules(&json!({"validator": "release"})))
        .policy_with("recorded", &audit, &json!([{"name": "none", "images": ["**"], "action": "Deny"}]));
    let decision = ask(&evaluator(), &world, &images.reference("a:v1")).await;
    assert!(!decision.is_refused());
    assert_eq!(decision.results[1].verdict.reason(), Reason::DeniedByRule);
}

#[tokio::test]
async fn image_id_reference_is_invalid() {
    let world = World::new().policy("p", &json!([{"name": "all", "images": ["**"], "action": "Allow"}]));
    let id = Digest::of(b"x");
    for image in [id.to_string(), id.hex().to_owned(), "UPPER/Case".to_owned(), "a b".to_owned()] {
        assert_eq!(verdict(&world, &image).await.reason(), Reason::ImageInvalid, "{image}");
    }
}

#[test]
fn policies_naming_two_digests_refuse() {
    use super::Signer;
    let evidence = |content: &[u8]| Evidence {
        digest: Digest::of(content),
        validators: vec![],
        signers: vec![Signer { root: crate::policy::ObjectName::new("n", "r"), key: "k".to_owned() }],
        expires: None,
    };
    let answers = vec![Ok(Arc::new(Ok(evidence(b"a")))), Ok(Arc::new(Ok(evidence(b"b"))))];
    let verdict = rule::combine(answers.clone(), 2);
    assert_eq!(verdict.reason(), Reason::AmbiguousDigest);
    assert_eq!(rule::combine(answers, 1).reason(), Reason::AmbiguousDigest);
}

#[test]
fn a_fault_that_could_not_change_the_answer_is_a_refusal() {
    let refused = || Ok(Arc::new(Err(Refusal::NotPinned)));
    assert_eq!(rule::combine(vec![refused(), refused(), Err(Fault::Timeout)], 2).reason(), Reason::NotPinned);
    assert_eq!(rule::combine(vec![refused(), Err(Fault::Timeout)], 1).reason(), Reason::Timeout);
}

#[test]
fn trust_needs_a_verified_signer() {
    let nobody = Evidence { digest: Digest::of(b"a"), validators: vec![], signers: vec![], expires: None };
    assert!(!rule::combine(vec![Ok(Arc::new(Ok(nobody)))], 1).accepts());
    assert!(!rule::combine(vec![], 0).accepts());
}

#[tokio::test]
async fn policies_that_see_two_digests_under_one_tag_refuse() {
    let (images, build) = (Images::start().await, Signer::new());
    images.push_signed("a", "v1", &[&build]);
    let other = images.push_signed("a", "v2", &[&build]);
    let hosts = json!([{"host": images.host(), "plainHTTP": true}, {"host": "other.example.com"}]);
    let world = World::new()
        .trust_root("build", &[&build])
        .cosign("one", &images.host(), &["build"])
        .validator("two", &json!({"cosign": {}, "trustRoots": ["build"], "registry": {"hosts": hosts}}))
        .policy("a", &rules(&json!({"validator": "one"})))
        .policy("b", &rules(&json!({"validator": "two"})));
    // One of the two credential sets is told another image, which is signed as well.
    images.0.script_once("/v2/a/manifests/v1", Misbehaviour::ContentDigest(Some(other.to_string())));
    let decision = ask(&evaluator(), &world, &images.reference("a:v1")).await;
    let reasons: Vec<_> = decision.results.iter().map(|result| result.verdict.reason()).collect();
    assert_eq!(reasons, [Reason::AmbiguousDigest, Reason::AmbiguousDigest]);
    assert_eq!(decision.digest(), None);
}

#[tokio::test]
async fn more_signatures_than_are_looked_at_are_a_refusal() {
    let (images, stranger) = (Images::start().await, Signer::new());
    images.push_signed("a", "v1", &vec![&stranger; 1001]);
    let world = World::new().trust_root("build", &[&Signer::new()]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    assert_eq!(verdict(&world, &images.reference("a:v1")).await, Verdict::Refused(Refusal::TooLarge));
}
