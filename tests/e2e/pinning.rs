//! Where a tag becomes the digest that was verified, and that it stays that digest.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Environment, Format, Image};

use crate::Story;
use crate::actions::{deployment, until_refused};
use crate::support::{Stage, admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "pin_pods_leaves_templates_alone", run: pin_pods_leaves_templates_alone },
    Story { name: "pin_never_wants_the_digest_written", run: pin_never_wants_the_digest_written },
    Story { name: "pin_all_keeps_the_digest_of_a_manifest_applied_again", run: pin_all_keeps_the_digest_of_a_manifest_applied_again },
];

fn pin_pods_leaves_templates_alone(env: &Environment) -> Result<()> {
    stage(env, "pin-pods", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"pin": "Pods"}), &stage.verify_all())?;
        let image = stage.signed("web", &["build"])?;
        stage.namespace.apply(&deployment("web", &image.by_tag(), 1).to_string())?;
        let stored = stage.namespace.get(&["deployment", "web"])?.context("the Deployment")?;
        ensure!(template_image(&stored) == Some(image.by_tag()), "{stored:#}");
        let pods = stage.namespace.wait_until(&["pods"], |pods| pods.pointer("/items/0").is_some())?;
        let runs = pods.pointer("/items/0/spec/containers/0/image").and_then(Value::as_str);
        ensure!(runs == Some(image.pinned().as_str()), "{runs:?}");
        Ok(())
    })
}

fn pin_never_wants_the_digest_written(env: &Environment) -> Result<()> {
    stage(env, "pin-never", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"pin": "Never"}), &stage.verify_all())?;
        let image = stage.signed("web", &["build"])?;
        let message = refused(stage.pod("web", &image.by_tag())?, &["(Forbidden)", "NotPinned"])?;
        ensure!(message.contains("carries no digest"), "the message says what to do: {message}");
        refused(stage.namespace.try_apply(&deployment("web", &image.by_tag(), 1).to_string())?, &["NotPinned"])?;
        for (name, reference) in [("digest", image.by_digest()), ("both", image.pinned())] {
            admitted(stage.pod(name, &reference)?)?;
            let images = stage.namespace.pod_images(name)?;
            ensure!(images.values().eq([&reference]), "{images:?}");
        }
        Ok(())
    })
}

fn pin_all_keeps_the_digest_of_a_manifest_applied_again(env: &Environment) -> Result<()> {
    stage(env, "pin-all", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"pin": "All"}), &stage.verify_all())?;
        let image = stage.signed("web", &["build"])?;
        let manifest = deployment("web", &image.by_tag(), 0).to_string();
        stage.namespace.apply(&manifest)?;
        let first = settled(stage)?;
        ensure!(template_image(&first) == Some(image.pinned()), "{first:#}");

        stage.namespace.apply(&manifest)?;
        ensure!(identity(&settled(stage)?) == identity(&first), "applying it again has changed it");

        let moved = other_image_under_the_same_tag(stage, &image)?;
        stage.namespace.apply(&manifest)?;
        ensure!(identity(&settled(stage)?) == identity(&first), "applying it after the tag had moved has changed it");

        // Whoever wants the new image writes it.
        stage.namespace.apply(&deployment("web", &moved.pinned(), 0).to_string())?;
        ensure!(template_image(&settled(stage)?) == Some(moved.pinned()));

        // The digest is kept for what is stored, not for what somebody makes anew.
        env.images.push(&image.by_tag(), "unsigned under the same tag")?;
        stage.namespace.apply(&deployment("web", &moved.by_tag(), 0).to_string())?;
        ensure!(template_image(&settled(stage)?) == Some(moved.pinned()));
        until_refused(stage.namespace, &image.by_tag(), "NoSignature", Instant::now()).map(|_| ())
    })
}

fn other_image_under_the_same_tag(stage: &Stage<'_>, image: &Image) -> Result<Image> {
    let moved = stage.env.images.push(&image.by_tag(), "another image under the same tag")?;
    stage.env.cosign.sign(&stage.env.key("build")?, &moved, Format::Bundle)?;
    ensure!(moved.digest != image.digest);
    Ok(moved)
}

/// The Deployment once its controller has seen it.
fn settled(stage: &Stage<'_>) -> Result<Value> {
    stage.namespace.wait_until(&["deployment", "web"], |stored| {
        stored.pointer("/status/observedGeneration").is_some_and(|seen| Some(seen) == stored.pointer("/metadata/generation"))
    })
}

/// What changes when the spec or its metadata do.
fn identity(stored: &Value) -> (Option<&Value>, Option<&Value>) {
    (stored.pointer("/metadata/generation"), stored.pointer("/spec"))
}

fn template_image(stored: &Value) -> Option<String> {
    stored.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).map(str::to_owned)
}
