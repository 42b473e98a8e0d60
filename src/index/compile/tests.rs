#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod requirements;

use serde_json::json;

use crate::crd::{Mode, Unmatched};
use crate::index::{Chosen, Demand, Readiness, Snapshot, Source, SourceKind, SourceRef, UnreadyReason, Warning, capped};
use crate::policy::{Kind, ObjectName, Scheme};
use crate::testing::{Signer, World};

fn release(world: World) -> World {
    world.cosign("release", "r.example.com", &["build"]).trust_root("build", &[&Signer::new()])
}

fn verify(validator: &str) -> serde_json::Value {
    json!([{"name": "apps", "images": ["r.example.com/**"], "verify": [{"validator": validator}]}])
}

fn problems(finding: &crate::index::Finding) -> (UnreadyReason, Vec<String>) {
    match &finding.readiness {
        Readiness::Unready(reason, problems) => (*reason, problems.iter().map(ToString::to_string).collect()),
        Readiness::Ready => panic!("{finding:?}"),
    }
}

fn policy_problems(world: &World) -> (UnreadyReason, Vec<String>) {
    problems(&world.finding(Kind::ImagePolicy, "p"))
}

fn demand<'a>(snapshot: &'a Snapshot, image: &str) -> Option<&'a Demand> {
    match snapshot.cluster[0].decide(&image.parse().unwrap(), chrono::Utc::now()) {
        Chosen::Rule(rule) => Some(&rule.demand),
        Chosen::Unmatched(_) | Chosen::Invalid(_) => None,
    }
}

fn applicable(snapshot: &Snapshot, namespace: &str) -> Vec<String> {
    let labels = snapshot.namespaces.get(namespace).cloned().unwrap_or_default();
    snapshot.applicable(namespace, &labels).iter().map(|policy| policy.name.to_string()).collect()
}

#[test]
fn a_policy_compiles_into_requirements() {
    let world = release(World::new()).policy("p", &verify("release"));
    assert_eq!(world.finding(Kind::ImagePolicy, "p").readiness, Readiness::Ready);
    let snapshot = world.snapshot();
    let Some(Demand::Verify { requirements, at_least: 1 }) = demand(&snapshot, "r.example.com/a") else { panic!() };
    let Scheme::Cosign(cosign) = &requirements[0].scheme else { panic!() };
    assert_eq!((cosign.threshold, cosign.roots[0].name.to_string()), (1, "bonafide-system/build".to_owned()));
    assert!(demand(&snapshot, "other.example.com/a").is_none());
}

#[test]
fn the_first_matching_rule_decides_and_except_falls_through() {
    let world = World::new().policy(
        "p",
        &json!([
            {"name": "apps", "images": ["r.example.com/apps/**"], "except": ["r.example.com/apps/sandbox/**"], "action": "Allow"},
            {"name": "rest", "images": ["r.example.com/**"], "action": "Deny", "message": "not here"},
        ]),
    );
    let snapshot = world.snapshot();
    assert!(matches!(demand(&snapshot, "r.example.com/apps/a"), Some(Demand::Allow { .. })));
    assert!(matches!(demand(&snapshot, "r.example.com/apps/sandbox/a"), Some(Demand::Deny { .. })));
}

#[test]
fn what_is_missing_refuses_and_says_so() {
    let rules = verify("release");
    let world = World::new().policy("p", &rules);
    let missing = "spec.rules[0].verify[0].validator: Validator bonafide-system/release does not exist".to_owned();
    assert_eq!(policy_problems(&world), (UnreadyReason::Unresolved, vec![missing]));
    assert!(matches!(demand(&world.snapshot(), "r.example.com/a"), Some(Demand::Refuse(_))));
    let world = World::new().cosign("release", "r.example.com", &["build"]).policy("p", &rules);
    assert_eq!(
        problems(&world.finding(Kind::Validator, "release")),
        (UnreadyReason::Unresolved, vec!["spec.trustRoots[0]: TrustRoot bonafide-system/build does not exist".to_owned()])
    );
    assert!(matches!(demand(&world.snapshot(), "r.example.com/a"), Some(Demand::Refuse(_))));
}

#[test]
fn a_rule_that_cannot_be_used_leaves_the_others_alone() {
    let world = release(World::new()).policy(
        "p",
        &json!([
            {"name": "broken", "images": ["r.example.com/broken"], "verify": [{"validator": "release", "treshold": 1}]},
            {"name": "apps", "images": ["r.example.com/**"], "verify": [{"validator": "release"}]},
        ]),
    );
    let snapshot = world.snapshot();
    assert!(matches!(demand(&snapshot, "r.example.com/broken"), Some(Demand::Refuse(_))));
    assert!(matches!(demand(&snapshot, "r.example.com/a"), Some(Demand::Verify { .. })));
}

