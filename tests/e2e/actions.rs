//! What several stories do: dry runs, Deployments, policies of a tenant, and how long something takes to act.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::{Namespace, wait};

use crate::support::{Attempt, Stage, yaml};

/// A pod with one container called `main`.
pub fn pod(name: &str, image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "main", "image": image}]}})
}

/// A Deployment whose pods have one container called `main`.
pub fn deployment(name: &str, image: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}]}}
        }
    })
}

/// Asks whether a pod may run, without making it.
pub fn would_run(namespace: &Namespace, image: &str) -> Result<Attempt> {
    namespace.attempt(&["create", "--dry-run=server", "-f", "-"], &pod("asked", image).to_string())
}

/// Waits until a pod with this image would be refused with a text; answers how long after `since`, and prints it.
pub fn until_refused(namespace: &Namespace, image: &str, text: &str, since: Instant) -> Result<Duration> {
    wait::until(&format!("{image} to be refused with {text:?}"), || {
        Ok(would_run(namespace, image)?.err().filter(|denied| denied.message.contains(text)).map(|_| ()))
    })?;
    Ok(since.elapsed())
}

/// Waits until a pod with this image would be admitted; answers how long after `since`.
pub fn until_admitted(namespace: &Namespace, image: &str, since: Instant) -> Result<Duration> {
    wait::until(&format!("{image} to be admitted"), || Ok(would_run(namespace, image)?.ok()))?;
    Ok(since.elapsed())
}

/// Prints a measured time and fails when it is over the limit, which leaves room for a loaded machine.
pub fn within(what: &str, took: Duration, limit: Duration) -> Result<()> {
    println!("{what}: {} ms", took.as_millis());
    ensure!(took <= limit, "{what} took {took:?}, more than {limit:?}");
    Ok(())
}

/// A policy in the story's own namespace, as its tenant writes it. Waits until it is Ready.
pub fn tenant_policy(stage: &Stage<'_>, name: &str, settings: &Value, rules: &Value) -> Result<()> {
    let mut spec = json!({"mode": "Enforce", "unmatched": "Allow", "rules": rules});
    for (key, value) in settings.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    let document = json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "ImagePolicy", "metadata": {"name": name}, "spec": spec});
    stage.namespace.apply(&yaml(&[document]))?;
    stage.namespace.wait(&["--for=condition=Ready", &format!("imagepolicies.bonafide.dev/{name}")])
}

/// The message of a condition, if the object has it with this status.
pub fn condition(object: &Value, kind: &str, status: &str) -> Option<String> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == kind && condition["status"] == status)?;
    Some(format!("{}: {}", found["reason"].as_str()?, found["message"].as_str()?))
}
