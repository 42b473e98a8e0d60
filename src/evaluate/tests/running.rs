//! What runs against what was verified (security rule 24): each case leaves one check between a stranger and `Trusted`.

use futures::future::join_all;

use super::*;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A registry whose repository `a` is verified.
struct Ran {
    images: Images,
    build: Signer,
    evaluator: Evaluator,
}

/// An image of its own with the config of these bytes.
fn image(name: &str, config_type: &str, config: &[u8]) -> String {
    let config = json!({"mediaType": config_type, "digest": Digest::of(config), "size": config.len()});
    json!({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [], "annotations": {"name": name}}).to_string()
}

fn index(parts: &[Digest]) -> String {
    let parts: Vec<_> = parts.iter().map(|digest| json!({"mediaType": IMAGE, "digest": digest, "size": 1})).collect();
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": parts}).to_string()
}

fn manifest(digest: &Digest) -> Reported {
    Reported::Manifest { repository: None, digest: digest.clone() }
}

fn config(bytes: &[u8]) -> Reported {
    Reported::Config(Digest::of(bytes))
}

impl Ran {
    async fn start() -> Self {
        Self { images: Images::start().await, build: Signer::new(), evaluator: evaluator() }
    }

    /// An image with a config that is its own.
    fn image(&self, tag: &str) -> Digest {
        self.image_with(tag, tag.as_bytes())
    }

    fn image_with(&self, tag: &str, config: &[u8]) -> Digest {
        self.images.0.push_manifest("a", tag, IMAGE, image(tag, CONFIG, config))
    }

    fn index(&self, tag: &str, parts: &[Digest]) -> Digest {
        self.images.0.push_manifest("a", tag, INDEX, index(parts))
    }

    fn signed(&self, digest: Digest) -> Digest {
        self.images.sign("a", &digest, &digest, &[&self.build]);
        digest
    }

    /// The verdict on an image, such as `v1`, of which this is reported.
    async fn says(&self, image: &str, reported: &Reported) -> Verdict {
        let world = World::new().trust_root("build", &[&self.build]).cosign("release", &self.images.host(), &["build"]);
        let snapshot = world.policy("p", &rules(&json!({"validator": "release"}))).snapshot();
        let policies = snapshot.applicable("shop", &crate::policy::Labels::new());
        let image = self.images.reference(&if image.starts_with("sha256:") { format!("a:v1@{image}") } else { format!("a:{image}") });
        let is_pinned = image.contains('@');
        let question = Question {
            namespace: "shop",
            image: &image,
            digest: reported.manifest().filter(|_| !is_pinned),
            policies: &policies,
            pull_secrets: &NoPullSecrets,
            now: chrono::Utc::now(),
            purpose: Purpose::Report(reported),
            deadline: Instant::now() + Duration::from_secs(5),
        };
        self.evaluator.evaluate(question).await.results[0].verdict.clone()
    }

    /// The same for a reference with a digest.
    async fn runs(&self, specified: &Digest, reported: &Reported) -> Verdict {
        self.says(&specified.to_string(), reported).await
    }

    fn requests(&self) -> usize {
        self.images.0.requests().len()
    }
}

fn is_trusted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Trusted(_))
}

#[track_caller]
fn assert_mismatch(verdict: &Verdict, verified: &Digest, reported: &Reported) {
    let expected = Refusal::RunsAnother { verified: verified.clone(), reported: reported.clone() };
    assert_eq!((verdict, verdict.reason()), (&Verdict::Refused(expected), Reason::DigestMismatch));
}

#[tokio::test]
async fn what_runs_as_specified_costs_no_request_more() {
    let ran = Ran::start().await;
    let digest = ran.signed(ran.image("v1"));
    assert!(is_trusted(&ran.runs(&digest, &Reported::Nothing).await));
    let before = ran.requests();
    let elsewhere = Reported::Manifest { repository: Some("evil.example.com/x".parse().unwrap()), digest: digest.clone() };
    for reported in [manifest(&digest), elsewhere] {
        assert!(is_trusted(&ran.runs(&digest, &reported).await));
    }
    assert_eq!(ran.requests(), before);
    ran.evaluator.forget();
    assert!(is_trusted(&ran.runs(&digest, &manifest(&digest)).await));
    assert!(ran.requests() <= before * 2, "{before} {}", ran.requests());
}

