//! Every place of a pod that names an image: init containers, ephemeral containers, image volumes, and several at once.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::{Environment, Image};

use crate::Story;
use crate::support::{Attempt, Stage, admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "init_container_signed_runs_pinned", run: init_container_signed_runs_pinned },
    Story { name: "init_container_unsigned_is_refused", run: init_container_unsigned_is_refused },
    Story { name: "ephemeral_container_signed_runs_pinned", run: ephemeral_container_signed_runs_pinned },
    Story { name: "ephemeral_container_unsigned_is_refused", run: ephemeral_container_unsigned_is_refused },
    Story { name: "image_volume_signed_is_pinned", run: image_volume_signed_is_pinned },
    Story { name: "image_volume_unsigned_is_refused", run: image_volume_unsigned_is_refused },
    Story { name: "image_volume_of_a_deployment_is_judged", run: image_volume_of_a_deployment_is_judged },
    Story { name: "two_failing_images_are_both_named", run: two_failing_images_are_both_named },
    Story { name: "one_image_in_two_containers_names_both", run: one_image_in_two_containers_names_both },
];

fn init_container_signed_runs_pinned(env: &Environment) -> Result<()> {
    stage(env, "init-signed", |stage| {
        let images = images(stage)?;
        admitted(with_init(stage, &images.signed, &images.signed)?)?;
        expect(stage, "/spec/initContainers/0/image", &images.signed.pinned())?;
        expect(stage, "/spec/containers/0/image", &images.signed.pinned())
    })
}

fn init_container_unsigned_is_refused(env: &Environment) -> Result<()> {
    stage(env, "init-unsigned", |stage| {
        let images = images(stage)?;
        let line = stage.denial("init container \"setup\"", &images.unsigned.by_tag(), "NoSignature");
        let message = refused(with_init(stage, &images.signed, &images.unsigned)?, &["1 of 2 images may not run:", &line])?;
        ensure!(!message.contains(&images.signed.by_tag()), "a good image is complained of: {message}");
        Ok(())
    })
}

fn ephemeral_container_signed_runs_pinned(env: &Environment) -> Result<()> {
    stage(env, "debug-signed", |stage| {
        let images = images(stage)?;
        admitted(stage.pod("web", &images.signed.by_tag())?)?;
        let tool = stage.signed("tool", &["build"])?;
        admitted(debug(stage, &tool)?)?;
        expect(stage, "/spec/ephemeralContainers/0/image", &tool.pinned())?;
        expect(stage, "/spec/containers/0/image", &images.signed.pinned())
    })
}

fn ephemeral_container_unsigned_is_refused(env: &Environment) -> Result<()> {
    stage(env, "debug-unsigned", |stage| {
        let images = images(stage)?;
        admitted(stage.pod("web", &images.signed.by_tag())?)?;
        let line = stage.denial("ephemeral container \"debugger\"", &images.unsigned.by_tag(), "NoSignature");
        // The pod's other image is not new, so it is not counted.
        refused(debug(stage, &images.unsigned)?, &["the image may not run:", &line])?;
        let pod = stage.namespace.get(&["pod", "web"])?.unwrap_or_default();
        ensure!(pod.pointer("/spec/ephemeralContainers").is_none(), "the refused container is stored");
        Ok(())
    })
}

fn image_volume_signed_is_pinned(env: &Environment) -> Result<()> {
    stage(env, "volume-signed", |stage| {
        let images = images(stage)?;
        let model = stage.signed("model", &["build"])?;
        admitted(stage.namespace.try_create(&pod("web", &with_volume(&images.signed, &model)))?)?;
        expect(stage, "/spec/volumes/0/image/reference", &model.pinned())
    })
}

fn image_volume_unsigned_is_refused(env: &Environment) -> Result<()> {
    stage(env, "volume-unsigned", |stage| {
        let images = images(stage)?;
        let line = stage.denial("image volume \"model\"", &images.unsigned.by_tag(), "NoSignature");
        let attempt = stage.namespace.try_create(&pod("web", &with_volume(&images.signed, &images.unsigned)))?;
        refused(attempt, &["1 of 2 images may not run:", &line])?;
        Ok(())
    })
}

