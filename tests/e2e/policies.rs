//! Which policies judge an image, and which of their rules.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::Environment;

use crate::Story;
use crate::actions::{deployment, tenant_policy, until_admitted, until_refused, within, would_run};
use crate::support::{Stage, admitted, refused, stage, yaml};

pub const STORIES: &[Story] = &[
    Story { name: "tenant_policy_tightens", run: tenant_policy_tightens },
    Story { name: "tenant_policy_cannot_loosen", run: tenant_policy_cannot_loosen },
    Story { name: "audit_refusal_never_enforced_by_neighbour", run: audit_refusal_never_enforced_by_neighbour },
    Story { name: "label_change_of_namespace_acts_at_once", run: label_change_of_namespace_acts_at_once },
    Story { name: "namespace_created_a_moment_ago_is_enforced", run: namespace_created_a_moment_ago_is_enforced },
    Story { name: "unmatched_image_is_denied_or_left_to_others", run: unmatched_image_is_denied_or_left_to_others },
    Story { name: "rule_whose_time_is_over_matches_nothing", run: rule_whose_time_is_over_matches_nothing },
    Story { name: "tenant_edit_loop_leaves_others_cached", run: tenant_edit_loop_leaves_others_cached },
    Story { name: "deny_rule_tells_its_message", run: deny_rule_tells_its_message },
    Story { name: "except_falls_through_to_the_next_rule", run: except_falls_through_to_the_next_rule },
];

/// In force within 2 s; what is measured holds at least one kubectl, too.
const AT_ONCE: Duration = Duration::from_secs(4);

fn tenant_policy_tightens(env: &Environment) -> Result<()> {
    stage(env, "tightens", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let built = stage.signed("built", &["build"])?;
        let tested = stage.signed("tested", &["build", "qa"])?;
        admitted(stage.pod("before", &built.by_tag())?)?;

        let root = json!({
            "apiVersion": "bonafide.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "qa"},
            "spec": {"keys": [{"name": "key", "pem": env.key("qa")?.public_pem}]}
        });
        stage.namespace.apply(&yaml(&[root]))?;
        let validator = format!("bonafide-system/{}", stage.object("release"));
        tenant_policy(
            stage,
            "tested",
            &json!({}),
            &json!([{"name": "tested", "images": ["**"], "verify": [{"validator": validator, "trustRoots": ["qa"]}]}]),
        )?;
        let policy = format!("(policy {}/tested, rule \"tested\"): UntrustedSigner", stage.namespace.name());
        let message = refused(stage.pod("built", &built.by_tag())?, &["(Forbidden)", &policy])?;
        ensure!(!message.contains("policy bonafide-system/"), "the cluster's policy is content: {message}");
        admitted(stage.pod("tested", &tested.by_tag())?).map(|_| ())
    })
}

fn tenant_policy_cannot_loosen(env: &Environment) -> Result<()> {
    stage(env, "loosens", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        tenant_policy(stage, "all", &json!({}), &json!([{"name": "all", "images": ["**"], "action": "Allow"}]))?;
        let image = stage.unsigned("web")?;
        let texts = ["(Forbidden)", "(policy bonafide-system/loosens-policy, rule \"all\"): NoSignature"];
        refused(stage.pod("web", &image.by_tag())?, &texts).map(|_| ())
    })
}