#[test]
fn a_broken_selector_refuses_the_widest_scope() {
    let settings = json!({"mode": "Warn", "unmatched": "Deny", "namespaceSelector": {"matchLabel": {"tier": "production"}}});
    let world = World::new().policy_with("p", &settings, &json!([{"name": "a", "images": ["**"], "action": "Allow"}]));
    let snapshot = world.snapshot();
    assert_eq!(applicable(&snapshot, "shop"), ["bonafide-system/p"]);
    let policy = &snapshot.cluster[0];
    assert_eq!(policy.mode, Mode::Warn);
    assert!(matches!(policy.decide(&"redis".parse().unwrap(), chrono::Utc::now()), Chosen::Invalid(_)));
}

#[test]
fn policies_apply_by_namespace_and_label() {
    let rules = json!([{"name": "a", "images": ["**"], "action": "Deny"}]);
    let selected = json!({"mode": "Enforce", "unmatched": "Deny", "namespaceSelector": {"matchLabels": {"tier": "production"}}});
    let world = World::new()
        .namespace("web", &[("tier", "production")])
        .policy("everywhere", &rules)
        .policy_with("production", &selected, &rules)
        .policy("shop/own", &rules);
    let snapshot = world.snapshot();
    assert_eq!(applicable(&snapshot, "web"), ["bonafide-system/everywhere", "bonafide-system/production"]);
    assert_eq!(applicable(&snapshot, "shop"), ["bonafide-system/everywhere", "shop/own"]);
    assert_eq!(applicable(&snapshot, "bank"), ["bonafide-system/everywhere"]);
    assert_eq!(applicable(&snapshot, "kube-system"), Vec::<String>::new());
}

#[test]
fn a_tenant_uses_only_what_is_shared_and_without_its_credentials() {
    let hosts = json!([{"host": "r.example.com", "credentialsRef": {"name": "regcred"}}]);
    let shared = |shared: bool| json!({"cosign": {}, "shared": shared, "trustRoots": ["build"], "registry": {"hosts": hosts}});
    let config = r#"{"auths": {"r.example.com": {"username": "u", "password": "p"}}}"#;
    let world = |is_shared| {
        World::new()
            .validator("release", &shared(is_shared))
            .trust_root("build", &[&Signer::new()])
            .secret("regcred", ".dockerconfigjson", config)
            .policy("p", &verify("release"))
            .policy("shop/p", &verify("bonafide-system/release"))
    };
    let refused = problems(&world(false).finding(Kind::ImagePolicy, "shop/p"));
    let not_shared = "spec.rules[0].verify[0].validator: Validator bonafide-system/release is not shared with other namespaces";
    assert_eq!(refused, (UnreadyReason::Unresolved, vec![not_shared.to_owned()]));

    let snapshot = world(true).snapshot();
    let keyring = |policy: &crate::index::CompiledPolicy| match &policy.rules.as_ref().unwrap()[0].demand {
        Demand::Verify { requirements, .. } => requirements[0].registry.grants.access().keyring.clone(),
        other => panic!("{other:?}"),
    };
    assert!(!keyring(&snapshot.cluster[0]).is_empty());
    assert!(keyring(&snapshot.tenants["shop"][0]).is_empty());
}

#[test]
fn a_validators_own_trust_roots_are_those_of_its_namespace() {
    let (ours, theirs) = (Signer::new(), Signer::new());
    let world = World::new()
        .validator("release", &json!({"cosign": {}, "shared": true, "trustRoots": ["build"]}))
        .trust_root("build", &[&ours])
        .trust_root("shop/build", &[&theirs])
        .policy("shop/p", &verify("bonafide-system/release"));
    let snapshot = world.snapshot();
    let Demand::Verify { requirements, .. } = &snapshot.tenants["shop"][0].rules.as_ref().unwrap()[0].demand else { panic!() };
    let Scheme::Cosign(cosign) = &requirements[0].scheme else { panic!() };
    assert_eq!(cosign.roots[0].name, ObjectName::new("bonafide-system", "build"));
}

#[test]
fn key_in_two_roots_counts_once() {
    let (one, two) = (Signer::new(), Signer::new());
    let world = World::new()
        .cosign("release", "r.example.com", &["build", "qa"])
        .trust_root("build", &[&one])
        .trust_root("qa", &[&two, &one])
        .policy("p", &verify("release"));
    let (reason, problems) = policy_problems(&world);
    assert_eq!(reason, UnreadyReason::Invalid);
    assert!(
        problems[0].starts_with("spec.rules[0].verify[0].trustRoots: bonafide-system/build and bonafide-system/qa share the key SHA256:")
    );
    assert!(matches!(demand(&world.snapshot(), "r.example.com/a"), Some(Demand::Refuse(_))));
    let warnings = world.finding(Kind::TrustRoot, "build").warnings;
    assert_eq!(warnings, [Warning::KeyShared { key: "k0".to_owned(), with: ObjectName::new("bonafide-system", "qa") }]);
}

