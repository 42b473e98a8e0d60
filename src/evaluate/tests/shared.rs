//! What is asked once for many, and what is remembered.

use futures::future::join_all;
use registry_double::{Kind, ReferrersApi};

use super::*;

fn verifying(images: &Images, signer: &Signer) -> World {
    let world = World::new().trust_root("build", &[signer]).cosign("release", &images.host(), &["build"]);
    world.policy("p", &rules(&json!({"validator": "release"})))
}

#[tokio::test]
async fn a_thousand_pods_of_one_unseen_tag_are_one_verification() {
    let (images, build) = (Images::start().await, Signer::new());
    images.push_signed("a", "v0", &[&build]);
    let digest = images.push_signed("a", "v1", &[&build]);
    let (world, evaluator) = (verifying(&images, &build), evaluator());
    ask(&evaluator, &world, &images.reference("a:v0")).await;
    let before = images.0.requests().len();
    let (world, image) = (&world, images.reference("a:v1"));
    let answers = join_all((0..1000).map(|_| ask(&evaluator, world, &image))).await;
    assert!(answers.iter().all(|decision| decision.digest() == Some(&digest)));
    assert_eq!(images.0.requests().len() - before, 3, "the tag, the manifest with its signature, the payload");
}

#[tokio::test]
async fn a_tag_that_moved_a_moment_ago_runs_what_was_verified_or_nothing() {
    let (images, build) = (Images::start().await, Signer::new());
    let digest = images.push_signed("a", "v1", &[&build]);
    let (world, evaluator) = (verifying(&images, &build), evaluator());
    ask(&evaluator, &world, &images.reference("a:v1")).await;
    images.push("a", "v1", "unsigned");
    assert_eq!(ask(&evaluator, &world, &images.reference("a:v1")).await.digest(), Some(&digest));
    evaluator.forget();
    assert_eq!(ask(&evaluator, &world, &images.reference("a:v1")).await.results[0].verdict.reason(), Reason::NoSignature);
}

#[tokio::test]
async fn a_tag_that_could_not_be_looked_up_is_asked_for_again() {
    let (images, build) = (Images::start().await, Signer::new());
    let (world, evaluator) = (verifying(&images, &build), evaluator());
    let image = images.reference("a:v1");
    assert_eq!(ask(&evaluator, &world, &image).await.results[0].verdict.reason(), Reason::ImageNotFound);
    images.push_signed("a", "v1", &[&build]);
    assert!(!ask(&evaluator, &world, &image).await.is_refused());
}

#[tokio::test]
async fn signature_pushed_after_refusal_admits() {
    let (images, build) = (Images::start().await, Signer::new());
    let digest = images.push("a", "v1", "signed later");
    let (world, evaluator) = (verifying(&images, &build), evaluator());
    let image = images.reference("a:v1");
    assert_eq!(ask(&evaluator, &world, &image).await.results[0].verdict.reason(), Reason::NoSignature);
    images.sign("a", &digest, &digest, &[&build]);
    evaluator.forget();
    assert_eq!(ask(&evaluator, &world, &image).await.digest(), Some(&digest));
}

#[tokio::test]
async fn signatures_in_another_place_than_the_usual_one_count_as_much() {
    let (images, build, qa) = (Images::start().await, Signer::new(), Signer::new());
    images.0.serve_referrers(ReferrersApi::default());
    images.push_signed("a", "legacy", &[&build]);
    let bundled = images.push("a", "bundled", "signed by bundle");
    images.sign_by_bundle("a", &bundled, &build);
    let both = images.push_signed("a", "both", &[&build]);
    images.sign_by_bundle("a", &both, &qa);
    let one = verifying(&images, &build);
    let two = World::new().trust_root("build", &[&build]).trust_root("qa", &[&qa]);
    let two = two.cosign("release", &images.host(), &["build", "qa"]).policy("p", &rules(&json!({"validator": "release"})));
    // Each is usual for the next one.
    for usual in ["a:legacy", "a:bundled"] {
        let evaluator = evaluator();
        for (world, image) in [(&one, usual), (&one, "a:bundled"), (&one, "a:legacy"), (&one, usual), (&two, "a:both")] {
            let decision = ask(&evaluator, world, &images.reference(image)).await;
            assert!(!decision.is_refused(), "{usual}, {image}: {:?}", decision.results[0].verdict);
        }
    }
}

#[tokio::test]
async fn a_known_place_of_signatures_saves_requests_and_an_unsigned_image_is_looked_for_everywhere() {
    let (images, build) = (Images::start().await, Signer::new());
    images.push_signed("a", "v1", &[&build]);
    images.push("a", "unsigned", "unsigned");
    let (world, evaluator) = (verifying(&images, &build), evaluator());
    ask(&evaluator, &world, &images.reference("a:v1")).await;
    let (manifests, referrers) = (images.0.count(Kind::Manifest), images.0.count(Kind::Referrers));
    assert!(ask(&evaluator, &world, &images.reference("a:unsigned")).await.is_refused());
    // The tag, the tag of signatures, the tag of referrers, and whether the image exists at all.
    assert_eq!(images.0.count(Kind::Manifest) - manifests, 4);
    // That this repository lists none was found out before.
    assert_eq!(images.0.count(Kind::Referrers) - referrers, 0);
}
