//! The kinds as users meet them: samples, mistakes, `kubectl explain`, short names, and who may name a Secret.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Environment, repository};

use crate::Story;
use crate::actions::condition;
use crate::support::{Stage, admitted, refused, stage, yaml};

pub const STORIES: &[Story] = &[
    Story { name: "every_sample_is_accepted", run: every_sample_is_accepted },
    Story { name: "broken_rules_of_the_schema_are_refused", run: broken_rules_of_the_schema_are_refused },
    Story { name: "misspelt_field_is_refused_with_its_path", run: misspelt_field_is_refused_with_its_path },
    Story { name: "kubectl_explain_teaches", run: kubectl_explain_teaches },
    Story { name: "short_names_and_columns_work", run: short_names_and_columns_work },
    Story { name: "secret_ref_requires_requesters_read", run: secret_ref_requires_requesters_read },
    Story {
        name: "sample_keeps_labels_from_those_who_may_not_change_policies",
        run: sample_keeps_labels_from_those_who_may_not_change_policies,
    },
    Story { name: "label_of_an_unusable_policy_can_be_changed", run: label_of_an_unusable_policy_can_be_changed },
];

fn every_sample_is_accepted(env: &Environment) -> Result<()> {
    stage(env, "samples", |stage| {
        let directory = repository().join("docs/samples");
        let mut count = 0;
        for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            // The namespace of the sample's tenant does not exist here, and this one is asked about without the rest.
            let text = std::fs::read_to_string(&path)?.replace("namespace: shop", &format!("namespace: {}", stage.namespace.name()));
            let apply = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
            let warnings = admitted(env.control_plane.kubectl().attempt(&apply, &text)?).with_context(|| path.display().to_string())?;
            ensure!(warnings.is_empty(), "{}: {warnings}", path.display());
            count += 1;
        }
        ensure!(count > 0, "there is no sample");
        Ok(())
    })
}

