//! Objects as people write them: mostly readable, sometimes not, and with names that often meet.

use bonafide::index::Inputs;
use bonafide::policy::{Kind, ObjectName, Observed};
use chrono::DateTime;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

pub(crate) const OPERATOR_NAMESPACE: &str = "bonafide-system";
/// The namespace of the pods in question.
pub(crate) const SHOP: &str = "shop";
const NAMESPACES: [&str; 4] = [OPERATOR_NAMESPACE, OPERATOR_NAMESPACE, SHOP, "bank"];
/// Written `NAME` and `bonafide-system/NAME`; some of them do not exist.
const VALIDATORS: [&str; 5] = ["release", "tests", "bonafide-system/release", "bonafide-system/tests", "gone"];
const TRUST_ROOTS: [&str; 4] = ["build", "qa", "bonafide-system/build", "gone"];

/// Everything that people wrote, with two labelled namespaces.
pub(crate) fn inputs(objects: impl IntoIterator<Item = Observed>) -> Inputs {
    let labels = |tier: &str| [("tier".to_owned(), tier.to_owned())].into();
    let namespaces = [(SHOP.to_owned(), labels("production")), ("bank".to_owned(), labels("test"))].into();
    let mut inputs =
        Inputs { operator_namespace: OPERATOR_NAMESPACE.to_owned(), namespaces: std::sync::Arc::new(namespaces), ..Inputs::default() };
    for object in objects {
        match object.kind {
            Kind::ImagePolicy => inputs.policies.push(object),
            Kind::Validator => inputs.validators.push(object),
            Kind::TrustRoot => inputs.trust_roots.push(object),
        }
    }
    inputs
}

/// An object that was there from the beginning.
pub(crate) fn object(kind: Kind, namespace: &str, name: &str, spec: Value) -> Observed {
    Observed { kind, name: ObjectName::new(namespace, name), generation: Some(1), created: None, spec }
}

/// A policy with this name, somewhere, made sometime.
pub(crate) fn policy(name: String, patterns: &'static [&'static str]) -> impl Strategy<Value = Observed> {
    let settings = (select(&["Enforce", "Enforce", "Warn", "Audit"][..]), select(&["Allow", "Deny"][..]), selector());
    let answers = (select(&["Never", "Pods", "All"][..]), select(&["Deny", "UseLastVerdict"][..]));
    let place = (select(&NAMESPACES[..]), option::of(0..3_i64));
    (settings, answers, place, vec(rule(patterns), 1..=3)).prop_map(move |(settings, (pin, on_fault), (namespace, created), rules)| {
        let (mode, unmatched, selector) = settings;
        let rules: Vec<Value> = rules.into_iter().enumerate().map(|(i, rule)| with(rule, "name", json!(format!("r{i}")))).collect();
        let spec = json!({"mode": mode, "unmatched": unmatched, "pin": pin, "onFault": on_fault, "rules": rules});
        // A tenant's policy with a selector cannot be used at all: seldom enough to leave something to be judged.
        let spec = if namespace == OPERATOR_NAMESPACE || pin == "Never" { with(spec, "namespaceSelector", selector) } else { spec };
        let created = created.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        Observed { created, ..object(Kind::ImagePolicy, namespace, &name, spec) }
    })
}

fn selector() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => Just(Value::Null),
        2 => Just(json!({"matchLabels": {"tier": "production"}})),
        1 => Just(json!({"matchLabels": {"tier": "test"}})),
        1 => Just(json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["sandbox"]}]})),
        1 => Just(json!({"matchLabel": {"tier": "test"}})),
    ]
}

fn rule(patterns: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let images = vec(select(patterns), 1..=2);
    let except = option::weighted(0.3, vec(select(patterns), 1..=1));
    (images, except, body()).prop_map(|(images, except, body)| with(with(body, "images", json!(images)), "except", json!(except)))
}

fn body() -> impl Strategy<Value = Value> {
    let until = select(&["2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z", "tomorrow"][..]);
    let entries = (vec(entry(), 1..=2), option::weighted(0.3, 1..3));
    prop_oneof![
        3 => Just(json!({"action": "Allow"})),
        1 => until.prop_map(|until| json!({"action": "Allow", "until": until})),
        2 => Just(json!({"action": "Deny"})),
        6 => entries.prop_map(|(entries, at_least)| with(json!({"verify": entries}), "atLeast", json!(at_least))),
        1 => Just(json!({"action": "Allow", "verify": [{"validator": "release"}]})),
    ]
}

fn entry() -> impl Strategy<Value = Value> {
    let roots = option::weighted(0.3, vec(select(&TRUST_ROOTS[..]), 1..=2));
    (select(&VALIDATORS[..]), roots, option::weighted(0.2, 1..3)).prop_map(|(validator, roots, threshold)| {
        with(with(json!({"validator": validator}), "trustRoots", json!(roots)), "threshold", json!(threshold))
    })
}

/// The object with one more field, unless there is nothing to put there.
fn with(mut object: Value, field: &str, value: Value) -> Value {
    if let (Some(fields), false) = (object.as_object_mut(), value.is_null()) {
        fields.insert(field.to_owned(), value);
    }
    object
}
