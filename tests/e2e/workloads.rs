//! Every kind that makes pods: judged when it is written, and what the controllers make of it is pinned.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::Environment;

use crate::Story;
use crate::support::{Stage, admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "every_workload_kind_with_a_signed_image_is_admitted", run: every_workload_kind_with_a_signed_image_is_admitted },
    Story { name: "every_workload_kind_with_an_unsigned_image_is_refused", run: every_workload_kind_with_an_unsigned_image_is_refused },
    Story { name: "a_deployment_really_gets_its_pods", run: a_deployment_really_gets_its_pods },
    Story { name: "pods_of_every_controller_are_pinned", run: pods_of_every_controller_are_pinned },
    Story { name: "a_deployment_that_was_never_judged_gets_no_pods", run: a_deployment_that_was_never_judged_gets_no_pods },
];

const KINDS: [Kind; 7] = [
    Kind { api: "apps/v1", name: "Deployment", plural: "deployments" },
    Kind { api: "apps/v1", name: "ReplicaSet", plural: "replicasets" },
    Kind { api: "apps/v1", name: "StatefulSet", plural: "statefulsets" },
    Kind { api: "apps/v1", name: "DaemonSet", plural: "daemonsets" },
    Kind { api: "v1", name: "ReplicationController", plural: "replicationcontrollers" },
    Kind { api: "batch/v1", name: "Job", plural: "jobs" },
    Kind { api: "batch/v1", name: "CronJob", plural: "cronjobs" },
];

/// A kind that makes pods.
struct Kind {
    api: &'static str,
    name: &'static str,
    plural: &'static str,
}

