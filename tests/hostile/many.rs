//! Many hostile images at the same time: what they hold together is the budget, not their number.

use std::time::Duration;

use futures::future::join_all;
use registry_double::Misbehaviour;
use serde_json::json;

use crate::MEMORY;
use crate::row::MIB;
use crate::runner::ALONE;
use crate::testing::{self, Images, Signer, World, client};

const IMAGES: usize = 200;
const NAMESPACES: usize = 8;
/// The common budget for answers, and as much again for what sockets hold, ours and the registry's, and for what is made of answers.
const MOST: usize = 2 * oci::DEFAULT_BYTES;

#[tokio::test]
async fn two_hundred_images_without_end_hold_no_more_than_the_budget() {
    let _alone = ALONE.lock().await;
    let (images, build) = (Images::start().await, Signer::new());
    for number in 0..IMAGES {
        let name = format!("app-{number}");
        let digest = images.push_signed(&name, "v1", &[&build]);
        images.0.script(&format!("/v2/{name}/manifests/sha256-{}.sig", digest.hex()), Misbehaviour::Endless);
    }
    images.push_signed("good", "v1", &[&build]);
    let names: Vec<String> = (0..NAMESPACES).map(|number| format!("team-{number}")).collect();
    let world = names.iter().fold(World::new(), |world, name| world.namespace(name, &[]));
    let world = world.trust_root("build", &[&build]).cosign("release", &images.host(), &["build"]);
    let world = world.policy("p", &json!([{"name": "apps", "images": ["**"], "verify": [{"validator": "release"}]}]));
    let client = client();
    let evaluator = testing::evaluator(client.clone());
    let references: Vec<String> = (0..IMAGES).map(|number| images.reference(&format!("app-{number}:v1"))).collect();

    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let asked = references.iter().zip(names.iter().cycle());
    let decisions =
        join_all(asked.map(|(image, namespace)| testing::ask_in(namespace, &evaluator, &world, image, Duration::from_secs(20)))).await;
    let held = MEMORY.peak_usage().saturating_sub(before);
    println!("{} KiB for {IMAGES} images", held / 1024);
    assert!(decisions.iter().all(bonafide::evaluate::ImageDecision::is_refused));
    assert!(held <= MOST, "{} MiB were held, more than {} MiB", held / MIB, MOST / MIB);
    assert_eq!(client.free_bytes(), oci::DEFAULT_BYTES, "some of the budget was not given back");
    assert!(!testing::ask(&evaluator, &world, &images.reference("good:v1"), Duration::from_secs(8)).await.is_refused());
}
