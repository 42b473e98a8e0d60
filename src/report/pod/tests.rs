#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use serde_json::json;

use super::*;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn read(pod: serde_json::Value) -> PodFacts {
    PodFacts::of(&serde_json::from_value(pod).unwrap()).unwrap()
}

fn used(place: Place, name: &str, image: &str, reported: Reported) -> PodImage {
    PodImage { location: at(place, name), image: image.to_owned(), reported }
}

fn manifest(repository: &str, digest: &str) -> Reported {
    Reported::Manifest { repository: Some(repository.parse().unwrap()), digest: digest.parse().unwrap() }
}

fn at(place: Place, name: &str) -> Location {
    Location { place, name: name.to_owned() }
}

#[test]
fn every_place_that_names_an_image_is_read() {
    let facts = read(json!({
        "metadata": {"namespace": "shop", "name": "web-1", "uid": "u1", "ownerReferences": [
            {"apiVersion": "v1", "kind": "Other", "name": "o", "uid": "o"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r", "controller": true}
        ]},
        "spec": {
            "containers": [{"name": "main", "image": "a.io/main:1"}],
            "initContainers": [{"name": "setup", "image": "a.io/setup:1"}],
            "ephemeralContainers": [{"name": "debug", "image": "a.io/debug:1"}],
            "volumes": [{"name": "data", "image": {"reference": "a.io/data:1"}}, {"name": "none", "emptyDir": {}}]
        },
        "status": {
            "containerStatuses": [{"name": "main", "image": "x", "imageID": format!("a.io/main@{A}"), "ready": true, "restartCount": 0}],
            "initContainerStatuses": [{"name": "setup", "image": "x", "imageID": B, "ready": true, "restartCount": 0}],
            "ephemeralContainerStatuses": [{"name": "debug", "image": "x", "imageID": format!("docker-pullable://a.io/debug@{B}"), "ready": true, "restartCount": 0}]
        }
    }));
    let expected = PodFacts {
        namespace: "shop".to_owned(),
        name: "web-1".to_owned(),
        uid: "u1".to_owned(),
        workload: Some(Workload { kind: "ReplicaSet".to_owned(), name: "web".to_owned() }),
        images: vec![
            used(Place::Container, "main", "a.io/main:1", manifest("a.io/main", A)),
            used(Place::InitContainer, "setup", "a.io/setup:1", Reported::Config(B.parse().unwrap())),
            used(Place::EphemeralContainer, "debug", "a.io/debug:1", manifest("a.io/debug", B)),
            used(Place::ImageVolume, "data", "a.io/data:1", Reported::Nothing),
        ],
    };
    assert_eq!(facts, expected);
}

#[test]
fn a_container_without_an_image_is_not_passed_over() {
    let facts = read(json!({
        "metadata": {"namespace": "shop", "name": "p", "uid": "u"},
        "spec": {"containers": [{"name": "main"}]}
    }));
    assert_eq!(facts.images, [used(Place::Container, "main", "", Reported::Nothing)]);
}

#[test]
fn what_is_not_stored_is_no_pod() {
    let pod: Pod = serde_json::from_value(json!({"metadata": {"namespace": "shop", "name": "p"}, "spec": {"containers": []}})).unwrap();
    assert_eq!(PodFacts::of(&pod), None);
}

#[test]
fn one_reference_that_runs_as_other_digests_is_other_images() {
    let images = vec![
        used(Place::Container, "a", "a.io/x:1", manifest("a.io/x", A)),
        used(Place::Container, "b", "a.io/x:1", manifest("a.io/x", B)),
        used(Place::EphemeralContainer, "d", "a.io/x:1", Reported::Config(A.parse().unwrap())),
        used(Place::InitContainer, "c", "a.io/x:1", manifest("a.io/x", A)),
    ];
    let facts = PodFacts { namespace: String::new(), name: String::new(), uid: String::new(), workload: None, images };
    let group = |digest: &str, locations: Vec<Location>| ImageGroup {
        image: "a.io/x:1".to_owned(),
        reported: manifest("a.io/x", digest),
        locations,
    };
    let config = ImageGroup { reported: Reported::Config(A.parse().unwrap()), ..group(A, vec![at(Place::EphemeralContainer, "d")]) };
    let expected =
        [group(A, vec![at(Place::Container, "a"), at(Place::InitContainer, "c")]), group(B, vec![at(Place::Container, "b")]), config];
    assert_eq!(facts.groups(), expected);
}

#[test]
fn the_specified_digest_is_verified_before_the_reported_one() {
    let group = |image: String| ImageGroup { image, reported: manifest("a.io/x", B), locations: vec![] };
    assert_eq!(group(format!("a.io/x:1@{A}")).digest(), Some(A.parse().unwrap()));
    assert_eq!(group("a.io/x:1".to_owned()).digest(), Some(B.parse().unwrap()));
    assert_eq!(ImageGroup { reported: Reported::Config(B.parse().unwrap()), ..group("a.io/x:1".to_owned()) }.digest(), None);
    assert_eq!(ImageGroup { reported: Reported::Nothing, ..group("a.io/x:1".to_owned()) }.digest(), None);
}

#[test]
fn a_location_is_short_in_lists_and_plain_in_sentences() {
    let both = |place| (at(place, "x").to_string(), at(place, "x").in_words());
    let pair = |short: &str, long: &str| (short.to_owned(), long.to_owned());
    assert_eq!(both(Place::Container), pair("x", "container x"));
    assert_eq!(both(Place::InitContainer), pair("init:x", "init container x"));
    assert_eq!(both(Place::EphemeralContainer), pair("ephemeral:x", "ephemeral container x"));
    assert_eq!(both(Place::ImageVolume), pair("volume:x", "image volume x"));
}
