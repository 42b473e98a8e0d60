//! `onFault: UseLastVerdict` (security rules 5 and 6).

use registry_double::Misbehaviour;

use super::*;

/// A registry that can be made to fail, with a signed image and a policy that lets the last verdict stand.
struct Outage {
    images: Images,
    build: Signer,
    digest: Digest,
    evaluator: Evaluator,
}

impl Outage {
    async fn after_a_success() -> (Self, World) {
        let (images, build) = (Images::start().await, Signer::new());
        let digest = images.push_signed("a", "v1", &[&build]);
        let outage = Self { images, build, digest, evaluator: evaluator() };
        let world = outage.world("UseLastVerdict", &[&outage.build]);
        assert!(!outage.ask(&world, "a:v1").await.is_refused());
        (outage, world)
    }

    fn world(&self, on_fault: &str, signers: &[&Signer]) -> World {
        let settings = json!({"mode": "Enforce", "unmatched": "Deny", "onFault": on_fault});
        let world = World::new().trust_root("build", signers).cosign("release", &self.images.host(), &["build"]);
        world.policy_with("p", &settings, &rules(&json!({"validator": "release"})))
    }

    /// From now on the registry answers nothing about this image but failures.
    fn fail(&self, failure: &Misbehaviour) {
        let digest = &self.digest;
        for path in ["v1".to_owned(), digest.to_string(), format!("sha256-{}.sig", digest.hex()), format!("sha256-{}", digest.hex())] {
            self.images.0.script(&format!("/v2/a/manifests/{path}"), failure.clone());
        }
        self.images.0.script(&format!("/v2/a/referrers/{digest}"), failure.clone());
    }

    fn go_down(&self) {
        self.evaluator.forget();
        self.fail(&Misbehaviour::Status(503, vec![]));
    }

    async fn ask(&self, world: &World, image: &str) -> ImageDecision {
        ask(&self.evaluator, world, &self.images.reference(image)).await
    }
}

#[tokio::test]
async fn the_last_verdict_stands_by_tag_and_by_digest_and_says_so() {
    let (outage, world) = Outage::after_a_success().await;
    outage.go_down();
    for image in ["a:v1".to_owned(), format!("a@{}", outage.digest)] {
        let decision = outage.ask(&world, &image).await;
        assert_eq!(decision.digest(), Some(&outage.digest), "{image}");
        assert_eq!(decision.results[0].outage.as_ref().map(Fault::reason), Some(Reason::RegistryUnavailable));
    }
}

#[tokio::test]
async fn without_the_setting_an_outage_refuses() {
    let (outage, _) = Outage::after_a_success().await;
    outage.go_down();
    let decision = outage.ask(&outage.world("Deny", &[&outage.build]), "a:v1").await;
    assert_eq!(decision.results[0].verdict.reason(), Reason::RegistryUnavailable);
}

#[tokio::test]
async fn removed_key_then_outage_refuses() {
    let (outage, _) = Outage::after_a_success().await;
    outage.go_down();
    let decision = outage.ask(&outage.world("UseLastVerdict", &[&Signer::new()]), "a:v1").await;
    assert_eq!(decision.results[0].verdict.reason(), Reason::RegistryUnavailable);
}

#[tokio::test]
async fn what_was_never_verified_has_no_last_verdict() {
    let (outage, world) = Outage::after_a_success().await;
    let other = outage.images.push("a", "v2", "unsigned");
    outage.go_down();
    outage.images.0.script("/v2/a/manifests/v2", Misbehaviour::Status(503, vec![]));
    outage.images.0.script(&format!("/v2/a/manifests/sha256-{}.sig", other.hex()), Misbehaviour::Status(503, vec![]));
    for image in ["a:v2".to_owned(), format!("a:v1@{other}")] {
        assert!(outage.ask(&world, &image).await.is_refused(), "{image}");
    }
}

#[tokio::test]
async fn a_refusal_ends_the_last_verdict() {
    let (outage, world) = Outage::after_a_success().await;
    outage.images.0.remove_tag("a", &format!("sha256-{}.sig", outage.digest.hex()));
    outage.evaluator.forget();
    let image = format!("a@{}", outage.digest);
    assert_eq!(outage.ask(&world, &image).await.results[0].verdict.reason(), Reason::NoSignature);
    outage.go_down();
    assert!(outage.ask(&world, &image).await.is_refused());
}

#[tokio::test]
async fn owner_induced_fault_never_admits() {
    let (outage, world) = Outage::after_a_success().await;
    outage.evaluator.forget();
    let challenge = vec![("www-authenticate", "Basic realm=\"r\"".to_owned())];
    let page = Misbehaviour::Body("text/html".to_owned(), "<html>sign in</html>".into());
    let away = Misbehaviour::Redirect("https://169.254.169.254/".to_owned());
    let circle = Misbehaviour::Redirect("/v2/a/manifests/v1".to_owned());
    let other_digest = Misbehaviour::ContentDigest(Some(Digest::of(b"other").to_string()));
    let refusals = [Misbehaviour::Status(401, challenge), Misbehaviour::Status(401, vec![]), Misbehaviour::Status(404, vec![])];
    for failure in refusals.into_iter().chain([page, away, circle, other_digest]) {
        outage.fail(&failure);
        let decision = outage.ask(&world, "a:v1").await;
        assert!(decision.is_refused(), "{failure:?}: {:?}", decision.results[0].verdict);
    }
}

#[tokio::test]
async fn a_policy_that_denies_on_faults_is_not_softened_by_one_that_does_not() {
    let (outage, world) = Outage::after_a_success().await;
    let world = world.policy_with("strict", &json!({"mode": "Enforce", "unmatched": "Deny"}), &rules(&json!({"validator": "release"})));
    outage.go_down();
    let decision = outage.ask(&world, "a:v1").await;
    let verdict = |name: &str| decision.results.iter().find(|result| result.policy.name.name == name).unwrap().verdict.reason();
    assert_eq!([verdict("p"), verdict("strict")], [Reason::Trusted, Reason::RegistryUnavailable]);
    assert!(decision.is_refused());
}

#[tokio::test]
async fn a_tag_that_is_known_to_have_moved_does_not_mean_what_it_meant() {
    let (outage, world) = Outage::after_a_success().await;
    let moved = outage.images.push("a", "v1", "moved");
    outage.evaluator.forget();
    for path in [format!("sha256-{}.sig", moved.hex()), format!("sha256-{}", moved.hex())] {
        outage.images.0.script(&format!("/v2/a/manifests/{path}"), Misbehaviour::Status(503, vec![]));
    }
    let decision = outage.ask(&world, "a:v1").await;
    assert_eq!(decision.results[0].verdict.reason(), Reason::RegistryUnavailable);
}

#[tokio::test]
async fn a_digest_that_runs_is_not_taken_for_what_its_tag_means() {
    let (outage, world) = Outage::after_a_success().await;
    let other = outage.images.push_signed("a", "v2", &[&outage.build]);
    let snapshot = world.snapshot();
    let policies = snapshot.applicable("shop", &crate::policy::Labels::new());
    let (image, now, deadline) = (outage.images.reference("a:v1"), chrono::Utc::now(), Instant::now() + Duration::from_secs(5));
    let question = Question {
        namespace: "shop",
        image: &image,
        digest: Some(&other),
        policies: &policies,
        pull_secrets: &NoPullSecrets,
        purpose: Purpose::Report(&Reported::Nothing),
        now,
        deadline,
    };
    assert!(!outage.evaluator.evaluate(question).await.is_refused());
    outage.go_down();
    assert_eq!(outage.ask(&world, "a:v1").await.digest(), Some(&outage.digest));
}
