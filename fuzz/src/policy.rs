//! Our own kinds, as anybody who may create them writes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bonafide::index::{self, Chosen, Inputs, Source, SourceData, SourceKind, SourceRef, compile};
use bonafide::policy::{Kind, ObjectName, Observed};
use chrono::DateTime;
use oci::Reference;
use serde_json::Value;

const OPERATOR: &str = "bonafide-system";
const IMAGES: [&str; 3] =
    ["redis", "registry.example.com/apps/web:v1", "ghcr.io/a/b@sha256:9809ac042b091a8da6897ed084a22e1eb7b3caa6a5863e2472206704fdeb4155"];

/// The bytes are a list of objects in JSON: our kinds, and the Secrets and `ConfigMap`s that they name.
pub fn run(bytes: &[u8]) {
    let Ok(Value::Array(objects)) = serde_json::from_slice(bytes) else { return };
    let mut inputs = Inputs { operator_namespace: OPERATOR.to_owned(), ..Inputs::default() };
    for object in &objects {
        add(&mut inputs, object);
    }
    let (snapshot, findings) = compile(&inputs);
    let again = compile(&inputs);
    assert_eq!(format!("{snapshot:?} {findings:?}"), format!("{:?} {:?}", again.0, again.1), "two answers to one question");
    let observed = inputs.policies.iter().chain(&inputs.validators).chain(&inputs.trust_roots);
    assert_eq!(findings.len(), observed.clone().count(), "an object without a finding");
    for observed in observed {
        let _ = index::fuzzing::check(observed, OPERATOR);
    }
    let policies = || snapshot.cluster.iter().chain(snapshot.tenants.values().flatten());
    assert_eq!(policies().count(), inputs.policies.len(), "a policy that is not in force");
    for policy in policies() {
        for image in IMAGES {
            let image: Reference = image.parse().expect("a reference");
            let invalid = matches!(policy.decide(&image, DateTime::UNIX_EPOCH), Chosen::Invalid(_));
            assert_eq!(invalid, policy.rules.is_err());
        }
    }
    admitted_is_usable(&inputs);
}

/// What the webhook for our kinds lets in is in force, with every rule that could be read.
fn admitted_is_usable(inputs: &Inputs) {
    for observed in inputs.policies.iter().filter(|observed| index::fuzzing::check(observed, OPERATOR).is_empty()) {
        let alone = Inputs { policies: vec![observed.clone()], ..inputs.clone() };
        let (snapshot, _) = compile(&alone);
        let mut policies = snapshot.cluster.iter().chain(snapshot.tenants.values().flatten());
        assert!(policies.all(|policy| policy.rules.is_ok()), "an admitted policy refuses as a whole");
    }
}

fn add(inputs: &mut Inputs, object: &Value) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let name = ObjectName::new(text("/metadata/namespace").unwrap_or(OPERATOR), text("/metadata/name").unwrap_or("x"));
    let source = |kind| SourceRef { kind, name: name.clone() };
    let kind = text("/kind").unwrap_or_default();
    match kind {
        "Secret" => drop(inputs.sources.insert(source(SourceKind::Secret), data(object))),
        "ConfigMap" => drop(inputs.sources.insert(source(SourceKind::ConfigMap), data(object))),
        _ => {}
    }
    let Some(kind) = Kind::from_name(kind) else { return };
    let spec = object.get("spec").cloned().unwrap_or_default();
    let observed = Observed { kind, name, generation: None, created: None, spec };
    match kind {
        Kind::ImagePolicy => inputs.policies.push(observed),
        Kind::Validator => inputs.validators.push(observed),
        Kind::TrustRoot => inputs.trust_roots.push(observed),
    }
}

fn data(object: &Value) -> Source {
    let values = object.get("data").and_then(Value::as_object).into_iter().flatten();
    let data: BTreeMap<_, _> = values.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.as_bytes().to_vec()))).collect();
    Source::Found(Arc::new(SourceData { secret_type: object.get("type").and_then(Value::as_str).map(str::to_owned), data }))
}