fn audit_refusal_never_enforced_by_neighbour(env: &Environment) -> Result<()> {
    stage(env, "neighbours", |stage| {
        stage.trust(&["build", "qa"])?;
        let verify = |root: &str| json!([{"name": "all", "images": ["**"], "verify": [{"validator": stage.object("release"), "trustRoots": [stage.object(root)]}]}]);
        stage.policy("audit", &json!({"mode": "Audit"}), &verify("qa"))?;
        stage.policy("enforce", &json!({}), &verify("build"))?;

        let built = stage.signed("built", &["build"])?;
        let warnings = admitted(stage.pod("built", &built.by_tag())?)?;
        ensure!(warnings.is_empty(), "{warnings}");
        let report = stage.namespace.wait_until(&["verificationreports.bonafide.dev", "built"], |report| results(report).len() == 2)?;
        let expected = [("bonafide-system/neighbours-audit", "Untrusted"), ("bonafide-system/neighbours-enforce", "Trusted")];
        ensure!(results(&report) == expected.map(|(policy, status)| (policy.to_owned(), status.to_owned())), "{report:#}");

        // Nor does the recording policy excuse what the enforcing one refuses.
        let tested = stage.signed("tested", &["qa"])?;
        let message = refused(stage.pod("tested", &tested.by_tag())?, &["bonafide-system/neighbours-enforce"])?;
        ensure!(!message.contains("neighbours-audit"), "{message}");
        Ok(())
    })
}

/// Policy and verdict of each result, sorted.
fn results(report: &Value) -> Vec<(String, String)> {
    let images = report.pointer("/status/images").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |image: &Value, field: &str| image[field].as_str().unwrap_or_default().to_owned();
    let mut results: Vec<_> = images.iter().map(|image| (text(image, "policy"), text(image, "status"))).collect();
    results.sort();
    results
}

fn label_change_of_namespace_acts_at_once(env: &Environment) -> Result<()> {
    stage(env, "labels", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.unsigned("web")?.by_tag();
        let other = env.namespace("unlabelled", &[])?;
        admitted(would_run(&other, &image)?)?;

        let admin = env.control_plane.kubectl();
        admin.run(&["label", "namespace", other.name(), "story=labels"])?;
        let took = until_refused(&other, &image, "NoSignature", Instant::now())?;
        within("a label that selects a namespace", took, AT_ONCE)?;
        admin.run(&["label", "namespace", other.name(), "story-"])?;
        let took = until_admitted(&other, &image, Instant::now())?;
        within("a label that no longer selects a namespace", took, AT_ONCE)
    })
}

fn namespace_created_a_moment_ago_is_enforced(env: &Environment) -> Result<()> {
    stage(env, "newborn", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.unsigned("web")?.by_tag();
        let admin = env.control_plane.kubectl();
        for n in 0..5 {
            // One kubectl makes both, so that there is no time between them. A Deployment waits for no service account.
            let name = format!("newborn-{n}-now");
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"story": stage.name}}});
            let attempt = admin.attempt(&["create", "-f", "-", "-n", &name], &yaml(&[namespace, deployment("web", &image, 1)]));
            admin.run(&["delete", "namespace", &name, "--wait=false"])?;
            refused(attempt?, &["(Forbidden)", "container \"main\"", "NoSignature"])?;
        }
        Ok(())
    })
}

fn unmatched_image_is_denied_or_left_to_others(env: &Environment) -> Result<()> {
    stage(env, "unmatched", |stage| {
        stage.trust(&["build"])?;
        let pattern = format!("{}/unmatched/apps", env.registry.host());
        let rules = json!([{"name": "apps", "images": [pattern], "verify": [{"validator": stage.object("release")}]}]);
        let (apps, other) = (stage.unsigned("apps")?.by_tag(), stage.unsigned("other")?.by_tag());

        stage.policy("policy", &json!({"unmatched": "Deny"}), &rules)?;
        let texts = ["(Forbidden)", "(policy bonafide-system/unmatched-policy): NoMatchingRule"];
        refused(stage.pod("other", &other)?, &texts)?;

        stage.policy("policy", &json!({"unmatched": "Allow"}), &rules)?;
        until_admitted(stage.namespace, &other, Instant::now())?;
        admitted(stage.pod("other", &other)?)?;
        let images = stage.namespace.pod_images("other")?;
        ensure!(images.values().eq([&other]), "what no policy verifies is not pinned: {images:?}");
        refused(stage.pod("apps", &apps)?, &["rule \"apps\"", "NoSignature"]).map(|_| ())
    })
}

