//! Other mutating webhooks that change pods after we have looked at them.

use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::Environment;

use crate::Story;
use crate::support::{Stage, admitted, refused, stage};
use crate::tls::Webhook;

pub const STORIES: &[Story] = &[
    Story { name: "tag_restored_after_mutation_is_refused", run: tag_restored_after_mutation_is_refused },
    Story { name: "tag_restored_once_is_pinned_again", run: tag_restored_once_is_pinned_again },
    Story { name: "image_added_by_a_second_mutating_webhook_is_caught", run: image_added_by_a_second_mutating_webhook_is_caught },
    Story { name: "image_swapped_after_the_last_mutation_is_refused", run: image_swapped_after_the_last_mutation_is_refused },
];

/// Sorted after ours, so that it is called after us.
struct Second<'a> {
    stage: &'a Stage<'a>,
    webhook: Webhook,
}

impl<'a> Second<'a> {
    fn install(stage: &'a Stage<'a>, reinvocation: &str, mutate: impl Fn(u32, &Value) -> Value + Send + Sync + 'static) -> Result<Self> {
        let second = Self { stage, webhook: Webhook::start(mutate)? };
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": second.name()},
            "webhooks": [{
                "name": "second.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "reinvocationPolicy": reinvocation,
                "clientConfig": {"url": second.webhook.url, "caBundle": second.webhook.ca_bundle},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stage.namespace.name()}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]
            }]
        });
        stage.namespace.apply(&configuration.to_string())?;
        second.wait_called()?;
        Ok(second)
    }

    fn name(&self) -> String {
        format!("zz-{}", self.stage.namespace.name())
    }

    /// A configuration is in force a moment after it was written. Counts from nothing again then.
    fn wait_called(&self) -> Result<()> {
        testbed::wait::until("the second webhook to be called", || {
            let _ = self.stage.namespace.attempt(&["run", "probe", "--image=probe.example/probe:v1", "--dry-run=server"], "")?;
            Ok((self.webhook.calls.load(Ordering::SeqCst) > 0).then_some(()))
        })?;
        self.webhook.calls.store(0, Ordering::SeqCst);
        Ok(())
    }

    fn calls(&self) -> u32 {
        self.webhook.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Second<'_> {
    fn drop(&mut self) {
        let _ = self.stage.namespace.kubectl(&["delete", "mutatingwebhookconfiguration", &self.name()]);
    }
}

/// The patch that sets the first container's image.
fn set_image(image: &str) -> Value {
    json!([{"op": "replace", "path": "/spec/containers/0/image", "value": image}])
}

fn first_image(pod: &Value) -> &str {
    pod.pointer("/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default()
}

/// Takes the digest off again.
fn restore_tag(pod: &Value) -> Value {
    match first_image(pod).split_once('@') {
        Some((tagged, _)) => set_image(tagged),
        None => json!([]),
    }
}

fn tag_restored_after_mutation_is_refused(env: &Environment) -> Result<()> {
    stage(env, "restored", |stage| {
        stage.trust(&["build"])?;
        let second = Second::install(stage, "IfNeeded", |_, pod| restore_tag(pod))?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?;
        refused(stage.pod("web", &image.by_tag())?, &["(Forbidden)", "container \"main\"", "NotPinned"])?;
        ensure!(second.calls() == 2, "it had the last word among the mutating webhooks: {} calls", second.calls());
        Ok(())
    })
}

fn tag_restored_once_is_pinned_again(env: &Environment) -> Result<()> {
    stage(env, "repinned", |stage| {
        stage.trust(&["build"])?;
        let second = Second::install(stage, "Never", |_, pod| restore_tag(pod))?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        ensure!(second.calls() == 1, "{} calls", second.calls());
        let images = stage.namespace.pod_images("web")?;
        ensure!(images.values().eq([&image.pinned()]), "{images:?}");
        Ok(())
    })
}

fn image_added_by_a_second_mutating_webhook_is_caught(env: &Environment) -> Result<()> {
    stage(env, "added", |stage| {
        stage.trust(&["build"])?;
        let (unsigned, sidecar) = (stage.unsigned("unsigned")?, stage.signed("sidecar", &["build"])?);
        let (bad, good) = (unsigned.by_tag(), sidecar.by_tag());
        let add = move |_: u32, pod: &Value| {
            let image = if pod["metadata"]["name"] == "good" { &good } else { &bad };
            let there = pod["spec"]["containers"].as_array().is_some_and(|containers| containers.len() > 1);
            if there {
                json!([])
            } else {
                json!([{"op": "add", "path": "/spec/containers/-", "value": {"name": "sidecar", "image": image}}])
            }
        };
        let _second = Second::install(stage, "Never", add)?;
        stage.enforce()?;
        let web = stage.signed("web", &["build"])?;
        let message = refused(stage.pod("bad", &web.by_tag())?, &["(Forbidden)", "container \"sidecar\"", "NoSignature"])?;
        ensure!(!message.contains("container \"main\""), "{message}");
        admitted(stage.pod("good", &web.by_tag())?)?;
        let images = stage.namespace.pod_images("good")?;
        ensure!(images["main"] == web.pinned() && images["sidecar"] == sidecar.pinned(), "{images:?}");
        Ok(())
    })
}

fn image_swapped_after_the_last_mutation_is_refused(env: &Environment) -> Result<()> {
    stage(env, "swapped", |stage| {
        stage.trust(&["build"])?;
        let unsigned = stage.unsigned("unsigned")?;
        let bad = unsigned.by_digest();
        // The restored tag brings us back once; what is swapped in then no mutating webhook of ours sees any more.
        let swap = move |call: u32, pod: &Value| if call == 1 { restore_tag(pod) } else { set_image(&bad) };
        let second = Second::install(stage, "IfNeeded", swap)?;
        stage.enforce()?;
        let web = stage.signed("web", &["build"])?;
        refused(stage.pod("web", &web.by_tag())?, &["(Forbidden)", &unsigned.by_digest(), "NoSignature"])?;
        ensure!(second.calls() == 2, "{} calls", second.calls());
        Ok(())
    })
}
