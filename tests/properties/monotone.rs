//! A further policy can only tighten (security rule 27): against real signatures, faults and broken policies.
//!
//! Decisions only: which digest is written where is merged, so that a policy which pins can have a tag run by its
//! digest where `pin: Never` alone would refuse the tag. What runs is the digest that both have verified.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bonafide::crd::Mode;
use bonafide::evaluate::{
    CacheOutcome, Evaluator, ImageDecision, MemoryStateStore, NoPullSecrets, Observer, PolicyResult, Purpose, Question,
};
use bonafide::index::compile;
use bonafide::policy::{Kind, Observed, Reason};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::holds;
use super::images::{Images, Signer, client};
use super::objects::{OPERATOR_NAMESPACE, SHOP, inputs, object, policy};

/// Nobody listens there, which is an outage.
const DOWN: &str = "127.0.0.1:1";
/// The egress guard refuses to dial it.
const GUARDED: &str = "169.254.169.254";
/// Stands for the address of the registry, which differs from run to run.
const REGISTRY: &str = "registry.example.com";

const PATTERNS: [&str; 10] = [
    "**",
    "**",
    "**:v1",
    "registry.example.com/**",
    "registry.example.com/a",
    "registry.example.com/*:v2",
    "registry.example.com/b*",
    "127.0.0.1:1/**",
    "169.254.169.254/**",
    "not a pattern",
];

struct Silent;

impl Observer for Silent {
    fn answered(&self, _: CacheOutcome, _: Duration) {}
}

/// A registry with images, and what the policies can refer to.
struct World {
    runtime: Runtime,
    registry: Images,
    evaluator: Evaluator,
    images: Vec<String>,
    referred: Vec<Observed>,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let registry = runtime.block_on(Images::start());
        let (build, qa) = (Signer::new(), Signer::new());
        let signed = registry.push_signed("a", "v1", &[&build]);
        registry.push_signed("a", "v2", &[&build, &qa]);
        registry.push_signed("b", "v1", &[&qa]);
        let unsigned = registry.push("c", "v1", "nobody signed this");
        let here = ["a:v1".to_owned(), "a:v2".to_owned(), "b:v1".to_owned(), "c:v1".to_owned(), "absent:v1".to_owned()];
        let by_digest = [format!("a@{signed}"), format!("a:v2@{signed}"), format!("c:v1@{unsigned}")];
        let mut images: Vec<_> = here.iter().chain(&by_digest).map(|image| format!("{}/{image}", registry.host())).collect();
        images.extend([format!("{DOWN}/a:v1"), format!("{DOWN}/a@{signed}"), format!("{GUARDED}/a:v1"), "sha256:12".to_owned()]);
        let referred = referred(&registry, &build, &qa);
        // Evaluators make their first plans inside a runtime.
        let evaluator = runtime.block_on(async { Evaluator::new(client(), Arc::new(Silent), Arc::new(MemoryStateStore::default())) });
        Self { runtime, registry, evaluator, images, referred }
    }

    /// What these policies say of each image that a pod of the shop wants to run.
    fn decide(&self, policies: &[Observed]) -> Vec<ImageDecision> {
        let policies = policies.iter().map(|policy| Observed { spec: self.at_home(&policy.spec), ..policy.clone() });
        let (snapshot, _) = compile(&inputs(policies.chain(self.referred.iter().cloned())));
        let labels = snapshot.namespaces.get(SHOP).cloned().unwrap_or_default();
        let policies = snapshot.applicable(SHOP, &labels);
        let question = |image| Question {
            namespace: SHOP,
            image,
            digest: None,
            policies: &policies,
            pull_secrets: &NoPullSecrets,
            now: chrono::Utc::now(),
            purpose: Purpose::Admission,
            deadline: Instant::now() + Duration::from_secs(30),
        };
        self.runtime.block_on(async {
            let questions: Vec<_> = self.images.iter().map(|image| question(image)).collect();
            self.evaluator.evaluate_all(&questions).await
        })
    }

    fn at_home(&self, spec: &Value) -> Value {
        spec.to_string().replace(REGISTRY, &self.registry.host()).parse().expect("still JSON")
    }
}