fn rule_whose_time_is_over_matches_nothing(env: &Environment) -> Result<()> {
    stage(env, "until", |stage| {
        stage.trust(&["build"])?;
        let image = stage.unsigned("web")?.by_tag();
        let rules = |until: &str| {
            let mut rules = json!([{"name": "hotfix", "images": ["**"], "action": "Allow", "until": until, "reason": "vendor outage"}]);
            rules.as_array_mut().into_iter().for_each(|rules| rules.extend(stage.verify_all().as_array().cloned().unwrap_or_default()));
            rules
        };
        stage.policy("policy", &json!({}), &rules("2020-01-01T00:00:00Z"))?;
        refused(stage.pod("web", &image)?, &["rule \"all\"", "NoSignature"])?;
        stage.policy("policy", &json!({}), &rules("2999-01-01T00:00:00Z"))?;
        until_admitted(stage.namespace, &image, Instant::now()).map(|_| ())
    })
}

fn deny_rule_tells_its_message(env: &Environment) -> Result<()> {
    stage(env, "denies", |stage| {
        stage.trust(&["build"])?;
        let rules = json!([
            {"name": "no-latest", "images": ["**:latest"], "action": "Deny", "message": "pin a version"},
            {"name": "all", "images": ["**"], "verify": [{"validator": stage.object("release")}]},
        ]);
        stage.policy("policy", &json!({}), &rules)?;
        let image = stage.signed("web", &["build"])?;
        admitted(stage.pod("versioned", &image.by_tag())?)?;
        let latest = env.images.tag(&image, "latest")?;
        // No tag is the tag latest.
        for reference in [latest.by_tag(), latest.repository.clone()] {
            refused(stage.pod("latest", &reference)?, &["(Forbidden)", "rule \"no-latest\"", "DeniedByRule: pin a version"])?;
        }
        Ok(())
    })
}

fn except_falls_through_to_the_next_rule(env: &Environment) -> Result<()> {
    stage(env, "excepts", |stage: &Stage<'_>| {
        stage.trust(&["build"])?;
        let sandbox = stage.signed("sandbox", &["build"])?;
        let rules = json!([
            {"name": "apps", "images": ["**"], "except": [sandbox.repository], "verify": [{"validator": stage.object("release")}]},
            {"name": "rest", "images": ["**"], "action": "Deny", "message": "nobody wants the sandbox"},
        ]);
        stage.policy("policy", &json!({}), &rules)?;
        refused(stage.pod("sandbox", &sandbox.by_tag())?, &["rule \"rest\"", "DeniedByRule: nobody wants the sandbox"])?;
        let web = stage.signed("web", &["build"])?;
        admitted(stage.pod("web", &web.by_tag())?).context("an image that is not excepted")?;
        Ok(())
    })
}

fn tenant_edit_loop_leaves_others_cached(env: &Environment) -> Result<()> {
    stage(env, "edit-loop", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?.pinned();
        admitted(would_run(stage.namespace, &image)?)?;
        let requests =
            || Ok::<_, anyhow::Error>(env.registry.requests()?.iter().filter(|request| request.path.contains("/edit-loop/")).count());
        let before = requests()?;

        let editor = env.namespace("editor", &[])?;
        for edit in 0..10 {
            let message = format!("edit {edit}");
            let pem = env.key(if edit % 2 == 0 { "build" } else { "qa" })?.public_pem;
            let object = |kind: &str, spec: Value| json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": kind, "metadata": {"name": "loop"}, "spec": spec});
            let rule = json!({"name": "never", "images": ["**"], "action": "Deny", "message": message});
            let policy = object("ImagePolicy", json!({"mode": "Enforce", "unmatched": "Deny", "rules": [rule]}));
            let root = object("TrustRoot", json!({"keys": [{"name": "key", "pem": pem}]}));
            let validator = object("Validator", json!({"trustRoots": ["loop"], "cosign": {}}));
            editor.apply(&yaml(&[root, validator, policy]))?;
            admitted(would_run(stage.namespace, &image)?)?;
            until_refused(&editor, &image, &message, Instant::now())?;
        }
        ensure!(requests()? == before, "edits of another namespace made {} requests", requests()? - before);
        Ok(())
    })
}
