//! Where signatures and keys are, what verification costs, and what happens when a registry does not answer.

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use testbed::{Algorithm, Environment, Format, Image, Registry, wait};

use crate::Story;
use crate::support::{Stage, admitted, refused, stage, yaml};

pub const STORIES: &[Story] = &[
    Story { name: "both_layouts_are_found_without_the_referrers_api", run: both_layouts_are_found_without_the_referrers_api },
    Story { name: "both_layouts_are_found_with_the_referrers_api", run: both_layouts_are_found_with_the_referrers_api },
    Story { name: "every_kind_of_key_verifies_in_both_layouts", run: every_kind_of_key_verifies_in_both_layouts },
    Story { name: "key_is_read_from_a_secret_and_from_a_config_map", run: key_is_read_from_a_secret_and_from_a_config_map },
    Story { name: "signatures_are_read_from_the_signature_repository", run: signatures_are_read_from_the_signature_repository },
    Story { name: "eight_containers_of_one_image_cost_one_verification", run: eight_containers_of_one_image_cost_one_verification },
    Story { name: "image_that_is_not_in_the_registry_is_not_found", run: image_that_is_not_in_the_registry_is_not_found },
    Story { name: "registry_that_is_down_is_a_fault", run: registry_that_is_down_is_a_fault },
    Story { name: "refusal_beside_a_fault_is_a_refusal", run: refusal_beside_a_fault_is_a_refusal },
    Story { name: "dry_run_answers_the_same_and_stores_nothing", run: dry_run_answers_the_same_and_stores_nothing },
];

fn both_layouts_are_found_without_the_referrers_api(env: &Environment) -> Result<()> {
    stage(env, "fallback", |stage| {
        let (bundle, legacy) = in_both_layouts(stage, &env.registry)?;
        let tags = env.images.tags(&bundle.repository)?;
        ensure!(tags.contains(&bundle.digest.replace(':', "-")), "the bundle is not behind the fallback tag: {tags:?}");
        ensure!(asked_referrers(&env.registry, &bundle)? == Some(404), "the registry has the referrers API");
        let tags = env.images.tags(&legacy.repository)?;
        ensure!(tags.contains(&format!("{}.sig", legacy.digest.replace(':', "-"))), "{tags:?}");
        Ok(())
    })
}

fn both_layouts_are_found_with_the_referrers_api(env: &Environment) -> Result<()> {
    stage(env, "referrers", |stage| {
        let (bundle, _) = in_both_layouts(stage, &env.referrers_registry)?;
        let tags = env.images.tags(&bundle.repository)?;
        ensure!(tags == ["v1"], "the bundle can be found by tag too: {tags:?}");
        ensure!(asked_referrers(&env.referrers_registry, &bundle)? == Some(200), "the referrers API was not asked");
        Ok(())
    })
}

/// One image per layout is admitted, and one without a signature is not.
fn in_both_layouts(stage: &Stage<'_>, registry: &Registry) -> Result<(Image, Image)> {
    stage.trust(&["build"])?;
    stage.enforce()?;
    let key = stage.env.key("build")?;
    let sign = |name, format| {
        let image = stage.push(registry, name)?;
        stage.env.cosign.sign(&key, &image, format)?;
        admitted(stage.pod(name, &image.by_tag())?)?;
        Ok::<_, anyhow::Error>(image)
    };
    let (bundle, legacy) = (sign("bundle", Format::Bundle)?, sign("legacy", Format::Legacy)?);
    refused(stage.pod("unsigned", &stage.push(registry, "unsigned")?.by_tag())?, &["(Forbidden)", "NoSignature"])?;
    Ok((bundle, legacy))
}

/// The last answer of the referrers API about an image.
fn asked_referrers(registry: &Registry, image: &Image) -> Result<Option<u16>> {
    let needle = format!("/referrers/{}", image.digest);
    Ok(registry.requests()?.iter().rev().find(|request| request.path.contains(&needle)).map(|request| request.status))
}

fn every_kind_of_key_verifies_in_both_layouts(env: &Environment) -> Result<()> {
    const KINDS: [(&str, Algorithm); 4] =
        [("p256", Algorithm::P256), ("p384", Algorithm::P384), ("ed25519", Algorithm::Ed25519), ("rsa", Algorithm::Rsa)];
    stage(env, "key-kinds", |stage| {
        let mut keys = Vec::new();
        for (name, algorithm) in KINDS {
            keys.push((name, env.cosign.key_of(&stage.object(name), algorithm)?));
        }
        let pems: Vec<_> = keys.iter().map(|(name, key)| json!({"name": name, "pem": key.public_pem})).collect();
        stage.operator().apply(&yaml(&[stage.trust_root("keys", &json!(pems)), stage.release(&["keys"], &json!({}))]))?;
        stage.enforce()?;
        for (name, key) in &keys {
            for (layout, format) in [("bundle", Format::Bundle), ("legacy", Format::Legacy)] {
                let name = format!("{name}-{layout}");
                let image = stage.unsigned(&name)?;
                env.cosign.sign(key, &image, format)?;
                admitted(stage.pod(&name, &image.by_tag())?)?;
            }
        }
        Ok(())
    })
}

fn key_is_read_from_a_secret_and_from_a_config_map(env: &Environment) -> Result<()> {
    stage(env, "key-sources", |stage| {
        let data = |signer: &str| Ok::<_, anyhow::Error>(json!({"cosign.pub": env.key(signer)?.public_pem}));
        let reference = json!({"name": stage.object("key"), "key": "cosign.pub"});
        let documents = [
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": stage.metadata("key"), "stringData": data("build")?}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": stage.metadata("key"), "data": data("qa")?}),
            stage.trust_root("secret", &json!([{"name": "key", "secretKeyRef": reference}])),
            stage.trust_root("map", &json!([{"name": "key", "configMapKeyRef": reference}])),
            stage.release(&["secret", "map"], &json!({})),
        ];
        stage.operator().apply(&yaml(&documents))?;
        stage.enforce()?;
        // Both must have signed, so neither source can stand in for the other.
        admitted(stage.pod("both", &stage.signed("both", &["build", "qa"])?.by_tag())?)?;
        let half = stage.signed("half", &["build"])?;
        refused(stage.pod("half", &half.by_tag())?, &["ThresholdNotMet", &format!("signed ({})", stage.object("secret"))])?;
        let half = stage.signed("other-half", &["qa"])?;
        refused(stage.pod("other-half", &half.by_tag())?, &["ThresholdNotMet", &format!("signed ({})", stage.object("map"))])?;
        Ok(())
    })
}
