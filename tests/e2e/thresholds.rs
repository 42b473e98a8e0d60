//! How many must have signed: distinct parties, each with a key of its own, all on one digest.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Environment, Format, Image};

use crate::Story;
use crate::support::{Stage, admitted, refused, stage, yaml};

pub const STORIES: &[Story] = &[
    Story { name: "two_of_three_suffice_for_threshold_two", run: two_of_three_suffice_for_threshold_two },
    Story { name: "without_a_threshold_every_trust_root_must_sign", run: without_a_threshold_every_trust_root_must_sign },
    Story { name: "one_signer_twice_is_one", run: one_signer_twice_is_one },
    Story { name: "two_keys_of_one_trust_root_are_one_signer", run: two_keys_of_one_trust_root_are_one_signer },
    Story { name: "signatures_on_two_images_do_not_add_up", run: signatures_on_two_images_do_not_add_up },
    Story { name: "required_signer_missing_is_refused", run: required_signer_missing_is_refused },
    Story { name: "key_in_two_trust_roots_makes_the_policy_refuse", run: key_in_two_trust_roots_makes_the_policy_refuse },
];

fn two_of_three_suffice_for_threshold_two(env: &Environment) -> Result<()> {
    stage(env, "two-of-three-signed", |stage| {
        counting(stage, &["build", "qa", "security"], &json!({"threshold": 2}))?;
        for (name, signers) in [("first", ["build", "qa"]), ("last", ["qa", "security"])] {
            admitted(stage.pod(name, &stage.signed(name, &signers)?.by_tag())?)?;
        }
        let one = stage.signed("one", &["qa"])?;
        refused(stage.pod("one", &one.by_tag())?, &["(Forbidden)", &missing(stage, "qa", &["build", "security"])])?;
        Ok(())
    })
}

fn without_a_threshold_every_trust_root_must_sign(env: &Environment) -> Result<()> {
    stage(env, "all-must-sign", |stage| {
        counting(stage, &["build", "qa"], &json!({}))?;
        admitted(stage.pod("both", &stage.signed("both", &["build", "qa"])?.by_tag())?)?;
        let one = stage.signed("one", &["build"])?;
        refused(stage.pod("one", &one.by_tag())?, &["(Forbidden)", &missing(stage, "build", &["qa"])])?;
        Ok(())
    })
}

fn one_signer_twice_is_one(env: &Environment) -> Result<()> {
    stage(env, "twice", |stage| {
        counting(stage, &["build", "qa", "security"], &json!({"threshold": 2}))?;
        let image = stage.unsigned("web")?;
        let key = env.key("build")?;
        env.cosign.sign(&key, &image, Format::Legacy)?;
        env.cosign.sign(&key, &image, Format::Bundle)?;
        env.cosign.sign_with(&key, &image, Format::Bundle, &["-a", "again=true"])?;
        refused(stage.pod("web", &image.by_tag())?, &["(Forbidden)", &missing(stage, "build", &["qa", "security"])])?;
        Ok(())
    })
}

/// A trust root is one party however many keys it has.
fn two_keys_of_one_trust_root_are_one_signer(env: &Environment) -> Result<()> {
    stage(env, "two-keys", |stage| {
        let key = |signer: &str| Ok::<_, anyhow::Error>(json!({"name": signer, "pem": env.key(signer)?.public_pem}));
        let documents = [
            stage.trust_root("build", &json!([key("build")?, key("build-old")?])),
            stage.trust_root("qa", &json!([key("qa")?])),
            stage.release(&["build", "qa"], &json!({})),
        ];
        stage.operator().apply(&yaml(&documents))?;
        rule(stage, &json!({"threshold": 2}))?;
        admitted(stage.pod("both", &stage.signed("both", &["build-old", "qa"])?.by_tag())?)?;
        let image = stage.signed("one", &["build", "build-old"])?;
        refused(stage.pod("one", &image.by_tag())?, &["(Forbidden)", &missing(stage, "build", &["qa"])])?;
        Ok(())
    })
}

