//! Slow parties: each one's slowness is its own.

use futures::future::pending;
use registry_double::Misbehaviour;

use super::*;

/// Pull secrets that never arrive.
struct Never;

impl PullSecrets for Never {
    fn keyring(&self) -> BoxFuture<'_, Result<Arc<oci::Keyring>, Fault>> {
        pending().boxed()
    }
}

#[tokio::test]
async fn a_slow_neighbour_never_makes_an_enforced_policy_time_out() {
    let (images, build) = (Images::start().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&build]);
    let host = json!({"host": images.host(), "plainHTTP": true});
    let slow = json!({"cosign": {}, "trustRoots": ["build"], "registry": {"hosts": [host], "podPullSecrets": true}});
    let world = World::new()
        .trust_root("build", &[&build])
        .cosign("release", &images.host(), &["build"])
        .validator("slow", &slow)
        .policy("enforced", &rules(&json!({"validator": "release"})))
        .policy_with("recorded", &json!({"mode": "Audit", "unmatched": "Deny"}), &rules(&json!({"validator": "slow"})));
    let snapshot = world.snapshot();
    let policies = snapshot.applicable("shop", &crate::policy::Labels::new());
    let (now, deadline) = (chrono::Utc::now(), Instant::now() + Duration::from_millis(300));
    let image = images.reference("a:v1");
    let question = Question {
        namespace: "shop",
        image: &image,
        digest: None,
        policies: &policies,
        pull_secrets: &Never,
        purpose: Purpose::Admission,
        now,
        deadline,
    };
    let decision = evaluator().evaluate(question).await;
    assert_eq!(decision.digest(), Some(&digest));
    assert_eq!(decision.results[1].verdict, Verdict::Fault(Fault::Timeout));
}

#[tokio::test]
async fn whoever_joins_a_flight_has_a_deadline_of_its_own() {
    let (images, build) = (Images::start().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&build]);
    images.0.script_once(&format!("/v2/a/manifests/sha256-{}.sig", digest.hex()), Misbehaviour::Stall);
    let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    let snapshot = world.snapshot();
    let policies = snapshot.applicable("shop", &crate::policy::Labels::new());
    let (evaluator, image) = (evaluator(), images.reference(&format!("a@{digest}")));
    let (now, start) = (chrono::Utc::now(), Instant::now());
    let within = |time: Duration| {
        let deadline = start + time;
        Question {
            namespace: "shop",
            image: &image,
            digest: None,
            policies: &policies,
            pull_secrets: &NoPullSecrets,
            purpose: Purpose::Admission,
            now,
            deadline,
        }
    };
    let (hasty, patient) =
        tokio::join!(evaluator.evaluate(within(Duration::from_millis(300))), evaluator.evaluate(within(Duration::from_secs(20))));
    assert_eq!(hasty.results[0].verdict.reason(), Reason::Timeout);
    assert_eq!(patient.digest(), Some(&digest));
}

#[tokio::test]
async fn what_was_not_read_yet_is_a_fault_not_a_refusal() {
    let spec = json!({"keys": [{"name": "k", "secretKeyRef": {"name": "cosign", "key": "cosign.pub"}}]});
    let world = World::new().object(crate::policy::Kind::TrustRoot, "build", spec).cosign("release", "r.example.com", &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    assert_eq!(verdict(&world, "r.example.com/a").await, Verdict::Fault(Fault::NotYetRead));
}

#[tokio::test]
async fn dripping_registry_delays_no_other_namespace() {
    let (stalling, images, build) = (Images::start().await, Images::start().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&build]);
    let slow: Vec<_> = (0..40).map(|i| (format!("r{i}"), stalling.push(&format!("r{i}"), "v1", "slow"))).collect();
    for (repository, digest) in &slow {
        stalling.0.script(&format!("/v2/{repository}/manifests/sha256-{}.sig", digest.hex()), Misbehaviour::Stall);
    }
    let hosts = json!([{"host": images.host(), "plainHTTP": true}, {"host": stalling.host(), "plainHTTP": true}]);
    let world = World::new()
        .trust_root("build", &[&build])
        .validator("release", &json!({"cosign": {}, "trustRoots": ["build"], "registry": {"hosts": hosts}}))
        .policy("p", &rules(&json!({"validator": "release"})));
    let snapshot = world.snapshot();
    let policies = snapshot.applicable("shop", &crate::policy::Labels::new());
    let (evaluator, now, start) = (evaluator(), chrono::Utc::now(), Instant::now());
    let ask = |namespace, image, deadline| {
        let question = Question {
            namespace,
            image,
            digest: None,
            policies: &policies,
            pull_secrets: &NoPullSecrets,
            purpose: Purpose::Admission,
            now,
            deadline,
        };
        evaluator.evaluate(question)
    };
    let slow: Vec<_> = slow.iter().map(|(repository, digest)| stalling.reference(&format!("{repository}@{digest}"))).collect();
    let good = images.reference(&format!("a@{digest}"));
    let attack = futures::future::join_all(slow.iter().map(|image| ask("attacker", image, start + Duration::from_millis(1500))));
    let (attacked, other) = tokio::join!(attack, ask("shop", &good, start + Duration::from_secs(1)));
    assert_eq!(other.digest(), Some(&digest));
    assert!(attacked.iter().all(|decision| decision.results[0].verdict.reason() == Reason::Timeout));
}
