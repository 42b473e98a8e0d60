//! What is stored already is never held up; what is new is always judged, whoever claims what about it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::Environment;

use crate::Story;
use crate::actions::{deployment, pod};
use crate::support::{Attempt, Stage, admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "refused_deployment_can_be_scaled_repaired_and_deleted", run: refused_deployment_can_be_scaled_repaired_and_deleted },
    Story { name: "labels_and_finalizers_of_a_refused_pod_go_through", run: labels_and_finalizers_of_a_refused_pod_go_through },
    Story { name: "terminating_pod_with_new_image_is_verified", run: terminating_pod_with_new_image_is_verified },
    Story { name: "new_image_beside_an_old_one_is_judged_alone", run: new_image_beside_an_old_one_is_judged_alone },
    Story { name: "pod_label_cannot_leave_cluster_policy", run: pod_label_cannot_leave_cluster_policy },
    Story { name: "owner_replicas_and_pull_policy_excuse_nothing", run: owner_replicas_and_pull_policy_excuse_nothing },
];

fn patch(stage: &Stage<'_>, object: &str, kind: &str, patch: &Value) -> Result<Attempt> {
    stage.namespace.attempt(&["patch", object, &format!("--type={kind}"), "-p", &patch.to_string()], "")
}

/// A patch of the image of the container `main` in a Pod.
fn image(image: &str) -> Value {
    json!({"spec": {"containers": [{"name": "main", "image": image}]}})
}

fn refused_deployment_can_be_scaled_repaired_and_deleted(env: &Environment) -> Result<()> {
    stage(env, "old-deployment", |stage| {
        let old = stage.unsigned("web")?.by_tag();
        stage.namespace.apply(&deployment("web", &old, 2).to_string())?;
        wait_pods(stage, 2, &old)?;
        stage.trust(&["build"])?;
        stage.enforce()?;
        refused(stage.pod("probe", &old)?, &["NoSignature"])?;

        admitted(stage.namespace.attempt(&["scale", "deployment/web", "--replicas=1"], "")?)?;
        wait_pods(stage, 1, &old)?;
        admitted(patch(stage, "deployment/web", "merge", &json!({"spec": {"paused": true, "replicas": 1}}))?)?;
        admitted(patch(stage, "deployment/web", "merge", &json!({"spec": {"paused": false}}))?)?;
        admitted(stage.namespace.attempt(&["annotate", "deployment/web", "looked-at=yes"], "")?)?;

        let other = stage.unsigned("other")?.by_tag();
        refused(stage.namespace.attempt(&["set", "image", "deployment/web", &format!("main={other}")], "")?, &["NoSignature"])?;
        let signed = stage.signed("signed", &["build"])?;
        admitted(stage.namespace.attempt(&["set", "image", "deployment/web", &format!("main={}", signed.by_tag())], "")?)?;
        stage.namespace.wait_until(&["pods"], |pods| images(pods).contains(&signed.pinned()))?;
        stage.namespace.kubectl(&["delete", "deployment/web", "--cascade=foreground", "--timeout=60s"])?;
        stage.namespace.wait_absent(&["deployment", "web"])
    })
}

fn images(pods: &Value) -> Vec<String> {
    let items = pods["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|pod| pod.pointer("/spec/containers/0/image")?.as_str().map(str::to_owned)).collect()
}

fn wait_pods(stage: &Stage<'_>, count: usize, image: &str) -> Result<()> {
    let holds = |pods: &Value| images(pods).len() == count && images(pods).iter().all(|found| found == image);
    stage.namespace.wait_until(&["pods"], holds).map(|_| ())
}

fn labels_and_finalizers_of_a_refused_pod_go_through(env: &Environment) -> Result<()> {
    stage(env, "old-pod", |stage| {
        let old = stage.unsigned("web")?.by_tag();
        admitted(stage.pod("web", &old)?)?;
        stage.trust(&["build"])?;
        stage.enforce()?;
        refused(stage.pod("probe", &old)?, &["NoSignature"])?;

        admitted(stage.namespace.attempt(&["label", "pod", "web", "looked-at=yes"], "")?)?;
        admitted(patch(stage, "pod/web", "merge", &json!({"metadata": {"finalizers": ["example.com/hold"]}}))?)?;
        stage.namespace.report_running("web", &[("main", &old, &old)])?;
        stage.namespace.kubectl(&["delete", "pod", "web", "--now", "--wait=false"])?;
        admitted(patch(stage, "pod/web", "merge", &json!({"metadata": {"finalizers": null}}))?)?;
        stage.namespace.wait_absent(&["pod", "web"])
    })
}

fn terminating_pod_with_new_image_is_verified(env: &Environment) -> Result<()> {
    stage(env, "terminating", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let signed = stage.signed("web", &["build"])?;
        let mut manifest = pod("web", &signed.by_tag());
        manifest["metadata"]["finalizers"] = json!(["example.com/hold"]);
        admitted(stage.namespace.try_create(&manifest.to_string())?)?;
        stage.namespace.kubectl(&["delete", "pod", "web", "--now", "--wait=false"])?;
        let terminating = stage.namespace.get(&["pod", "web"])?.context("the pod")?;
        ensure!(terminating.pointer("/metadata/deletionTimestamp").is_some(), "{terminating:#}");

        let unsigned = stage.unsigned("other")?.by_tag();
        refused(patch(stage, "pod/web", "strategic", &image(&unsigned))?, &["(Forbidden)", "NoSignature"])?;
        ensure!(stage.namespace.pod_images("web")?.values().eq([&signed.pinned()]));
        let newer = stage.signed("newer", &["build"])?;
        admitted(patch(stage, "pod/web", "strategic", &image(&newer.by_tag()))?)?;
        ensure!(stage.namespace.pod_images("web")?.values().eq([&newer.pinned()]), "a new image of an old pod is pinned, too");
        admitted(patch(stage, "pod/web", "merge", &json!({"metadata": {"finalizers": null}}))?)?;
        stage.namespace.wait_absent(&["pod", "web"])
    })
}

