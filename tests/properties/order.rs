//! Compilation sees what was written, never in which order a watch happened to tell it.

use bonafide::index::{Inputs, Source, SourceData, SourceKind, SourceRef, compile};
use bonafide::policy::{Kind, ObjectName, Observed};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::holds;
use super::objects::{OPERATOR_NAMESPACE, SHOP, inputs, object, policy};

const KEYS: [&str; 3] = [
    include_str!("../../crates/cosign/tests/fixtures/p256/key.pub"),
    include_str!("../../crates/cosign/tests/fixtures/p521/key.pub"),
    include_str!("../../crates/cosign/tests/fixtures/ed25519/key.pub"),
];
const PATTERNS: [&str; 6] = ["**", "**:v1", "r.example.com/**", "r.example.com/a:v*", "*.example.com/a", "not a pattern"];
const PLACES: [(&str, &str); 5] =
    [(OPERATOR_NAMESPACE, "release"), (OPERATOR_NAMESPACE, "tests"), (SHOP, "release"), (SHOP, "tests"), ("bank", "release")];
const TRUST_ROOTS: [(&str, &str); 5] =
    [(OPERATOR_NAMESPACE, "build"), (OPERATOR_NAMESPACE, "qa"), (SHOP, "build"), (SHOP, "qa"), ("bank", "build")];

fn key() -> impl Strategy<Value = Value> {
    let reference = |name: &str| json!({"name": name, "key": "key.pub"});
    prop_oneof![
        6 => select(&KEYS[..]).prop_map(|pem| json!({"pem": pem})),
        1 => Just(json!({"secretKeyRef": reference("found")})),
        1 => Just(json!({"secretKeyRef": reference("unread")})),
        1 => Just(json!({"configMapKeyRef": reference("forbidden")})),
        1 => Just(json!({"pem": "no key"})),
    ]
}

fn trust_root() -> impl Strategy<Value = Value> {
    vec(key(), 0..=2).prop_map(|mut keys| {
        for (i, key) in keys.iter_mut().enumerate() {
            key["name"] = json!(format!("k{i}"));
        }
        json!({"keys": keys})
    })
}

fn validator() -> impl Strategy<Value = Value> {
    let roots = vec(select(&["build", "qa", "bonafide-system/build", "gone"][..]), 1..=2);
    let hosts = vec(select(&["r.example.com", "a.example.com:5000", "b.example.com"][..]), 0..=3);
    (roots, hosts, any::<bool>(), any::<bool>()).prop_map(|(roots, hosts, shared, pulls)| {
        let hosts: Vec<_> = hosts.iter().map(|host| json!({"host": host})).collect();
        json!({"cosign": {}, "trustRoots": roots, "shared": shared, "registry": {"podPullSecrets": pulls, "hosts": hosts}})
    })
}

/// For some of the places an object.
fn objects(
    kind: Kind,
    places: &'static [(&'static str, &'static str)],
    spec: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Vec<Observed>> {
    vec(option::weighted(0.8, spec), places.len()).prop_map(move |specs| {
        let written = places.iter().zip(specs).filter_map(|((namespace, name), spec)| Some((namespace, name, spec?)));
        written.map(|(namespace, name, spec)| object(kind, namespace, name, spec)).collect()
    })
}

fn world() -> impl Strategy<Value = Vec<Observed>> {
    let policies: Vec<_> = (0..4).map(|i| policy(format!("p{i}"), &PATTERNS)).collect();
    (policies, objects(Kind::Validator, &PLACES, validator()), objects(Kind::TrustRoot, &TRUST_ROOTS, trust_root()))
        .prop_map(|(policies, validators, roots)| [policies, validators, roots].concat())
}

/// One Secret was read, one `ConfigMap` may not be, another Secret was not read yet.
fn with_sources(objects: Vec<Observed>) -> Inputs {
    let data = [("key.pub".to_owned(), KEYS[0].as_bytes().to_vec())].into();
    let found = Source::Found(std::sync::Arc::new(SourceData { secret_type: None, data }));
    let named = |kind, namespace: &str, name: &str| SourceRef { kind, name: ObjectName::new(namespace, name) };
    let mut inputs = inputs(objects);
    for namespace in [OPERATOR_NAMESPACE, SHOP, "bank"] {
        inputs.sources.insert(named(SourceKind::Secret, namespace, "found"), found.clone());
        inputs.sources.insert(named(SourceKind::ConfigMap, namespace, "forbidden"), Source::Forbidden);
    }
    inputs
}

#[test]
fn compilation_does_not_see_the_order_of_its_inputs() {
    let orders = world().prop_flat_map(|objects| (Just(objects.clone()), Just(objects).prop_shuffle()));
    holds(150, &orders, |(objects, shuffled)| {
        let (snapshot, findings) = compile(&with_sources(objects));
        let (other_snapshot, other_findings) = compile(&with_sources(shuffled));
        prop_assert_eq!(findings, other_findings);
        // The text holds all rules, selectors, keys, hosts and the hashes of requirements: equal texts decide alike.
        prop_assert_eq!(format!("{snapshot:?}"), format!("{other_snapshot:?}"));
        Ok(())
    });
}

#[test]
fn each_object_has_one_finding_whatever_is_wrong_with_it() {
    holds(150, &world(), |objects| {
        let (snapshot, findings) = compile(&with_sources(objects.clone()));
        let named = |kind: Kind, name: &ObjectName| (kind, name.clone());
        let mut written: Vec<_> = objects.iter().map(|object| named(object.kind, &object.name)).collect();
        let mut found: Vec<_> = findings.iter().map(|finding| named(finding.kind, &finding.object)).collect();
        written.sort();
        found.sort();
        prop_assert_eq!(written, found);
        let policies = objects.iter().filter(|object| object.kind == Kind::ImagePolicy).count();
        prop_assert_eq!(snapshot.cluster.len() + snapshot.tenants.values().map(Vec::len).sum::<usize>(), policies);
        Ok(())
    });
}