#[tokio::test]
async fn another_image_than_the_verified_one_is_a_mismatch() {
    let ran = Ran::start().await;
    let (digest, other, also_signed) = (ran.signed(ran.image("v1")), ran.image("v2"), ran.signed(ran.image("v3")));
    for runs in [other, also_signed, Digest::of(b"not in the repository")] {
        let reported = manifest(&runs);
        let verdict = ran.runs(&digest, &reported).await;
        assert_mismatch(&verdict, &digest, &reported);
        let message = verdict.message();
        assert!(message.contains(&digest.to_string()) && message.contains(&runs.to_string()), "{message}");
    }
}

#[tokio::test]
async fn part_of_a_verified_index_agrees() {
    let ran = Ran::start().await;
    let (amd, arm, other) = (ran.image("amd"), ran.image("arm"), ran.image("other"));
    let whole = ran.signed(ran.index("v1", &[amd.clone(), arm.clone()]));
    for part in [amd, arm] {
        assert_eq!(ran.runs(&whole, &manifest(&part)).await.digest(), Some(&whole));
    }
    assert_mismatch(&ran.runs(&whole, &manifest(&other)).await, &whole, &manifest(&other));
}

#[tokio::test]
async fn signed_part_never_vouches_for_an_index() {
    let ran = Ran::start().await;
    let (part, evil) = (ran.signed(ran.image("v1")), ran.image("evil"));
    let whole = ran.index("whole", &[part.clone(), evil]);
    assert_mismatch(&ran.runs(&part, &manifest(&whole)).await, &part, &manifest(&whole));
    // Nor by its tag.
    assert_eq!(ran.says("v1", &manifest(&whole)).await.reason(), Reason::NoSignature);
}

#[tokio::test]
async fn copy_of_same_config_does_not_flip_report() {
    let ran = Ran::start().await;
    let digest = ran.signed(ran.image_with("v1", b"config"));
    let (copy, other) = (ran.image_with("copy", b"config"), ran.image_with("other", b"other"));
    assert!(is_trusted(&ran.runs(&digest, &manifest(&copy)).await));
    assert_mismatch(&ran.runs(&digest, &manifest(&other)).await, &digest, &manifest(&other));
    let whole = ran.signed(ran.index("whole", &[ran.image("arm"), digest]));
    assert!(is_trusted(&ran.runs(&whole, &manifest(&copy)).await), "a copy of a part");
}

#[tokio::test]
async fn bare_config_digest_agrees_with_the_image_and_with_the_index_that_has_it() {
    let ran = Ran::start().await;
    let digest = ran.signed(ran.image_with("v1", b"config"));
    let whole = ran.signed(ran.index("whole", &[Digest::of(b"not in the registry"), ran.image("arm"), digest.clone()]));
    for verified in [digest, whole] {
        assert!(is_trusted(&ran.runs(&verified, &config(b"config")).await));
        assert_mismatch(&ran.runs(&verified, &config(b"other")).await, &verified, &config(b"other"));
        // The digest of a manifest is none of a config.
        let confused = Reported::Config(verified.clone());
        assert_mismatch(&ran.runs(&verified, &confused).await, &verified, &confused);
    }
}

#[tokio::test]
async fn a_config_that_artifacts_share_says_nothing() {
    let ran = Ran::start().await;
    for (name, config_type, bytes) in
        [("empty", CONFIG, b"{}".as_slice()), ("artifact", "application/vnd.oci.empty.v1+json", b"x"), ("untyped", "", b"x")]
    {
        let push = |tag: String| ran.images.0.push_manifest("a", tag.as_str(), IMAGE, image(&tag, config_type, bytes));
        let (digest, other) = (ran.signed(push(format!("{name}-1"))), push(format!("{name}-2")));
        assert_mismatch(&ran.runs(&digest, &manifest(&other)).await, &digest, &manifest(&other));
        assert_mismatch(&ran.runs(&digest, &config(bytes)).await, &digest, &config(bytes));
    }
}