#[test]
fn one_key_satisfies_no_two_entries_of_which_only_some_must_pass() {
    let signer = Signer::new();
    let world = World::new().cosign("a", "r.example.com", &["build"]).cosign("b", "r.example.com", &["other"]);
    let world = world.trust_root("build", &[&signer]).trust_root("other", &[&signer]);
    let entries = json!([{"validator": "a"}, {"validator": "b"}, {"validator": "a"}]);
    let world = world.policy("p", &json!([{"name": "apps", "images": ["**"], "verify": entries, "atLeast": 2}]));
    assert!(policy_problems(&world).1[0].starts_with("spec.rules[0].atLeast: "));
}

#[test]
fn a_threshold_over_the_validators_own_list_is_checked_too() {
    let world = release(World::new())
        .policy("p", &json!([{"name": "apps", "images": ["**"], "verify": [{"validator": "release", "threshold": 2}]}]));
    assert_eq!(policy_problems(&world).1, ["spec.rules[0].verify[0].threshold: must be between 1 and 1"]);
}

#[test]
fn keys_come_from_secrets_and_say_when_they_cannot() {
    let spec = json!({"keys": [{"name": "k", "secretKeyRef": {"name": "cosign", "key": "cosign.pub"}}]});
    let world = World::new().object(Kind::TrustRoot, "build", spec);
    let reason = |world: &World| problems(&world.finding(Kind::TrustRoot, "build"));
    assert_eq!(reason(&world).0, UnreadyReason::Pending);
    assert_eq!(reason(&world.clone().source(SourceKind::Secret, "cosign", Source::Missing)).0, UnreadyReason::Unresolved);
    let (forbidden, text) = reason(&world.clone().source(SourceKind::Secret, "cosign", Source::Forbidden));
    assert_eq!(forbidden, UnreadyReason::Forbidden);
    assert!(text[0].contains("apply and bind the Role bonafide"), "{text:?}");
    let spec = json!({"keys": [{"name": "k", "secretKeyRef": {"name": "cosign", "key": "cosign.pub"}}]});
    let tenant = World::new().object(Kind::TrustRoot, "shop/build", spec).source(SourceKind::Secret, "shop/cosign", Source::Forbidden);
    let (_, text) = problems(&tenant.finding(Kind::TrustRoot, "shop/build"));
    assert!(text[0].contains("apply and bind the ClusterRole bonafide-tenant-material"), "{text:?}");
    assert_eq!(reason(&world.clone().secret("cosign", "other", "x")).0, UnreadyReason::Unresolved);
    assert_eq!(reason(&world.clone().secret("cosign", "cosign.pub", "no key")).0, UnreadyReason::Invalid);
    let read = world.secret("cosign", "cosign.pub", &Signer::new().pem());
    assert_eq!(read.finding(Kind::TrustRoot, "build").readiness, Readiness::Ready);
}

#[test]
fn a_shadowed_rule_is_warned_of() {
    let world = World::new().policy(
        "p",
        &json!([
            {"name": "all", "images": ["r.example.com/**"], "action": "Deny"},
            {"name": "apps", "images": ["r.example.com/apps/*"], "action": "Allow"},
        ]),
    );
    let warnings = world.finding(Kind::ImagePolicy, "p").warnings;
    assert_eq!(warnings, [Warning::RuleShadowed { rule: "apps".to_owned(), by: "all".to_owned() }]);
}

#[test]
fn a_rule_that_is_chosen_by_a_tag_is_warned_of() {
    let world = release(World::new()).policy(
        "p",
        &json!([
            {"name": "dev", "images": ["r.example.com/apps/*:dev"], "verify": [{"validator": "release"}]},
            {"name": "apps", "images": ["r.example.com/**"], "action": "Deny"},
        ]),
    );
    let warnings = world.finding(Kind::ImagePolicy, "p").warnings;
    assert_eq!(warnings, [Warning::RuleChosenByTag { rule: "dev".to_owned(), before: "apps".to_owned() }]);
}

#[test]
fn coverage_tells_what_the_webhooks_must_cover() {
    let rules = json!([{"name": "a", "images": ["**"], "action": "Deny"}]);
    let audit = json!({"mode": "Audit", "unmatched": "Deny"});
    assert_eq!(World::new().snapshot().coverage(), crate::index::Coverage::default());
    let world = World::new().policy_with("p", &audit, &rules).policy("shop/p", &rules).policy("kube-system/p", &rules);
    let coverage = world.snapshot().coverage();
    assert_eq!(coverage.cluster, Some(false));
    assert_eq!(coverage.tenants, [("shop".to_owned(), true)].into());
}

