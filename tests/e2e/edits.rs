//! Policies, keys and trust roots that change, and how soon that acts.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::Environment;

use crate::Story;
use crate::actions::{condition, until_admitted, until_refused, within, would_run};
use crate::support::{Stage, admitted, refused, stage, yaml};

pub const STORIES: &[Story] = &[
    Story { name: "edited_policy_acts_at_once", run: edited_policy_acts_at_once },
    Story { name: "edited_key_secret_acts_without_a_restart", run: edited_key_secret_acts_without_a_restart },
    Story { name: "removed_key_is_distrusted_at_once", run: removed_key_is_distrusted_at_once },
    Story { name: "deleted_trust_root_refuses_and_says_why_until_repaired", run: deleted_trust_root_refuses_and_says_why_until_repaired },
    Story { name: "deleted_key_secret_refuses_and_says_why", run: deleted_key_secret_refuses_and_says_why },
    Story { name: "deleted_policy_no_longer_refuses", run: deleted_policy_no_longer_refuses },
];

/// In force within 250 ms; what is measured holds at least one kubectl, too.
const POLICY: Duration = Duration::from_secs(2);
/// In force within 2 s; likewise.
const KEY: Duration = Duration::from_secs(4);

fn edited_policy_acts_at_once(env: &Environment) -> Result<()> {
    stage(env, "edited", |stage| {
        let everything = |action: &str| json!([{"name": "all", "images": ["**"], "action": action}]);
        let image = stage.unsigned("web")?.by_tag();
        stage.policy("policy", &json!({}), &everything("Allow"))?;
        admitted(would_run(stage.namespace, &image)?)?;

        edit(stage, &json!({"rules": everything("Deny")}))?;
        within("a policy edited to refuse", until_refused(stage.namespace, &image, "DeniedByRule", Instant::now())?, POLICY)?;
        edit(stage, &json!({"rules": everything("Allow")}))?;
        within("a policy edited to admit", until_admitted(stage.namespace, &image, Instant::now())?, POLICY)?;
        edit(stage, &json!({"rules": everything("Deny"), "mode": "Audit"}))?;
        within("a policy edited to audit", until_admitted(stage.namespace, &image, Instant::now())?, POLICY)
    })
}

/// Answers when the API server has.
fn edit(stage: &Stage<'_>, spec: &Value) -> Result<()> {
    let patch = json!({"spec": spec}).to_string();
    let policy = stage.object("policy");
    stage.operator().kubectl(&["patch", "imagepolicies.bonafide.dev", &policy, "--type=merge", "-p", &patch]).map(|_| ())
}

/// Trusts the key that lies in the Secret `<story>-key`, and enforces that.
fn trust_secret(stage: &Stage<'_>, signer: &str) -> Result<()> {
    write_key(stage, signer)?;
    let key = json!({"name": "key", "secretKeyRef": {"name": stage.object("key"), "key": "cosign.pub"}});
    let root = json!({
        "apiVersion": "bonafide.dev/v1alpha1", "kind": "TrustRoot", "metadata": stage.metadata("team"), "spec": {"keys": [key]}
    });
    let validator = json!({
        "apiVersion": "bonafide.dev/v1alpha1", "kind": "Validator", "metadata": stage.metadata("release"),
        "spec": {"trustRoots": [stage.object("team")], "registry": stage.registries(), "cosign": {}}
    });
    stage.operator().apply(&yaml(&[root, validator]))?;
    stage.enforce()
}

fn write_key(stage: &Stage<'_>, signer: &str) -> Result<()> {
    let pem = stage.env.key(signer)?.public_pem;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": stage.metadata("key"), "stringData": {"cosign.pub": pem}});
    stage.operator().apply(&yaml(&[secret]))
}

/// A Secret is nothing that stages remove.
fn without_key(stage: &Stage<'_>, outcome: Result<()>) -> Result<()> {
    stage.operator().delete(&["secret", &stage.object("key")])?;
    outcome
}

fn edited_key_secret_acts_without_a_restart(env: &Environment) -> Result<()> {
    stage(env, "rekeyed", |stage| without_key(stage, change_key(stage)))
}

