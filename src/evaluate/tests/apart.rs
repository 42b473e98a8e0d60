//! What stays apart: namespaces, images that are asked for at the same time, and rules that need nobody.

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn edits_of_one_namespace_leave_the_verdicts_of_others_known() {
    let (images, build) = (Images::start().await, Signer::new());
    images.push_signed("a", "v1", &[&build]);
    let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    let (evaluator, image) = (evaluator(), images.reference("a:v1"));
    assert!(!ask(&evaluator, &world, &image).await.is_refused());
    let before = images.0.requests().len();
    for edit in 0..50 {
        let other = Signer::new();
        let edited = world.clone().trust_root("bank/build", &[&other]).cosign("bank/release", &format!("r{edit}.example.com"), &["build"]);
        let edited = edited.policy("bank/p", &rules(&json!({"validator": "release"})));
        assert!(!ask(&evaluator, &edited, &image).await.is_refused());
    }
    assert_eq!(images.0.requests().len(), before);
}

#[tokio::test]
async fn images_that_are_asked_for_at_the_same_time_get_their_own_digests() {
    let (images, build) = (Images::start().await, Signer::new());
    let digests: Vec<_> = (0..100).map(|number| images.push_signed(&format!("a{number}"), "v1", &[&build])).collect();
    let world = World::new().trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &rules(&json!({"validator": "release"})));
    let (evaluator, world, images) = (&evaluator(), &world, &images);
    for _ in 0..2 {
        let asked = (0..100).map(|number| async move { ask(evaluator, world, &images.reference(&format!("a{number}:v1"))).await });
        let answers = join_all(asked).await;
        assert!(answers.iter().map(ImageDecision::digest).eq(digests.iter().map(Some)));
    }
}

#[tokio::test]
async fn a_rule_that_verifies_nothing_asks_no_registry() {
    let images = Images::start().await;
    let host = images.host();
    let world = World::new().trust_root("build", &[&Signer::new()]).cosign("release", &host, &["build"]);
    let allowed = json!({"name": "allowed", "images": [format!("{host}/allowed/**")], "action": "Allow"});
    let denied = json!({"name": "denied", "images": [format!("{host}/denied/**")], "action": "Deny"});
    let verified = json!({"name": "rest", "images": ["**"], "verify": [{"validator": "release"}]});
    let world = world.policy("p", &json!([allowed, denied, verified]));
    let verdict = async |image: &str| verdict(&world, &images.reference(image)).await.reason();
    assert_eq!((verdict("allowed/a:v1").await, verdict("denied/a:v1").await), (Reason::Exempt, Reason::DeniedByRule));
    assert_eq!(images.0.requests().len(), 0);
    assert_eq!((verdict("a:v1").await, images.0.requests().is_empty()), (Reason::ImageNotFound, false));
}