#[tokio::test]
async fn an_index_counts_only_by_its_hash() {
    let ran = Ran::start().await;
    let (digest, evil) = (ran.signed(ran.image("v1")), ran.image("evil"));
    let whole = index(std::slice::from_ref(&evil));
    ran.images.0.script(&format!("/v2/a/manifests/{digest}"), Misbehaviour::Body(INDEX.to_owned(), whole.into()));
    let verdict = ran.runs(&digest, &manifest(&evil)).await;
    assert!(matches!(verdict, Verdict::Fault(_)), "{verdict:?}");
}

#[tokio::test]
async fn what_cannot_be_compared_is_unknown_and_what_is_refused_stays_refused() {
    let ran = Ran::start().await;
    let (digest, other, unsigned) = (ran.signed(ran.image("v1")), ran.image("v2"), ran.image("v3"));
    ran.runs(&digest, &Reported::Nothing).await;
    ran.runs(&unsigned, &Reported::Nothing).await;
    for away in [&digest, &other, &unsigned] {
        ran.images.0.script(&format!("/v2/a/manifests/{away}"), Misbehaviour::Status(502, vec![]));
    }
    let unknown = |verdict: &Verdict| matches!(verdict, Verdict::Fault(_)) && verdict.reason() == Reason::RegistryUnavailable;
    let verdict = ran.runs(&digest, &manifest(&other)).await;
    assert!(unknown(&verdict), "{verdict:?}");
    // Also where only what runs cannot be read, which must not pass for being another image.
    ran.images.0.behave();
    ran.images.0.script(&format!("/v2/a/manifests/{other}"), Misbehaviour::Status(502, vec![]));
    let verdict = ran.runs(&digest, &manifest(&other)).await;
    assert!(unknown(&verdict), "{verdict:?}");
    let before = ran.requests();
    assert_eq!(ran.runs(&unsigned, &manifest(&other)).await.reason(), Reason::NoSignature);
    assert_eq!(ran.requests(), before, "of what is refused nothing is compared");
    ran.images.0.behave();
    assert_mismatch(&ran.runs(&digest, &manifest(&other)).await, &digest, &manifest(&other));
}

#[tokio::test]
async fn only_the_specified_repository_is_asked() {
    let ran = Ran::start().await;
    let digest = ran.signed(ran.image_with("v1", b"config"));
    let runs = ran.images.0.push_manifest("evil", "v1", IMAGE, image("evil", CONFIG, b"config"));
    let reported = Reported::Manifest { repository: Some(ran.images.0.repository("evil")), digest: runs };
    assert_mismatch(&ran.runs(&digest, &reported).await, &digest, &reported);
    assert!(ran.images.0.requests().iter().all(|request| request.path.starts_with("/v2/a/")));
}

#[tokio::test]
async fn unreadable_content_gains_nothing() {
    let ran = Ran::start().await;
    let digest = ran.signed(ran.image("v1"));
    for body in [r#"{"config": {}, "manifests": []}"#, "[]", "{}", r#"{"config": 7}"#, r#"{"manifests": 7}"#, r#"{"manifests": [7, {}]}"#] {
        let runs = ran.images.0.push_manifest("a", None, IMAGE, body);
        assert_mismatch(&ran.runs(&digest, &manifest(&runs)).await, &digest, &manifest(&runs));
    }
}

#[tokio::test]
async fn many_pods_are_compared_once() {
    let ran = Ran::start().await;
    let (part, other) = (ran.image("part"), ran.image("other"));
    let whole = ran.signed(ran.index("v1", std::slice::from_ref(&part)));
    ran.runs(&whole, &Reported::Nothing).await;
    let before = ran.requests();
    let agrees = manifest(&part);
    assert!(join_all((0..100).map(|_| ran.runs(&whole, &agrees))).await.iter().all(is_trusted));
    assert_eq!(ran.requests() - before, 1, "the index");
    let differs = manifest(&other);
    assert!(!join_all((0..100).map(|_| ran.runs(&whole, &differs))).await.iter().any(is_trusted));
    assert_eq!(ran.requests() - before, 4, "the index, what runs, and the part");
}