fn change_key(stage: &Stage<'_>) -> Result<()> {
    trust_secret(stage, "build")?;
    let (built, tested) = (stage.signed("built", &["build"])?.by_tag(), stage.signed("tested", &["qa"])?.by_tag());
    admitted(would_run(stage.namespace, &built)?)?;
    refused(would_run(stage.namespace, &tested)?, &["UntrustedSigner"])?;

    write_key(stage, "qa")?;
    let since = Instant::now();
    within("a key that is trusted now", until_admitted(stage.namespace, &tested, since)?, KEY)?;
    within("a key that is no longer trusted", until_refused(stage.namespace, &built, "UntrustedSigner", since)?, KEY)
}

fn removed_key_is_distrusted_at_once(env: &Environment) -> Result<()> {
    stage(env, "distrusted", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?.by_tag();
        // The verdict is known now, and must not outlive the trust it rests on.
        admitted(would_run(stage.namespace, &image)?)?;
        let keys = json!({"spec": {"keys": [{"name": "key", "pem": env.key("qa")?.public_pem}]}}).to_string();
        stage.operator().kubectl(&["patch", "trustroots.bonafide.dev", &stage.object("build"), "--type=merge", "-p", &keys])?;
        within("a trust root without the key", until_refused(stage.namespace, &image, "UntrustedSigner", Instant::now())?, POLICY)
    })
}

fn deleted_trust_root_refuses_and_says_why_until_repaired(env: &Environment) -> Result<()> {
    stage(env, "rootless", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?.by_tag();
        admitted(would_run(stage.namespace, &image)?)?;

        let root = stage.object("build");
        let warnings = admitted(stage.operator().attempt(&["delete", "trustroots.bonafide.dev", &root], "")?)?;
        let warning = "Warning: images under these policies are refused without it: bonafide-system/rootless-policy";
        ensure!(warnings.contains(warning), "{warnings}");
        until_refused(stage.namespace, &image, "PolicyInvalid", Instant::now())?;
        let missing = format!("TrustRoot bonafide-system/{root} does not exist");
        says_unready(stage, "validators.bonafide.dev", &stage.object("release"), &missing)?;
        says_unready(stage, "imagepolicies.bonafide.dev", &stage.object("policy"), "is not usable")?;

        stage.trust(&["build"])?;
        within("a trust root that is back", until_admitted(stage.namespace, &image, Instant::now())?, POLICY)?;
        stage.ready(&stage.object("policy"))
    })
}

fn deleted_key_secret_refuses_and_says_why(env: &Environment) -> Result<()> {
    stage(env, "keyless", |stage| {
        let story = || {
            trust_secret(stage, "build")?;
            let image = stage.signed("web", &["build"])?.by_tag();
            admitted(would_run(stage.namespace, &image)?)?;
            stage.operator().delete(&["secret", &stage.object("key")])?;
            within("a key that is gone", until_refused(stage.namespace, &image, "PolicyInvalid", Instant::now())?, KEY)?;
            let missing = format!("Secret bonafide-system/{} does not exist", stage.object("key"));
            says_unready(stage, "trustroots.bonafide.dev", &stage.object("team"), &missing)?;
            write_key(stage, "build")?;
            within("a key that is back", until_admitted(stage.namespace, &image, Instant::now())?, KEY)
        };
        without_key(stage, story())
    })
}

fn says_unready(stage: &Stage<'_>, kind: &str, name: &str, text: &str) -> Result<()> {
    let holds = |object: &Value| condition(object, "Ready", "False").is_some_and(|said| said.contains(text));
    stage.operator().wait_until(&[kind, name], holds).map(|_| ())
}

fn deleted_policy_no_longer_refuses(env: &Environment) -> Result<()> {
    stage(env, "unpoliced", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.unsigned("web")?.by_tag();
        refused(would_run(stage.namespace, &image)?, &["NoSignature"])?;
        stage.operator().delete(&["imagepolicies.bonafide.dev", &stage.object("policy")])?;
        within("a policy that is gone", until_admitted(stage.namespace, &image, Instant::now())?, POLICY)
    })
}
