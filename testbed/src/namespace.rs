//! A namespace of one test's own, and what users do in it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use crate::kubectl::{Denied, Kubectl};
use crate::wait;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A namespace and a client; a temporary one is deleted with this value.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    kubectl: Kubectl,
    temporary: bool,
}

impl Namespace {
    /// One that exists and stays.
    pub fn existing(kubectl: &Kubectl, name: &str) -> Self {
        Self { name: name.to_owned(), kubectl: kubectl.clone(), temporary: false }
    }

    /// Makes one called `STORY-<n>` with labels and waits until pods can be made in it.
    pub fn temporary(kubectl: &Kubectl, story: &str, labels: &[(&str, &str)]) -> Result<Self> {
        let name = format!("{story}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        kubectl.attempt(&["create", "-f", "-"], &manifest.to_string())?.map_err(|denied| anyhow!(denied.message))?;
        let namespace = Self { name, kubectl: kubectl.clone(), temporary: true };
        wait::until("the default service account", || namespace.get(&["serviceaccount", "default"]))?;
        Ok(namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client that it uses; it does not know the namespace.
    pub fn as_kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The same namespace as somebody else, for as long as this value lives.
    #[must_use]
    pub fn with_kubectl(&self, kubectl: &Kubectl) -> Self {
        Self::existing(kubectl, &self.name)
    }

    /// Runs kubectl in this namespace and answers its standard output.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubectl.run(&self.scoped(arguments))
    }

    /// Runs kubectl in this namespace with `input`; a refusal is a value.
    pub fn attempt(&self, arguments: &[&str], input: &str) -> Result<std::result::Result<String, Denied>> {
        self.kubectl.attempt(&self.scoped(arguments), input)
    }

    /// Applies manifests (YAML) as users do; an error carries the API server's answer.
    pub fn apply(&self, manifests: &str) -> Result<()> {
        self.try_apply(manifests)?.map(|_| ()).map_err(|denied| anyhow!(denied.message))
    }

    /// Applies manifests (YAML); the answer is the warnings, or the refusal.
    pub fn try_apply(&self, manifests: &str) -> Result<std::result::Result<String, Denied>> {
        self.attempt(&["apply", "-f", "-"], manifests)
    }

    /// Creates objects, for those that have `generateName` or must not exist yet.
    pub fn try_create(&self, manifests: &str) -> Result<std::result::Result<String, Denied>> {
        self.attempt(&["create", "-f", "-"], manifests)
    }

    /// Makes a pod with one container per (name, image); the answer is the warnings, or the refusal.
    pub fn try_pod(&self, name: &str, containers: &[(&str, &str)]) -> Result<std::result::Result<String, Denied>> {
        let containers: Vec<Value> = containers.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers}});
        self.try_create(&pod.to_string())
    }

    /// Deletes an object at once, `["pod", "web"]`.
    pub fn delete(&self, object: &[&str]) -> Result<()> {
        let mut arguments = vec!["delete", "--ignore-not-found", "--now"];
        arguments.extend(object);
        self.kubectl(&arguments).map(|_| ())
    }

    /// Gets an object, `["pod", "web"]`, or a list, `["pods"]`; `None` when there is none.
    pub fn get(&self, object: &[&str]) -> Result<Option<Value>> {
        self.kubectl.get(&self.scoped(object))
    }

    /// The images of a pod's containers as stored, by container.
    pub fn pod_images(&self, pod: &str) -> Result<BTreeMap<String, String>> {
        let pod = self.get(&["pod", pod])?.with_context(|| format!("there is no pod {pod}"))?;
        let containers = pod.pointer("/spec/containers").and_then(Value::as_array).context("a pod without containers")?;
        let text = |container: &Value, key: &str| container.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(containers.iter().map(|container| (text(container, "name"), text(container, "image"))).collect())
    }

    /// `kubectl wait --for=...`, as in `["--for=condition=Ready", "imagepolicies.bonafide.dev/production"]`.
    pub fn wait(&self, arguments: &[&str]) -> Result<()> {
        let mut all = vec!["wait", "--timeout=60s"];
        all.extend(arguments);
        self.kubectl(&all).map(|_| ())
    }

    /// Waits until an object exists and satisfies `holds`, and answers it; in vain, the error shows it.
    pub fn wait_until(&self, object: &[&str], holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut last = None;
        let found = wait::until(&format!("{object:?} in {} to be as expected", self.name), || {
            last = self.get(object)?;
            Ok(last.clone().filter(&holds))
        });
        found.with_context(|| format!("{object:?} is {}", last.map_or("absent".to_owned(), |object| format!("{object:#}"))))
    }

    /// Waits until an object is gone, or a list is empty.
    pub fn wait_absent(&self, object: &[&str]) -> Result<()> {
        let what = format!("{object:?} in {} to be gone", self.name);
        wait::until(&what, || Ok(self.get(object)?.is_none().then_some(())))
    }

    /// Writes a running pod's status as the kubelet would: (container, image, image ID as `repo@sha256:...`).
    pub fn report_running(&self, pod: &str, containers: &[(&str, &str, &str)]) -> Result<()> {
        let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
        let status = |(name, image, id): &(&str, &str, &str)| {
            json!({"name": name, "image": image, "imageID": id, "containerID": "containerd://0", "ready": true,
                   "started": true, "restartCount": 0, "state": running})
        };
        let statuses: Vec<Value> = containers.iter().map(status).collect();
        let patch = json!({"status": {"phase": "Running", "containerStatuses": statuses}}).to_string();
        self.kubectl(&["patch", "pod", pod, "--subresource=status", "--type=merge", "-p", &patch]).map(|_| ())
    }

    fn scoped<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let mut all = arguments.to_vec();
        all.extend(["-n", &self.name]);
        all
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if self.temporary {
            // Not waited for: its objects are gone from every test's view with it.
            let _ = self.kubectl.run(&["delete", "namespace", &self.name, "--wait=false", "--ignore-not-found"]);
        }
    }
}
