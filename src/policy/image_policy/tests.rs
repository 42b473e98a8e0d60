#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::json;

use super::*;
use crate::policy::{Kind, ObjectName};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn read_in(namespace: &str, spec: &Value) -> ParsedPolicy {
    let observed =
        Observed { kind: Kind::ImagePolicy, name: ObjectName::new(namespace, "p"), generation: None, created: None, spec: spec.clone() };
    parse(&observed, "bonafide-system")
}

fn with_rule(rule: &Value) -> ParsedPolicy {
    read_in("bonafide-system", &json!({"mode": "Warn", "unmatched": "Deny", "rules": [rule]}))
}

fn problems(parsed: &ParsedPolicy) -> Vec<String> {
    parsed.problems().iter().map(ToString::to_string).collect()
}

fn selects(rule: &Value, image: &str) -> bool {
    with_rule(rule).policy.unwrap().rules[0].selects(&image.parse().unwrap(), "2026-11-21T00:00:00Z".parse().unwrap())
}

#[test]
fn a_misspelt_field_of_a_rule_makes_only_that_rule_refuse() {
    let parsed = with_rule(&json!({"name": "a", "images": ["**"], "verify": [{"validator": "v", "treshold": 2}]}));
    let rule = &parsed.policy.as_ref().unwrap().rules[0];
    assert!(matches!(rule.body, Body::Invalid(_)));
    assert!(problems(&parsed)[0].starts_with("spec.rules[0].verify[0].treshold: unknown field `treshold`"), "{:?}", problems(&parsed));
}

#[test]
fn a_misspelt_field_of_the_policy_makes_all_of_it_refuse_because_it_may_be_the_selector() {
    let parsed = read_in(
        "bonafide-system",
        &json!({"namespaceSelctor": {}, "mode": "Warn", "unmatched": "Deny", "rules": [{"name": "a", "images": ["**"], "action": "Allow"}]}),
    );
    assert!(parsed.policy.is_err());
    assert_eq!(parsed.mode, Mode::Warn);
}

#[test]
fn more_than_five_hundred_rules_make_the_policy_refuse() {
    let rules = |count: usize| {
        let rule = |number| json!({"name": format!("r{number}"), "images": ["r.example.com/a"], "action": "Deny"});
        json!({"mode": "Enforce", "unmatched": "Deny", "rules": (0..count).map(rule).collect::<Vec<_>>()})
    };
    assert_eq!(problems(&read_in("shop", &rules(500))), Vec::<String>::new());
    let more = read_in("shop", &rules(501));
    assert!(more.policy.is_err() && problems(&more)[0].starts_with("spec.rules: "), "{:?}", problems(&more));
}

#[test]
fn an_unreadable_mode_is_enforce() {
    assert_eq!(read_in("shop", &json!({"mode": "enforced"})).mode, Mode::Enforce);
    assert_eq!(read_in("shop", &json!(7)).mode, Mode::Enforce);
}

#[test]
fn an_unreadable_pattern_makes_the_whole_policy_refuse() {
    let parsed = with_rule(&json!({"name": "a", "images": ["redis"], "action": "Allow"}));
    assert!(parsed.policy.is_err());
    assert!(problems(&parsed)[0].starts_with("spec.rules[0].images[0]: at position 0: a pattern names its host"));
}

#[test]
fn empty_requirement_refuses() {
    for rule in [
        json!({"name": "a", "images": ["**"], "verify": []}),
        json!({"name": "a", "images": ["**"], "verify": [{"validator": "v"}], "atLeast": 0}),
        json!({"name": "a", "images": ["**"], "verify": [{"validator": "v", "threshold": 0}]}),
        json!({"name": "a", "images": ["**"], "verify": [{"validator": "v", "trustRoots": []}]}),
        json!({"name": "a", "images": ["**"], "verify": [{"validator": "v", "required": []}]}),
        json!({"name": "a", "images": ["**"]}),
    ] {
        let parsed = with_rule(&rule);
        assert!(matches!(parsed.policy.as_ref().unwrap().rules[0].body, Body::Invalid(_)), "{rule}");
    }
    for rule in [json!({"name": "a", "images": [], "action": "Allow"}), json!({"name": "a", "action": "Allow"})] {
        assert!(with_rule(&rule).policy.is_err(), "{rule}");
    }
    assert!(read_in("shop", &json!({"mode": "Warn", "unmatched": "Allow", "rules": []})).policy.is_err());
}

