//! An operator of one namespace: a Role is all that it has, and what runs there is reported.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{Environment, Format, Namespace};

use crate::Story;
use crate::support::{own_policy, own_trust_root, yaml};

pub const STORIES: &[Story] =
    &[Story { name: "one_namespace_is_verified_with_nothing_but_its_role", run: one_namespace_is_verified_with_nothing_but_its_role }];

const REPORT: &str = "verificationreports.bonafide.dev";

fn one_namespace_is_verified_with_nothing_but_its_role(env: &Environment) -> Result<()> {
    let push = |name: &str| -> Result<testbed::Image> {
        let reference = format!("{}/namespaced/{name}:v1", env.registry.host());
        env.images.push(&reference, &reference)
    };
    let (signed, stranger) = (push("signed")?, push("stranger")?);
    env.cosign.sign(&env.key("build")?, &signed, Format::Bundle)?;
    // The pods are older than the operator, and nothing pins them.
    let alone = env.apart()?.alone("namespaced", &[], |namespace| {
        namespace.apply(&own_trust_root(env, "build")?.to_string())?;
        namespace.apply(&yaml(&own_policy(env)))?;
        for (name, image) in [("web", &signed), ("stranger", &stranger)] {
            let made = namespace.try_pod(name, &[("main", &image.by_tag())])?;
            ensure!(made.is_ok(), "no webhook, and yet {made:?}");
        }
        Ok(())
    })?;
    let namespace = &alone.namespace;
    namespace.wait_until(&[REPORT, "web"], |report| verified(report) == Some("True"))?;
    let report = namespace.wait_until(&[REPORT, "stranger"], |report| verified(report) == Some("False"))?;
    ensure!(report["status"]["conditions"][0]["reason"] == "NoSignature", "{report:#}");
    let in_force =
        namespace.wait_until(&["imagepolicies.bonafide.dev", "policy"], |policy| policy["status"]["conditions"][0]["status"] == "True")?;
    ensure!(in_force["status"]["conditions"][0]["reason"] == "ReportsOnly", "{in_force:#}");
    // Nothing is refused: there is no webhook, also none that the operator would have made.
    let webhooks = env.apart()?.kubectl().run(&["get", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "-o", "name"])?;
    ensure!(webhooks.is_empty(), "{webhooks}");
    may_not(namespace)?;
    ensure!(!std::fs::read_to_string(alone.operator.log())?.contains("orbidden"), "{}", alone.operator.log_tail(40));
    namespace.delete(&["pod", "stranger"])?;
    namespace.wait_absent(&[REPORT, "stranger"])
}

/// What the operator's account must not be able to do for this to prove anything.
fn may_not(namespace: &Namespace) -> Result<()> {
    let account = format!("system:serviceaccount:{}:bonafide", namespace.name());
    for what in [["list", "pods"], ["list", "namespaces"], ["get", "secrets"], ["list", REPORT]] {
        let arguments = ["auth", "can-i", what[0], what[1], "--all-namespaces", "--as", &account];
        let answer = namespace.as_kubectl().output(&arguments, "")?;
        ensure!(String::from_utf8_lossy(&answer.stdout).trim() == "no", "{what:?}");
    }
    Ok(())
}

fn verified(report: &Value) -> Option<&str> {
    report.pointer("/status/conditions/0/status").and_then(Value::as_str).context("a condition").ok()
}