fn referred(registry: &Images, build: &Signer, qa: &Signer) -> Vec<Observed> {
    let http = |host: &str| json!({"host": host, "plainHTTP": true});
    let settings = json!({"hosts": [http(&registry.host()), http(DOWN), http(GUARDED)]});
    let validator = |roots: &[&str]| json!({"cosign": {}, "trustRoots": roots, "registry": settings});
    let shared = |mut spec: Value| {
        spec["shared"] = json!(true);
        spec
    };
    let trust = |signer: &Signer| json!({"keys": [{"name": "k", "pem": signer.pem()}]});
    vec![
        object(Kind::TrustRoot, OPERATOR_NAMESPACE, "build", trust(build)),
        object(Kind::TrustRoot, OPERATOR_NAMESPACE, "qa", trust(qa)),
        object(Kind::TrustRoot, SHOP, "build", trust(build)),
        object(Kind::TrustRoot, SHOP, "qa", trust(&Signer::new())),
        object(Kind::Validator, OPERATOR_NAMESPACE, "release", shared(validator(&["build"]))),
        object(Kind::Validator, OPERATOR_NAMESPACE, "tests", validator(&["build", "qa"])),
        object(Kind::Validator, SHOP, "release", validator(&["build"])),
        object(Kind::Validator, SHOP, "tests", validator(&["qa"])),
    ]
}

/// A set of policies, and one more: it may be older or younger, of the cluster, of the pod's namespace or of another.
fn policies() -> impl Strategy<Value = (Vec<Observed>, Observed)> {
    let set = vec(0..9_u8, 0..=4).prop_flat_map(|names| {
        let names: BTreeSet<u8> = names.into_iter().collect();
        names.into_iter().map(|name| policy(format!("p{name}"), &PATTERNS)).collect::<Vec<_>>()
    });
    let one_more = (0..9_u8).prop_flat_map(|name| policy(format!("p{name}a"), &PATTERNS));
    (set, one_more)
}

fn refuses(decision: &ImageDecision) -> bool {
    decision.is_refused()
}

/// The same in the validating pass, which asks for a digest and for a full name.
fn refuses_at_last(decision: &ImageDecision) -> bool {
    let mut decision = decision.clone();
    decision.refuse_unpinned();
    decision.refuse_short();
    decision.is_refused()
}

#[test]
fn adding_a_policy_never_admits_more() {
    let (world, reasons) = (World::new(), RefCell::new(BTreeSet::new()));
    holds(120, &policies(), |(set, one_more)| {
        let (before, alone) = (world.decide(&set), world.decide(std::slice::from_ref(&one_more)));
        let after = world.decide(&[set, vec![one_more]].concat());
        for ((before, alone), after) in before.iter().zip(&alone).zip(&after) {
            // Exactly what one of them refuses: it neither loosens the others nor makes them refuse more.
            prop_assert_eq!(refuses(after), refuses(before) || refuses(alone), "{}", after.image);
            prop_assert_eq!(refuses_at_last(after), refuses_at_last(before) || refuses_at_last(alone), "{}", after.image);
            // Who admits an image keeps its digest and never pins less.
            if !refuses(after) && !refuses(before) {
                prop_assert!(before.digest().is_none() || before.digest() == after.digest());
                prop_assert!(before.pin() <= after.pin());
            }
            reasons.borrow_mut().extend(after.results.iter().map(|result| result.verdict.reason().as_str()));
        }
        Ok(())
    });
    // The property says something only while all kinds of answers come up.
    let expected = [
        Reason::Trusted,
        Reason::Exempt,
        Reason::Unmatched,
        Reason::NoSignature,
        Reason::UntrustedSigner,
        Reason::ThresholdNotMet,
        Reason::DeniedByRule,
        Reason::NoMatchingRule,
        Reason::PolicyInvalid,
        Reason::ImageInvalid,
        Reason::ImageNotFound,
        Reason::RegistryUnavailable,
        Reason::Forbidden,
    ];
    let missing: Vec<_> = expected.iter().map(|reason| reason.as_str()).filter(|reason| !reasons.borrow().contains(reason)).collect();
    assert!(missing.is_empty(), "no image was {missing:?}");
}

#[test]
fn each_policy_says_the_same_whoever_else_is_asked() {
    let world = World::new();
    holds(60, &policies(), |(set, one_more)| {
        let all = [set, vec![one_more]].concat();
        let together = world.decide(&all);
        for policy in &all {
            for (alone, together) in world.decide(std::slice::from_ref(policy)).iter().zip(&together) {
                let results = |decision: &ImageDecision| -> Vec<String> {
                    decision.results.iter().filter(|result| result.policy.name == policy.name).map(said).collect()
                };
                prop_assert_eq!(results(alone), results(together), "{}", together.image);
            }
        }
        Ok(())
    });
}

fn said(result: &PolicyResult) -> String {
    format!("{:?} {:?} {:?} {:?}", result.policy.mode, result.rule, result.verdict, result.outage)
}

#[test]
fn a_policy_that_does_not_enforce_refuses_nothing() {
    let world = World::new();
    holds(60, &policies(), |(set, _)| {
        let observing = set.iter().filter(|policy| policy.spec["mode"] != json!(format!("{:?}", Mode::Enforce)));
        let decisions = world.decide(&observing.cloned().collect::<Vec<_>>());
        prop_assert!(!decisions.iter().any(|decision| refuses(decision) || refuses_at_last(decision)));
        Ok(())
    });
}