#[test]
fn counts_cannot_exceed_what_is_counted() {
    let parsed =
        with_rule(&json!({"name": "a", "images": ["**"], "verify": [{"validator": "v", "trustRoots": ["x", "y"], "threshold": 3}]}));
    assert_eq!(problems(&parsed), ["spec.rules[0].verify[0].threshold: must be between 1 and 2"]);
    let parsed = with_rule(&json!({"name": "a", "images": ["**"], "verify": [{"validator": "v", "trustRoots": ["x"], "required": ["y"]}]}));
    assert_eq!(problems(&parsed), ["spec.rules[0].verify[0].required: bonafide-system/y is not among the trust roots of this entry"]);
}

#[test]
fn options_that_mean_nothing_are_errors() {
    let parsed = with_rule(&json!({"name": "a", "images": ["**"], "action": "Deny", "until": "2026-12-01T00:00:00Z", "atLeast": 1}));
    assert_eq!(
        problems(&parsed),
        ["spec.rules[0].until: means nothing without action: Allow", "spec.rules[0].atLeast: means nothing without verify"]
    );
    let parsed = with_rule(&json!({"name": "a", "images": ["**"], "action": "Allow", "message": "no"}));
    assert_eq!(problems(&parsed), ["spec.rules[0].message: means nothing without action: Deny"]);
}

#[test]
fn only_the_operator_namespace_selects_namespaces() {
    let spec =
        json!({"mode": "Warn", "unmatched": "Deny", "namespaceSelector": {}, "rules": [{"name": "a", "images": ["**"], "action": "Deny"}]});
    assert!(read_in("bonafide-system", &spec).policy.is_ok());
    assert_eq!(problems(&read_in("shop", &spec)), ["spec.namespaceSelector: can only be set in the operator namespace"]);
}

#[test]
fn allow_by_tag_ignores_foreign_digest() {
    let allow = json!({"name": "a", "images": ["r.example.com/a:v1"], "action": "Allow"});
    assert!(selects(&allow, "r.example.com/a:v1"));
    assert!(!selects(&allow, &format!("r.example.com/a:v1@{DIGEST}")));
}

#[test]
fn deny_by_tag_matches_beside_a_digest_too() {
    let deny = json!({"name": "a", "images": ["**:latest"], "action": "Deny"});
    assert!(selects(&deny, &format!("r.example.com/a:latest@{DIGEST}")));
}

#[test]
fn an_exception_by_tag_lets_no_digest_out_of_a_verify_rule() {
    let verify = json!({"name": "a", "images": ["r.example.com/**"], "except": ["**:dev"], "verify": [{"validator": "v"}]});
    assert!(!selects(&verify, "r.example.com/a:dev"));
    assert!(selects(&verify, &format!("r.example.com/a:dev@{DIGEST}")));
}

#[test]
fn an_exemption_ends() {
    let until = |time: &str| json!({"name": "a", "images": ["**"], "action": "Allow", "until": time});
    assert!(selects(&until("2026-11-21T00:00:01Z"), "redis"));
    assert!(!selects(&until("2026-11-21T00:00:00Z"), "redis"));
    let parsed = with_rule(&until("tomorrow"));
    assert_eq!(problems(&parsed), ["spec.rules[0].until: is not a time such as 2026-12-01T00:00:00Z"]);
}