#[tokio::test]
async fn an_index_without_end_is_looked_at_so_far_and_not_taken_for_a_mismatch() {
    let ran = Ran::start().await;
    let parts: Vec<_> = (0..100).map(|number| Digest::of(format!("{number}").as_bytes())).collect();
    let whole = ran.signed(ran.index("v1", &parts));
    ran.runs(&whole, &Reported::Nothing).await;
    let before = ran.requests();
    let verdict = ran.runs(&whole, &config(b"x")).await;
    assert!(matches!(verdict, Verdict::Fault(_)) && verdict.reason() == Reason::TooLarge, "{verdict:?}");
    assert_eq!(ran.requests() - before, 65, "the index and 64 parts");
    assert!(is_trusted(&ran.runs(&whole, &manifest(&parts[99])).await), "what is listed is listed");
}

#[tokio::test]
async fn part_of_the_index_that_the_tag_names_now_agrees_also_where_only_the_tag_is_specified() {
    let ran = Ran::start().await;
    let (part, other) = (ran.image("part"), ran.image("other"));
    ran.signed(ran.index("v1", std::slice::from_ref(&part)));
    assert_eq!(ran.says("v1", &manifest(&part)).await.digest(), Some(&part));
    assert_eq!(ran.says("v1", &manifest(&other)).await.reason(), Reason::NoSignature);
    // Signed by a stranger is no lack of a signature.
    ran.images.sign("a", &part, &part, &[&Signer::new()]);
    ran.evaluator.forget();
    assert_eq!(ran.says("v1", &manifest(&part)).await.reason(), Reason::UntrustedSigner);
}

#[tokio::test]
async fn part_of_an_index_that_nobody_signed_is_refused_where_only_the_tag_is_specified() {
    let ran = Ran::start().await;
    let part = ran.image("part");
    ran.index("v1", std::slice::from_ref(&part));
    assert_eq!(ran.says("v1", &manifest(&part)).await.reason(), Reason::NoSignature);
}

#[tokio::test]
async fn a_tag_that_cannot_be_looked_up_leaves_open_whether_its_part_runs() {
    let ran = Ran::start().await;
    let part = ran.image("part");
    ran.signed(ran.index("v1", std::slice::from_ref(&part)));
    ran.images.0.script("/v2/a/manifests/v1", Misbehaviour::Status(502, vec![]));
    assert_eq!(ran.says("v1", &manifest(&part)).await.reason(), Reason::RegistryUnavailable);
    // One that is gone is no outage.
    ran.images.0.behave();
    ran.images.0.remove_tag("a", "v1");
    assert_eq!(ran.says("v1", &manifest(&part)).await.reason(), Reason::NoSignature);
}

#[tokio::test]
async fn bare_config_digest_is_held_against_what_the_tag_names_now() {
    let ran = Ran::start().await;
    let digest = ran.signed(ran.image_with("v1", b"config"));
    assert_eq!(ran.says("v1", &config(b"config")).await.digest(), Some(&digest));
    assert_mismatch(&ran.says("v1", &config(b"other")).await, &digest, &config(b"other"));
}

#[tokio::test]
async fn an_exempt_image_is_not_compared() {
    let ran = Ran::start().await;
    let (digest, other) = (ran.image("v1"), ran.image("v2"));
    let world = World::new().policy("p", &json!([{"name": "all", "images": ["**"], "action": "Allow"}]));
    let snapshot = world.snapshot();
    let policies = snapshot.applicable("shop", &crate::policy::Labels::new());
    let (image, reported) = (ran.images.reference(&format!("a@{digest}")), manifest(&other));
    let question = Question {
        namespace: "shop",
        image: &image,
        digest: Some(&digest),
        policies: &policies,
        pull_secrets: &NoPullSecrets,
        now: chrono::Utc::now(),
        purpose: Purpose::Report(&reported),
        deadline: Instant::now() + Duration::from_secs(5),
    };
    assert_eq!(ran.evaluator.evaluate(question).await.results[0].verdict, Verdict::Exempt { reason: None });
    assert_eq!(ran.requests(), 0);
}
