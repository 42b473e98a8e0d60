//! Reading references and policies, choosing a rule, compiling a cluster's policies.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark that cannot start says so and ends")]

use std::hint::black_box;
use std::time::Duration;

use bonafide::index::{Chosen, CompiledPolicy, Inputs, Readiness, compile};
use bonafide::policy::{Kind, ObjectName, Observed};
use criterion::{Criterion, criterion_group, criterion_main};
use oci::Reference;
use serde_json::{Value, json};

const OPERATOR_NAMESPACE: &str = "bonafide-system";
const KEY: &str = include_str!("../crates/cosign/tests/fixtures/p256/key.pub");
const IMAGE: &str =
    "registry.example.com/team-500/web/frontend:v1.2.3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What people write: whole teams, single repositories, endings, tags, other hosts.
fn usual_pattern(i: usize) -> String {
    match i % 5 {
        0 => format!("registry.example.com/team-{i}/**"),
        1 => format!("registry.example.com/team-{i}/web/frontend"),
        2 => format!("registry.example.com/*/service-{i}"),
        3 => format!("registry.example.com/team-{i}/*:v1.*"),
        _ => format!("*.region-{i}.example.com/**"),
    }
}

/// Nothing literal at either end to stop at.
fn worst_pattern(i: usize) -> String {
    format!("*.example.com/**/*web*/front*end-{i}*")
}

fn rules(count: usize, pattern: fn(usize) -> String) -> Vec<Value> {
    let rule = |i| json!({"name": format!("rule-{i}"), "images": [pattern(i)], "verify": [{"validator": "release"}]});
    (0..count).map(rule).collect()
}

fn object(kind: Kind, namespace: &str, name: &str, spec: Value) -> Observed {
    Observed { kind, name: ObjectName::new(namespace, name), generation: Some(1), created: None, spec }
}

fn policy(namespace: &str, name: &str, rules: &[Value]) -> Observed {
    object(Kind::ImagePolicy, namespace, name, json!({"mode": "Enforce", "unmatched": "Deny", "rules": rules}))
}

/// The policies, and for each namespace the validator and the trust root that they name.
fn inputs(namespaces: &[String], policies: Vec<Observed>) -> Inputs {
    let validator = json!({"cosign": {}, "trustRoots": ["build"], "registry": {"hosts": [{"host": "registry.example.com"}]}});
    let trust_root = json!({"keys": [{"name": "k", "pem": KEY}]});
    let each = |kind, name: &str, spec: &Value| namespaces.iter().map(|namespace| object(kind, namespace, name, spec.clone())).collect();
    Inputs {
        operator_namespace: OPERATOR_NAMESPACE.to_owned(),
        validators: each(Kind::Validator, "release", &validator),
        trust_roots: each(Kind::TrustRoot, "build", &trust_root),
        policies,
        ..Inputs::default()
    }
}

fn one_policy(rules: &[Value]) -> Inputs {
    inputs(&[OPERATOR_NAMESPACE.to_owned()], vec![policy(OPERATOR_NAMESPACE, "p", rules)])
}

fn parse(criterion: &mut Criterion) {
    criterion.bench_function("parse/reference", |bencher| bencher.iter(|| black_box(IMAGE).parse::<Reference>()));
    let inputs = one_policy(&rules(20, usual_pattern));
    criterion.bench_function("parse/policy_of_20_rules", |bencher| bencher.iter(|| compile(&inputs)));
}

fn choose(criterion: &mut Criterion) {
    let (reference, now) = (IMAGE.parse::<Reference>().expect("a reference"), chrono::Utc::now());
    let is_chosen = |policy: &CompiledPolicy| matches!(policy.decide(black_box(&reference), now), Chosen::Rule(_));
    for (name, pattern) in [("match/500_rules", usual_pattern as fn(usize) -> String), ("match/500_worst_rules", worst_pattern)] {
        let (snapshot, findings) = compile(&one_policy(&rules(500, pattern)));
        assert!(findings.iter().all(|finding| finding.readiness == Readiness::Ready));
        let policy = snapshot.cluster.first().expect("a policy");
        // No rule matches, so all are tried.
        assert!(!is_chosen(policy));
        criterion.bench_function(name, |bencher| bencher.iter(|| is_chosen(policy)));
    }
}

/// 20 namespaces of 50 policies of 5 rules.
fn compile_all(criterion: &mut Criterion) {
    let namespaces: Vec<_> = (0..20).map(|i| format!("team-{i}")).collect();
    let rules = rules(5, usual_pattern);
    let of = |namespace: &String| (0..50).map(|i| policy(namespace, &format!("policy-{i}"), &rules)).collect::<Vec<_>>();
    let inputs = inputs(&namespaces, namespaces.iter().flat_map(of).collect());
    let (snapshot, findings) = compile(&inputs);
    assert!(findings.iter().all(|finding| finding.readiness == Readiness::Ready));
    assert_eq!(snapshot.tenants.values().map(Vec::len).sum::<usize>(), 1000);
    criterion.bench_function("compile/1000_policies", |bencher| bencher.iter(|| compile(&inputs)));
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).sample_size(50);
    targets = parse, choose, compile_all
}
criterion_main!(benches);