fn document(kind: &str, spec: &Value) -> String {
    yaml(&[json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": kind, "metadata": {"name": "sample"}, "spec": spec})])
}

/// A policy with one rule.
fn policy(rule: &Value) -> Value {
    json!({"mode": "Enforce", "unmatched": "Deny", "rules": [rule]})
}

const ONE_KEY: &str = "exactly one of pem, keyID, secretKeyRef and configMapKeyRef";

fn broken_rules_of_the_schema_are_refused(env: &Environment) -> Result<()> {
    stage(env, "broken", |stage| {
        let verify = json!([{"validator": "release"}]);
        let key = |extra: Value| {
            let mut key = json!({"name": "k"});
            key.as_object_mut().into_iter().for_each(|key| key.extend(extra.as_object().cloned().unwrap_or_default()));
            json!({"keys": [key]})
        };
        let reference = json!({"name": "s", "key": "k"});
        let bundle = json!({"configMapKeyRef": reference, "secretKeyRef": reference});
        let authority = json!({"ca": [{"name": "c", "pem": "x"}]});
        let broken = [
            (
                "ImagePolicy",
                policy(&json!({"name": "r", "images": ["**"], "verify": verify, "action": "Allow"})),
                "exactly one of verify and action",
            ),
            ("ImagePolicy", policy(&json!({"name": "r", "images": ["**"]})), "exactly one of verify and action"),
            ("ImagePolicy", policy(&json!({"name": "r", "images": [], "verify": verify})), "spec.rules[0].images"),
            ("ImagePolicy", policy(&json!({"name": "r", "images": ["**"], "verify": []})), "spec.rules[0].verify"),
            ("ImagePolicy", policy(&json!({"name": "r", "images": ["**"], "verify": verify, "atLeast": 0})), "atLeast"),
            ("ImagePolicy", policy(&json!({"name": "r", "images": ["**"], "verify": [{"validator": "v", "threshold": 0}]})), "threshold"),
            ("ImagePolicy", json!({"mode": "Enforce", "unmatched": "Deny", "rules": []}), "spec.rules"),
            ("ImagePolicy", json!({"unmatched": "Deny", "rules": [{"name": "r", "images": ["**"], "action": "Deny"}]}), "spec.mode"),
            ("ImagePolicy", json!({"mode": "Enforce", "rules": [{"name": "r", "images": ["**"], "action": "Deny"}]}), "spec.unmatched"),
            (
                "ImagePolicy",
                policy(&json!({"name": "r", "images": ["**"], "action": "Allow", "until": "soon"})),
                "must be of type date-time",
            ),
            ("TrustRoot", json!({}), "exactly one kind of material"),
            ("TrustRoot", json!({"keys": []}), "spec.keys"),
            ("TrustRoot", key(json!({})), ONE_KEY),
            ("TrustRoot", key(json!({"pem": "x", "secretKeyRef": reference})), ONE_KEY),
            ("TrustRoot", key(json!({"pem": "x", "keyID": "ab".repeat(32)})), ONE_KEY),
            ("TrustRoot", key(json!({"keyID": "ab"})), "spec.keys[0].keyID"),
            ("TrustRoot", json!({"keys": [{"name": "k", "pem": "x"}], "certificates": authority}), "exactly one kind of material"),
            ("TrustRoot", json!({"certificates": {"ca": []}}), "spec.certificates.ca"),
            ("TrustRoot", json!({"certificates": {"ca": [{"name": "c"}]}}), "exactly one of pem, secretKeyRef and configMapKeyRef"),
            ("Validator", json!({}), "exactly one scheme"),
            ("Validator", json!({"cosign": {}, "notaryV1": {}}), "exactly one scheme"),
            ("Validator", json!({"notaryV1": {"refreshSeconds": 0}}), "spec.notaryV1.refreshSeconds"),
            ("Validator", json!({"notaryV1": {"deciding": "Targets"}}), "spec.notaryV1.deciding"),
            ("Validator", json!({"cosign": {}, "trustRoots": []}), "spec.trustRoots"),
            (
                "Validator",
                json!({"cosign": {}, "registry": {"hosts": [{"host": "a.example", "caBundle": bundle}]}}),
                "exactly one of configMapKeyRef and secretKeyRef",
            ),
        ];
        for (kind, spec, text) in broken {
            let attempt = stage.namespace.attempt(&["create", "--dry-run=server", "-f", "-"], &document(kind, &spec))?;
            let message = refused(attempt, &[text]).with_context(|| spec.to_string())?;
            // By the schema, which works without us.
            ensure!(!message.contains("resources.bonafide.dev"), "{message}");
        }
        Ok(())
    })
}

fn misspelt_field_is_refused_with_its_path(env: &Environment) -> Result<()> {
    stage(env, "misspelt", |stage| {
        let verify = |entry: Value| policy(&json!({"name": "r", "images": ["**"], "verify": [entry]}));
        let broken = [
            ("ImagePolicy", verify(json!({"validator": "v", "treshold": 2})), ["spec.rules[0].verify[0]", "treshold"]),
            (
                "ImagePolicy",
                policy(&json!({"name": "r", "images": ["**"], "excpet": ["a.example/b"], "action": "Allow"})),
                ["spec.rules[0]", "excpet"],
            ),
            (
                "ImagePolicy",
                policy(&json!({"name": "r", "images": ["registry.*.example/**"], "action": "Allow"})),
                ["spec.rules[0].images[0]", "at position 9: a host is literal"],
            ),
            ("Validator", json!({"cosign": {}, "shard": true}), ["spec", "shard"]),
            ("TrustRoot", json!({"keys": [{"name": "k", "pem": "-----BEGIN PUBLIC KEY-----"}]}), ["spec.keys[0]", "pem"]),
        ];
        for (kind, spec, texts) in broken {
            // With and without the strictness that kubectl asks for by default.
            for strictness in ["--validate=strict", "--validate=ignore"] {
                let attempt = stage.namespace.attempt(&["create", strictness, "-f", "-"], &document(kind, &spec))?;
                let message = refused(attempt, &texts).with_context(|| spec.to_string())?;
                ensure!(message.contains("resources.bonafide.dev"), "it is our webhook that says so: {message}");
            }
        }
        Ok(())
    })
}

fn kubectl_explain_teaches(env: &Environment) -> Result<()> {
    let admin = env.control_plane.kubectl();
    let lessons = [
        ("imagepolicy.spec.rules", &["FIELDS", "verify", "action", "except"][..]),
        ("imagepolicy.spec.mode", &["Enforce", "Warn", "Audit"]),
        ("imagepolicy.spec.rules.verify.threshold", &["How many distinct trust roots must have signed"]),
        ("validator.spec.registry.hosts.plainHTTP", &["Credentials are never sent over it"]),
        ("trustroot.spec.keys", &["secretKeyRef", "configMapKeyRef", "pem"]),
        ("verificationreport.status.images.digest", &["kubelet"]),
    ];
    for (path, texts) in lessons {
        let lesson = admin.run(&["explain", path, "--api-version=bonafide.dev/v1alpha1"])?;
        for text in texts {
            ensure!(lesson.split_whitespace().collect::<Vec<_>>().join(" ").contains(text), "{path} does not teach {text:?}: {lesson}");
        }
        ensure!(!lesson.contains("<empty>"), "{path} has no description: {lesson}");
    }
    Ok(())
}

fn short_names_and_columns_work(env: &Environment) -> Result<()> {
    stage(env, "short", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        admitted(stage.pod("web", &stage.signed("web", &["build"])?.by_tag())?)?;
        stage.namespace.wait_until(&["vr", "web"], |_| true)?;
        let columns = [
            ("bip", "NAME MODE UNMATCHED READY REASON AGE", "short-policy Enforce Deny True InForce"),
            ("bval", "NAME SHARED READY REASON AGE", "short-release true True Usable"),
            ("btr", "NAME KEYS READY REASON AGE", "short-build SHA256:"),
        ];
        for (name, head, row) in columns {
            let table = stage.operator().kubectl(&["get", name, "--selector=story=short"])?;
            let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
            ensure!(lines.first().is_some_and(|line| line == head), "{name}: {table}");
            ensure!(lines.iter().any(|line| line.starts_with(row)), "{name}: {table}");
        }
        let all = stage.namespace.kubectl(&["get", "bonafide"])?;
        ensure!(all.contains("web"), "the category holds reports: {all}");
        Ok(())
    })
}

fn secret_ref_requires_requesters_read(env: &Environment) -> Result<()> {
    stage(env, "secret-ref", |stage| {
        let user = "--as=writer";
        stage.namespace.kubectl(&[
            "create",
            "role",
            "writer",
            "--verb=create,get,update,patch",
            "--resource=trustroots.bonafide.dev,validators.bonafide.dev",
        ])?;
        stage.namespace.kubectl(&["create", "rolebinding", "writer", "--role=writer", "--user=writer"])?;
        let root = |names: &[&str]| {
            let key = |name: &&str| json!({"name": name, "secretKeyRef": {"name": name, "key": "k"}});
            document("TrustRoot", &json!({"keys": names.iter().map(key).collect::<Vec<_>>()}))
        };
        let validator = |host: Value| document("Validator", &json!({"cosign": {}, "registry": {"hosts": [host]}}));
        let credentials = validator(json!({"host": "registry.example.com", "credentialsRef": {"name": "theirs"}}));
        let authority = json!({"secretKeyRef": {"name": "theirs", "key": "ca.crt"}});
        let authority = validator(json!({"host": "registry.example.com", "caBundle": authority}));
        let server = |more: &Value| {
            let mut notary = json!({"server": "https://notary.example.com"});
            crate::support::merge(&mut notary, more);
            document("Validator", &json!({"notaryV1": notary}))
        };
        let login = server(&json!({"credentialsRef": {"name": "theirs"}}));
        let bundle = server(&json!({"caBundle": {"secretKeyRef": {"name": "theirs", "key": "ca.crt"}}}));
        let certificates = json!({"ca": [{"name": "ca", "secretKeyRef": {"name": "theirs", "key": "ca.crt"}}]});
        let certificates = document("TrustRoot", &json!({"certificates": certificates}));
        let theirs = [root(&["theirs"]), credentials, authority, login, bundle, certificates];
        for manifest in &theirs {
            let attempt = stage.namespace.attempt(&["create", user, "-f", "-"], manifest)?;
            refused(attempt, &["(Forbidden)", "who names a Secret must be allowed to get it: writer names theirs"])?;
        }
        // Nor by an edit of what named none.
        stage.namespace.kubectl(&["create", "role", "first", "--verb=get", "--resource=secrets", "--resource-name=own"])?;
        stage.namespace.kubectl(&["create", "rolebinding", "first", "--role=first", "--user=writer"])?;
        until_allowed(stage, &["create", user, "-f", "-"], &root(&["own"]))?;
        let attempt = stage.namespace.attempt(&["apply", user, "-f", "-"], &root(&["own", "theirs"]))?;
        refused(attempt, &["(Forbidden)", "writer names theirs"])?;
        stage.namespace.kubectl(&["create", "role", "reader", "--verb=get", "--resource=secrets", "--resource-name=theirs"])?;
        stage.namespace.kubectl(&["create", "rolebinding", "reader", "--role=reader", "--user=writer"])?;
        for manifest in &theirs {
            until_allowed(stage, &["create", user, "--dry-run=server", "-f", "-"], &manifest.replace("\"sample\"", "\"another\""))?;
        }
        Ok(())
    })
}

/// A binding is known to the authorizer a moment after it is written.
fn until_allowed(stage: &Stage<'_>, arguments: &[&str], manifest: &str) -> Result<()> {
    testbed::wait::until("the permission to count", || Ok(stage.namespace.attempt(arguments, manifest)?.ok())).map(|_| ())
}

fn sample_keeps_labels_from_those_who_may_not_change_policies(env: &Environment) -> Result<()> {
    let (namespace, admin) = (env.namespace("guarded", &[("guarded", "yes")])?, env.control_plane.kubectl());
    let guard = std::fs::read_to_string(repository().join("docs/samples/guard-namespace-labels.yaml"))?;
    // The stories share the cluster: this one guards a label that no other uses.
    namespace.apply(&guard.replace("['tier']", "['guarded']").replace("bonafide-namespace-labels", "bonafide-guarded-labels"))?;
    admin.run(&["create", "clusterrole", "labeller", "--verb=get,patch,update", "--resource=namespaces"])?;
    admin.run(&["create", "clusterrolebinding", "labeller", "--clusterrole=labeller", "--user=labeller"])?;
    let label = |label: &str| namespace.attempt(&["label", "namespace", namespace.name(), label, "--overwrite", "--as=labeller"], "");
    let mut tries = 0;
    testbed::wait::until("the guard to act", || {
        // Another value each time: what changes nothing is not refused.
        tries += 1;
        Ok(label(&format!("guarded={tries}"))?.err().filter(|denied| denied.message.contains("image policies select on")).map(|_| ()))
    })?;
    refused(label("guarded-")?, &["(Forbidden)", "image policies select on the label guarded"])?;
    admitted(label("team=shop")?).map(|_| ())
}

fn label_of_an_unusable_policy_can_be_changed(env: &Environment) -> Result<()> {
    stage(env, "unusable", |stage| {
        // It names what is not there: a state, not a mistake.
        let spec = policy(&json!({"name": "r", "images": ["**"], "verify": [{"validator": "absent"}]}));
        admitted(stage.namespace.try_create(&document("ImagePolicy", &spec))?)?;
        let unready = |object: &Value| condition(object, "Ready", "False").is_some_and(|said| said.contains("does not exist"));
        stage.namespace.wait_until(&["imagepolicies.bonafide.dev", "sample"], unready)?;
        admitted(stage.namespace.attempt(&["label", "imagepolicies.bonafide.dev", "sample", "team=shop"], "")?)?;
        let image = stage.unsigned("web")?.by_tag();
        refused(stage.pod("web", &image)?, &["(Forbidden)", "PolicyInvalid", "does not exist"])?;
        admitted(stage.namespace.attempt(&["delete", "imagepolicies.bonafide.dev", "sample"], "")?).map(|_| ())
    })
}