#[test]
fn the_order_of_the_inputs_does_not_matter() {
    let rules = json!([{"name": "a", "images": ["**"], "action": "Deny"}]);
    let forward = World::new().policy("a", &rules).policy("b", &rules).policy("shop/c", &rules);
    let mut backward = forward.clone();
    backward.0.policies.reverse();
    let names = |world: &World| world.snapshot().cluster.iter().map(|policy| policy.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&forward), names(&backward));
    assert_eq!(forward.compile().1, backward.compile().1);
}

#[test]
fn an_unmatched_image_follows_the_policy() {
    let rules = json!([{"name": "a", "images": ["r.example.com/a"], "action": "Allow"}]);
    let world = World::new().policy_with("p", &json!({"mode": "Enforce", "unmatched": "Allow"}), &rules);
    let chosen = world.snapshot();
    let chosen = chosen.cluster[0].decide(&"redis".parse().unwrap(), chrono::Utc::now());
    assert!(matches!(chosen, Chosen::Unmatched(Unmatched::Allow)));
}

#[test]
fn the_sixty_fifth_policy_of_a_namespace_refuses() {
    let rules = json!([{"name": "a", "images": ["**"], "action": "Allow"}]);
    let world = (0..65).fold(World::new(), |world, i| world.policy(&format!("shop/p{i:02}"), &rules));
    let world = world.policy("bank/p", &rules);
    let snapshot = world.snapshot();
    let usable = |namespace: &str| snapshot.tenants[namespace].iter().filter(|policy| policy.rules.is_ok()).count();
    assert_eq!((usable("shop"), usable("bank"), snapshot.tenants["shop"].len()), (64, 1, 65));
    let (reason, problems) = problems(&world.finding(Kind::ImagePolicy, "shop/p64"));
    assert_eq!((reason, problems[0].as_str()), (UnreadyReason::Invalid, "metadata: is beyond the 64 policies that a namespace may have"));
}

#[test]
fn what_waits_for_a_source_that_was_not_read_yet_is_pending_all_the_way() {
    let spec = json!({"keys": [{"name": "k", "secretKeyRef": {"name": "cosign", "key": "cosign.pub"}}]});
    let world = World::new().object(Kind::TrustRoot, "build", spec).cosign("release", "r.example.com", &["build"]);
    let world = world.policy("p", &verify("release"));
    for (kind, name) in [(Kind::TrustRoot, "build"), (Kind::Validator, "release"), (Kind::ImagePolicy, "p")] {
        assert_eq!(problems(&world.finding(kind, name)).0, UnreadyReason::Pending, "{name}");
    }
}

#[test]
fn comparing_rules_ends_and_says_so() {
    let patterns = |i: usize| (0..40).map(|j| format!("r.example.com/{}x*y{i}-{j}/*z", "a*".repeat(3))).collect::<Vec<_>>();
    let rules: Vec<_> = (0..30).map(|i| json!({"name": format!("r{i}"), "images": patterns(i), "action": "Deny"})).collect();
    let world = World::new().policy("p", &json!(rules));
    let warnings = world.finding(Kind::ImagePolicy, "p").warnings;
    assert!(matches!(warnings.as_slice(), [Warning::RulesNotCompared { .. }]), "{warnings:?}");
}

#[test]
fn patterns_beyond_what_is_compared_in_time_are_refused() {
    let long = format!("r.example.com/{}", "a".repeat(480));
    let rules: Vec<_> = (0..5).map(|i| json!({"name": format!("r{i}"), "images": vec![long.clone(); 40], "action": "Deny"})).collect();
    let world = World::new().policy("p", &json!(rules));
    assert_eq!(policy_problems(&world).1, ["spec.rules: has patterns of more than 65536 characters in all"]);
}

#[test]
fn a_namespace_that_names_too_many_sources_takes_none_from_others() {
    let source = |namespace: &str, i: usize| SourceRef { kind: SourceKind::Secret, name: ObjectName::new(namespace, format!("s{i:04}")) };
    let wanted = (0..300).map(|i| source("shop", i)).chain([source("bank", 0)]).collect();
    let (followed, beyond) = capped(wanted);
    assert_eq!((followed.len(), beyond.len()), (257, 44));
    assert!(followed.contains(&source("bank", 0)) && beyond.contains(&source("shop", 299)));
    let spec = json!({"keys": [{"name": "k", "secretKeyRef": {"name": "cosign", "key": "cosign.pub"}}]});
    let world = World::new().object(Kind::TrustRoot, "build", spec).source(SourceKind::Secret, "cosign", Source::Beyond);
    let (reason, problems) = problems(&world.finding(Kind::TrustRoot, "build"));
    assert_eq!(reason, UnreadyReason::Invalid);
    assert!(problems[0].contains("beyond the 256 Secrets"), "{problems:?}");
}