/// Each of two images of a repository carries one signature; the other's is copied beside it.
fn signatures_on_two_images_do_not_add_up(env: &Environment) -> Result<()> {
    stage(env, "two-images", |stage| {
        counting(stage, &["build", "qa"], &json!({}))?;
        let first = stage.unsigned("web")?;
        let second = env.images.push(&format!("{}:v2", first.repository), "the second image")?;
        env.cosign.sign(&env.key("build")?, &first, Format::Bundle)?;
        env.cosign.sign(&env.key("qa")?, &second, Format::Legacy)?;
        env.images.copy(&signature_tag(&second), &signature_tag(&first))?;
        refused(stage.pod("web", &first.by_tag())?, &["(Forbidden)", &missing(stage, "build", &["qa"])])?;
        env.cosign.sign(&env.key("build")?, &second, Format::Bundle)?;
        admitted(stage.pod("web", &second.by_tag())?).map(|_| ())
    })
}

fn required_signer_missing_is_refused(env: &Environment) -> Result<()> {
    stage(env, "required", |stage| {
        let required = stage.object("security");
        counting(stage, &["build", "qa", "security"], &json!({"threshold": 2, "required": [required]}))?;
        admitted(stage.pod("with", &stage.signed("with", &["build", "security"])?.by_tag())?)?;
        let without = stage.signed("without", &["build", "qa"])?;
        let why = format!("RequiredSignerMissing: the required signature of {required} is missing");
        refused(stage.pod("without", &without.by_tag())?, &["(Forbidden)", &stage.denial("container \"main\"", &without.by_tag(), &why)])?;
        Ok(())
    })
}

/// One signature would count twice: the rule does not compile, its policy says so, and it refuses what it selects.
fn key_in_two_trust_roots_makes_the_policy_refuse(env: &Environment) -> Result<()> {
    stage(env, "shared-key", |stage| {
        counting(stage, &["build", "qa"], &json!({}))?;
        let image = stage.signed("web", &["build", "qa"])?;
        admitted(stage.pod("before", &image.by_tag())?)?;
        let qa_with_the_key_of_build = json!([{"name": "key", "pem": env.key("build")?.public_pem}]);
        stage.operator().apply(&yaml(&[stage.trust_root("qa", &qa_with_the_key_of_build)]))?;

        let ready = stage.operator().wait_until(&["imagepolicies.bonafide.dev", &stage.object("policy")], |policy| {
            condition(policy, "Ready").is_some_and(|ready| ready["status"] == "False")
        })?;
        let ready = condition(&ready, "Ready").context("no condition")?;
        let message = ready["message"].as_str().unwrap_or_default();
        ensure!(message.contains("share the key SHA256:"), "{ready}");
        let why = "PolicyInvalid: the policy cannot be used: ";
        refused(
            stage.pod("after", &image.by_tag())?,
            &["(Forbidden)", &stage.denial("container \"main\"", &image.by_tag(), why), "share the key"],
        )?;
        Ok(())
    })
}

/// Trusts the signers and enforces one rule for every image, whose only entry has these counts.
fn counting(stage: &Stage<'_>, signers: &[&str], counts: &Value) -> Result<()> {
    stage.trust(signers)?;
    rule(stage, counts)
}

fn rule(stage: &Stage<'_>, counts: &Value) -> Result<()> {
    let mut rules = stage.verify_all();
    let entry = rules.pointer_mut("/0/verify/0").and_then(Value::as_object_mut).context("a rule without an entry")?;
    entry.extend(counts.as_object().cloned().unwrap_or_default());
    stage.policy("policy", &json!({}), &rules)
}

/// What is said when one of two needed parties has signed.
fn missing(stage: &Stage<'_>, signed: &str, missing: &[&str]) -> String {
    let missing: Vec<_> = missing.iter().map(|suffix| stage.object(suffix)).collect();
    let signed = stage.object(signed);
    format!("ThresholdNotMet: 1 of 2 needed trust roots have signed ({signed}); 1 more of {} must sign", missing.join(", "))
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().find(|condition| condition["type"] == kind)
}

fn signature_tag(image: &Image) -> String {
    format!("{}:{}.sig", image.repository, image.digest.replace(':', "-"))
}