fn new_image_beside_an_old_one_is_judged_alone(env: &Environment) -> Result<()> {
    stage(env, "beside", |stage| {
        let (one, two) = (stage.unsigned("one")?.by_tag(), stage.unsigned("two")?.by_tag());
        admitted(stage.namespace.try_pod("web", &[("one", &one), ("two", &two)])?)?;
        stage.trust(&["build"])?;
        stage.enforce()?;

        let set = |container: &str, image: &str| json!({"spec": {"containers": [{"name": container, "image": image}]}});
        let signed = stage.signed("signed", &["build"])?;
        admitted(patch(stage, "pod/web", "strategic", &set("two", &signed.by_tag()))?)?;
        let images = stage.namespace.pod_images("web")?;
        ensure!(images["one"] == one && images["two"] == signed.pinned(), "{images:?}");
        // An old image is old where it is, not in another container.
        let message = refused(patch(stage, "pod/web", "strategic", &set("two", &one))?, &["container \"two\"", "NoSignature"])?;
        ensure!(!message.contains("container \"one\""), "{message}");
        Ok(())
    })
}

fn pod_label_cannot_leave_cluster_policy(env: &Environment) -> Result<()> {
    stage(env, "forged-labels", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.unsigned("web")?.by_tag();
        let claims = json!({
            "story": "another", "bonafide.dev/paused": "true", "bonafide.dev/exempt": "true", "bonafide.dev/verified": "true",
            "kubernetes.io/metadata.name": "bonafide-system", "control-plane": "true", "admissions.enforcer/disabled": "true",
        });
        for field in ["labels", "annotations"] {
            let mut manifest = pod("web", &image);
            manifest["metadata"][field] = claims.clone();
            refused(stage.namespace.try_create(&manifest.to_string())?, &["(Forbidden)", "NoSignature"])?;
        }
        Ok(())
    })
}

fn owner_replicas_and_pull_policy_excuse_nothing(env: &Environment) -> Result<()> {
    stage(env, "forged-owner", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let signed = stage.signed("signed", &["build"])?.by_tag();
        let unsigned = stage.unsigned("web")?.by_tag();
        stage.namespace.apply(&deployment("owner", &signed, 1).to_string())?;
        let sets = stage.namespace.wait_until(&["replicasets"], |sets| sets.pointer("/items/0").is_some())?;
        let set = sets.pointer("/items/0/metadata").context("a ReplicaSet")?;

        // A pod of an owner that was admitted itself.
        let mut owned = pod("owned", &unsigned);
        owned["metadata"]["labels"] = set["labels"].clone();
        owned["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set["name"], "uid": set["uid"], "controller": true}]);
        refused(stage.namespace.try_create(&owned.to_string())?, &["(Forbidden)", "NoSignature"])?;

        let mut resident = pod("resident", &unsigned);
        resident["spec"]["containers"][0]["imagePullPolicy"] = json!("Never");
        refused(stage.namespace.try_create(&resident.to_string())?, &["(Forbidden)", "NoSignature"])?;
        let idle = deployment("idle", &unsigned, 0).to_string();
        refused(stage.namespace.try_create(&idle)?, &["(Forbidden)", "NoSignature"]).map(|_| ())
    })
}