impl Kind {
    /// An object of this kind called `web`, whose pods have one container called `main`.
    fn manifest(&self, image: &str, replicas: u32) -> Value {
        let labels = json!({"app": self.name});
        let restart = if self.api == "batch/v1" { "Never" } else { "Always" };
        let pod =
            json!({"metadata": {"labels": labels}, "spec": {"restartPolicy": restart, "containers": [{"name": "main", "image": image}]}});
        let spec = match self.name {
            "CronJob" => json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": pod}}}),
            "Job" => json!({"template": pod}),
            "DaemonSet" => json!({"selector": {"matchLabels": labels}, "template": pod}),
            "ReplicationController" => json!({"replicas": replicas, "selector": labels, "template": pod}),
            "StatefulSet" => json!({"replicas": replicas, "serviceName": "web", "selector": {"matchLabels": labels}, "template": pod}),
            _ => json!({"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}),
        };
        json!({"apiVersion": self.api, "kind": self.name, "metadata": {"name": "web"}, "spec": spec})
    }

    /// The image as it is stored.
    fn stored(&self, stage: &Stage<'_>) -> Result<String> {
        let object = stage.namespace.get(&[self.plural, "web"])?.with_context(|| format!("there is no {}", self.name))?;
        let template = if self.name == "CronJob" { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
        let image = object.pointer(&format!("{template}/spec/containers/0/image")).and_then(Value::as_str);
        image.map(str::to_owned).context("no image")
    }

    /// Waits for the pods of this kind and answers their images.
    fn pods(&self, stage: &Stage<'_>, count: usize) -> Result<Vec<String>> {
        let selector = format!("--selector=app={}", self.name);
        let count_is_right = |pods: &Value| pods.pointer("/items").and_then(Value::as_array).is_some_and(|pods| pods.len() == count);
        let pods = stage.namespace.wait_until(&["pods", &selector], count_is_right).with_context(|| format!("pods of a {}", self.name))?;
        let pods = pods.pointer("/items").and_then(Value::as_array).cloned().unwrap_or_default();
        let image = |pod: &Value| pod.pointer("/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(pods.iter().map(image).collect())
    }
}

fn every_workload_kind_with_a_signed_image_is_admitted(env: &Environment) -> Result<()> {
    stage(env, "kinds-signed", |stage| {
        enforced(stage)?;
        let image = stage.signed("web", &["build"])?;
        for kind in &KINDS {
            let attempt = stage.namespace.try_apply(&kind.manifest(&image.by_tag(), 0).to_string())?;
            admitted(attempt).with_context(|| kind.name)?;
            // Templates keep their tag unless the policy says `pin: All`: pods are what is pinned.
            ensure!(kind.stored(stage)? == image.by_tag(), "{}: {}", kind.name, kind.stored(stage)?);
        }
        Ok(())
    })
}

fn every_workload_kind_with_an_unsigned_image_is_refused(env: &Environment) -> Result<()> {
    stage(env, "kinds-unsigned", |stage| {
        enforced(stage)?;
        let image = stage.unsigned("web")?;
        let line = stage.denial("container \"main\"", &image.by_tag(), "NoSignature: no signature found");
        for kind in &KINDS {
            let attempt = stage.namespace.try_apply(&kind.manifest(&image.by_tag(), 0).to_string())?;
            refused(attempt, &["(Forbidden)", &line]).with_context(|| kind.name)?;
            ensure!(stage.namespace.get(&[kind.plural, "web"])?.is_none(), "a refused {} is stored", kind.name);
        }
        Ok(())
    })
}

fn a_deployment_really_gets_its_pods(env: &Environment) -> Result<()> {
    stage(env, "deployment", |stage| {
        enforced(stage)?;
        let image = stage.signed("web", &["build"])?;
        let [deployment, ..] = &KINDS;
        admitted(stage.namespace.try_apply(&deployment.manifest(&image.by_tag(), 2).to_string())?)?;
        let images = deployment.pods(stage, 2)?;
        ensure!(images == [image.pinned(), image.pinned()], "{images:?}");
        Ok(())
    })
}

fn pods_of_every_controller_are_pinned(env: &Environment) -> Result<()> {
    stage(env, "controllers", |stage| {
        enforced(stage)?;
        let image = stage.signed("web", &["build"])?;
        // A DaemonSet needs a node, a CronJob its hour.
        let kinds = KINDS.iter().filter(|kind| !["DaemonSet", "CronJob"].contains(&kind.name));
        for kind in kinds {
            admitted(stage.namespace.try_apply(&kind.manifest(&image.by_tag(), 1).to_string())?).with_context(|| kind.name)?;
            let images = kind.pods(stage, 1)?;
            ensure!(images == [image.pinned()], "{}: {images:?}", kind.name);
        }
        let job = ["create", "job", "by-hand", "--from=cronjob/web"];
        let [.., cron_job] = &KINDS;
        admitted(stage.namespace.try_apply(&cron_job.manifest(&image.by_tag(), 1).to_string())?)?;
        stage.namespace.kubectl(&job)?;
        let images = cron_job.pods(stage, 1)?;
        ensure!(images == [image.pinned()], "CronJob: {images:?}");
        Ok(())
    })
}

/// It is older than the policy and only its replica count changes, so the Deployment is left alone; its pods are judged.
fn a_deployment_that_was_never_judged_gets_no_pods(env: &Environment) -> Result<()> {
    stage(env, "unjudged", |stage| {
        let image = stage.unsigned("web")?;
        let [deployment, ..] = &KINDS;
        stage.namespace.apply(&deployment.manifest(&image.by_tag(), 0).to_string())?;
        enforced(stage)?;
        stage.namespace.kubectl(&["scale", "deployment/web", "--replicas=1"])?;
        let failure = |sets: &Value| {
            let conditions = sets.pointer("/items/0/status/conditions").and_then(Value::as_array);
            conditions.into_iter().flatten().find(|condition| condition["type"] == "ReplicaFailure").cloned()
        };
        let sets = stage.namespace.wait_until(&["replicasets"], |sets| failure(sets).is_some())?;
        let condition = failure(&sets).context("no condition")?;
        let message = condition["message"].as_str().unwrap_or_default();
        let line = stage.denial("container \"main\"", &image.by_tag(), "NoSignature: no signature found");
        ensure!(message.contains(&line), "{message}");
        ensure!(
            stage.namespace.get(&["pods", "--selector=app=Deployment"])?.is_none_or(|pods| pods["items"] == json!([])),
            "a pod was made"
        );
        Ok(())
    })
}

fn enforced(stage: &Stage<'_>) -> Result<()> {
    stage.trust(&["build"])?;
    stage.enforce()
}
