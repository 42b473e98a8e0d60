//! The webhook configurations: made with the first policy, and kept as they should be.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::Environment;

use crate::Story;
use crate::actions::{tenant_policy, would_run};
use crate::support::{Stage, admitted, refused, stage};

/// On a cluster that never had a policy.
pub const FIRST: &[Story] = &[Story { name: "webhooks_come_with_the_first_policy", run: webhooks_come_with_the_first_policy }];

pub const ALONE: &[Story] = &[
    Story { name: "changed_mutating_webhook_is_put_back", run: changed_mutating_webhook_is_put_back },
    Story { name: "changed_validating_webhook_is_put_back", run: changed_validating_webhook_is_put_back },
    Story { name: "deleted_webhook_configurations_come_back", run: deleted_webhook_configurations_come_back },
    Story { name: "paused_webhook_configuration_is_left_alone", run: paused_webhook_configuration_is_left_alone },
    Story { name: "exclusions_of_others_are_left_alone", run: exclusions_of_others_are_left_alone },
];

const MUTATING: &str = "mutatingwebhookconfiguration";
const VALIDATING: &str = "validatingwebhookconfiguration";
/// The entry for policies of the cluster.
const CLUSTER: &str = "pods.bonafide.dev";

fn configuration(env: &Environment, kind: &str) -> Result<Option<Value>> {
    env.control_plane.kubectl().get(&[kind, "bonafide"])
}

/// An entry of a configuration, with its place.
pub fn entry(configuration: &Value, name: &str) -> Option<(usize, Value)> {
    let webhooks = configuration["webhooks"].as_array()?;
    let place = webhooks.iter().position(|webhook| webhook["name"] == name)?;
    Some((place, webhooks.get(place)?.clone()))
}

/// Waits until the entry is there and as expected.
fn wait_entry(env: &Environment, kind: &str, name: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut last = None;
    let found = testbed::wait::until(&format!("{name} of the {kind} to be as it should"), || {
        last = configuration(env, kind)?.and_then(|configuration| entry(&configuration, name)).map(|(_, entry)| entry);
        Ok(last.clone().filter(&holds))
    });
    found.with_context(|| format!("{last:#?}"))
}

fn webhooks_come_with_the_first_policy(env: &Environment) -> Result<()> {
    stage(env, "first", |stage| {
        let image = stage.unsigned("web")?.by_tag();
        // Only our own kinds are looked at, and nobody has to wait for that.
        wait_entry(env, VALIDATING, "resources.bonafide.dev", |entry| entry["failurePolicy"] == "Ignore")?;
        let validating = configuration(env, VALIDATING)?.context("the configuration")?;
        ensure!(validating["webhooks"].as_array().is_some_and(|webhooks| webhooks.len() == 1), "{validating:#}");
        ensure!(configuration(env, MUTATING)?.is_none(), "a mutating webhook without a policy");
        admitted(would_run(stage.namespace, &image)?)?;

        // A validator alone changes nothing yet.
        stage.trust(&["build"])?;
        stage.operator().wait(&["--for=condition=Ready", &format!("validators.bonafide.dev/{}", stage.object("release"))])?;
        ensure!(configuration(env, MUTATING)?.is_none(), "a mutating webhook without a policy");

        // Who only records holds nobody up when he is away.
        stage.policy("audit", &json!({"mode": "Audit"}), &stage.verify_all())?;
        for kind in [MUTATING, VALIDATING] {
            let (_, entry) = configuration(env, kind)?.and_then(|found| entry(&found, CLUSTER)).context("an entry for objects")?;
            ensure!(entry["failurePolicy"] == "Ignore", "{entry:#}");
        }
        admitted(would_run(stage.namespace, &image)?)?;

        // Ready says that it was read back.
        stage.enforce()?;
        for kind in [MUTATING, VALIDATING] {
            let (_, entry) = configuration(env, kind)?.and_then(|found| entry(&found, CLUSTER)).context("an entry for objects")?;
            ensure!(entry["failurePolicy"] == "Fail", "{entry:#}");
        }
        refused(would_run(stage.namespace, &image)?, &["NoSignature"])?;

        // A tenant's namespace has an entry of its own, and is named in no other.
        tenant_policy(stage, "tenant", &json!({}), &json!([{"name": "all", "images": ["**"], "action": "Allow"}]))?;
        let values = "/namespaceSelector/matchExpressions/0";
        let tenant = wait_entry(env, MUTATING, "tenant-pods.bonafide.dev", |_| true)?;
        let selected = tenant.pointer(values).context("a selector")?;
        ensure!(
            *selected == json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": [stage.namespace.name()]}),
            "{tenant:#}"
        );
        let cluster = wait_entry(env, MUTATING, CLUSTER, |_| true)?;
        let excluded = cluster.pointer(values).context("a selector")?;
        ensure!(excluded["operator"] == "NotIn" && excluded["values"].to_string().contains(stage.namespace.name()), "{cluster:#}");
        refused(would_run(stage.namespace, &image)?, &["NoSignature"]).map(|_| ())
    })
}

/// Enforces with a new intent: what is put back is counted per intent, and a fight slows down.
fn enforced(env: &Environment, name: &str, body: impl FnOnce(&Stage<'_>) -> Result<()>) -> Result<()> {
    stage(env, name, |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        tenant_policy(stage, "tenant", &json!({}), &json!([{"name": "all", "images": ["**"], "action": "Allow"}]))?;
        body(stage)
    })
}

fn patch(env: &Environment, kind: &str, patch: &Value) -> Result<()> {
    env.control_plane.kubectl().run(&["patch", kind, "bonafide", "--type=json", "-p", &patch.to_string()]).map(|_| ())
}