fn image_volume_of_a_deployment_is_judged(env: &Environment) -> Result<()> {
    stage(env, "volume-template", |stage| {
        let images = images(stage)?;
        let deployment = |data: &Image| {
            let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": with_volume(&images.signed, data)});
            let spec = json!({"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template});
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}).to_string()
        };
        let line = stage.denial("image volume \"model\"", &images.unsigned.by_tag(), "NoSignature");
        refused(stage.namespace.try_apply(&deployment(&images.unsigned))?, &[&line])?;
        admitted(stage.namespace.try_apply(&deployment(&images.signed))?).map(|_| ())
    })
}

fn two_failing_images_are_both_named(env: &Environment) -> Result<()> {
    stage(env, "two-of-three", |stage| {
        let images = images(stage)?;
        let foreign = stage.signed("foreign", &["stranger"])?;
        let spec = json!({
            "initContainers": [{"name": "setup", "image": foreign.by_tag()}],
            "containers": [{"name": "app", "image": images.unsigned.by_tag()}, {"name": "sidecar", "image": images.signed.by_tag()}],
        });
        let unsigned = stage.denial("container \"app\"", &images.unsigned.by_tag(), "NoSignature");
        let untrusted = stage.denial("init container \"setup\"", &foreign.by_tag(), "UntrustedSigner");
        let expected = ["(Forbidden)", "2 of 3 images may not run:", &unsigned, &untrusted];
        let message = refused(stage.namespace.try_create(&pod("web", &spec))?, &expected)?;
        ensure!(!message.contains("sidecar"), "a good container is complained of: {message}");
        Ok(())
    })
}

fn one_image_in_two_containers_names_both(env: &Environment) -> Result<()> {
    stage(env, "two-places", |stage| {
        let image = images(stage)?.unsigned.by_tag();
        let line = stage.denial("container \"one\", container \"two\"", &image, "NoSignature");
        refused(stage.namespace.try_pod("web", &[("one", &image), ("two", &image)])?, &["the image may not run:", &line])?;
        Ok(())
    })
}

/// What a pod here may and may not run.
struct Images {
    signed: Image,
    unsigned: Image,
}

/// Enforces signatures by `build` and makes the images.
fn images(stage: &Stage<'_>) -> Result<Images> {
    stage.trust(&["build"])?;
    stage.enforce()?;
    Ok(Images { signed: stage.signed("web", &["build"])?, unsigned: stage.unsigned("unsigned")? })
}

fn with_init(stage: &Stage<'_>, main: &Image, init: &Image) -> Result<Attempt> {
    let spec = json!({
        "initContainers": [{"name": "setup", "image": init.by_tag()}],
        "containers": [{"name": "main", "image": main.by_tag()}],
    });
    stage.namespace.try_create(&pod("web", &spec))
}

fn with_volume(main: &Image, data: &Image) -> Value {
    json!({
        "containers": [{"name": "main", "image": main.by_tag(), "volumeMounts": [{"name": "model", "mountPath": "/model"}]}],
        "volumes": [{"name": "model", "image": {"reference": data.by_tag(), "pullPolicy": "IfNotPresent"}}],
    })
}

/// Adds an ephemeral container `debugger` to the pod `web`.
pub fn debug(stage: &Stage<'_>, tool: &Image) -> Result<Attempt> {
    let image = format!("--image={}", tool.by_tag());
    stage.namespace.attempt(&["debug", "web", &image, "--container=debugger", "--profile=general"], "")
}

fn pod(name: &str, spec: &Value) -> String {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}).to_string()
}

/// The stored pod `web` has this text there.
fn expect(stage: &Stage<'_>, pointer: &str, text: &str) -> Result<()> {
    let pod = stage.namespace.get(&["pod", "web"])?.unwrap_or_default();
    let found = pod.pointer(pointer).and_then(Value::as_str);
    ensure!(found == Some(text), "{pointer} is {found:?}, not {text}");
    Ok(())
}