/// Changes one field of the cluster's entry; answers how it was.
fn change(env: &Environment, kind: &str, field: &str, value: &Value) -> Result<Value> {
    let (place, entry) = configuration(env, kind)?.and_then(|found| entry(&found, CLUSTER)).context("the entry")?;
    patch(env, kind, &json!([{"op": "add", "path": format!("/webhooks/{place}/{field}"), "value": value}]))?;
    Ok(entry)
}

fn is_put_back(env: &Environment, kind: &str) -> Result<()> {
    let authority = std::fs::read_to_string(env.control_plane.directory().join("ca.crt"))?;
    let changes = [
        ("rules", json!([])),
        ("clientConfig/caBundle", json!(base64_of(&authority))),
        ("failurePolicy", json!("Ignore")),
        ("matchConditions/0/expression", json!("false")),
    ];
    for (field, value) in changes {
        let before = change(env, kind, field, &value)?;
        // The selector names tenants, and those come and go.
        let parts = |entry: &Value| ["rules", "clientConfig", "failurePolicy", "matchConditions"].map(|part| entry[part].clone());
        wait_entry(env, kind, CLUSTER, |entry| parts(entry) == parts(&before)).with_context(|| format!("{field} was changed"))?;
    }
    Ok(())
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn changed_mutating_webhook_is_put_back(env: &Environment) -> Result<()> {
    enforced(env, "mutated", |stage| {
        is_put_back(env, MUTATING)?;
        works(stage)
    })
}

fn changed_validating_webhook_is_put_back(env: &Environment) -> Result<()> {
    enforced(env, "invalidated", |stage| {
        is_put_back(env, VALIDATING)?;
        works(stage)
    })
}

/// Signed images are pinned, unsigned ones refused.
fn works(stage: &Stage<'_>) -> Result<()> {
    refused(stage.pod("unsigned", &stage.unsigned("unsigned")?.by_tag())?, &["NoSignature"])?;
    let signed = stage.signed("signed", &["build"])?;
    admitted(stage.pod("signed", &signed.by_tag())?)?;
    ensure!(stage.namespace.pod_images("signed")?.values().eq([&signed.pinned()]));
    Ok(())
}

fn deleted_webhook_configurations_come_back(env: &Environment) -> Result<()> {
    enforced(env, "removed", |stage| {
        for kind in [MUTATING, VALIDATING] {
            let uid = configuration(env, kind)?.and_then(|found| found.pointer("/metadata/uid").cloned());
            env.control_plane.kubectl().run(&["delete", kind, "bonafide"])?;
            let back = testbed::wait::until("the configuration to come back", || {
                Ok(configuration(env, kind)?.filter(|found| found.pointer("/metadata/uid").cloned() != uid))
            })?;
            ensure!(entry(&back, CLUSTER).is_some(), "{back:#}");
            let owner = back.pointer("/metadata/ownerReferences/0").context("an owner")?;
            ensure!(owner["kind"] == "ClusterRole" && owner["name"] == "bonafide", "an uninstall collects it: {owner}");
        }
        works(stage)
    })
}

fn paused_webhook_configuration_is_left_alone(env: &Environment) -> Result<()> {
    enforced(env, "paused", |stage| {
        let admin = env.control_plane.kubectl();
        admin.run(&["label", MUTATING, "bonafide", "bonafide.dev/paused=true"])?;
        change(env, MUTATING, "failurePolicy", &json!("Ignore"))?;
        // The other one is not paused: once it is put back, the paused one was looked at as well, and after its change.
        change(env, VALIDATING, "failurePolicy", &json!("Ignore"))?;
        wait_entry(env, VALIDATING, CLUSTER, |entry| entry["failurePolicy"] == "Fail")?;
        let (_, paused) = configuration(env, MUTATING)?.and_then(|found| entry(&found, CLUSTER)).context("the entry")?;
        ensure!(paused["failurePolicy"] == "Ignore", "{paused:#}");
        let log = std::fs::read_to_string(env.operator.log())?;
        ensure!(log.contains("a webhook configuration is paused"), "it says so loudly");

        admin.run(&["label", MUTATING, "bonafide", "bonafide.dev/paused-"])?;
        wait_entry(env, MUTATING, CLUSTER, |entry| entry["failurePolicy"] == "Fail")?;
        works(stage)
    })
}

fn exclusions_of_others_are_left_alone(env: &Environment) -> Result<()> {
    enforced(env, "exclusions", |stage| {
        let theirs = json!({"key": "control-plane", "operator": "NotIn", "values": ["managed"]});
        let narrowing = json!({"key": "team", "operator": "In", "values": ["nobody"]});
        let requirements = "namespaceSelector/matchExpressions/-";
        change(env, MUTATING, requirements, &theirs)?;
        change(env, MUTATING, requirements, &narrowing)?;
        change(env, MUTATING, "failurePolicy", &json!("Ignore"))?;
        let back = wait_entry(env, MUTATING, CLUSTER, |entry| {
            entry["failurePolicy"] == "Fail" && !entry["namespaceSelector"].to_string().contains("nobody")
        })?;
        let kept = back.pointer("/namespaceSelector/matchExpressions").and_then(Value::as_array).context("the selector")?;
        ensure!(kept.contains(&theirs), "{kept:?}");
        let outcome = works(stage);
        let place = kept.iter().position(|requirement| *requirement == theirs).context("its place")?;
        let (entry, _) = configuration(env, MUTATING)?.and_then(|found| entry(&found, CLUSTER)).context("the entry")?;
        let path = format!("/webhooks/{entry}/namespaceSelector/matchExpressions/{place}");
        patch(env, MUTATING, &json!([{"op": "remove", "path": path}]))?;
        outcome
    })
}
