//! The pods of all namespaces, trimmed to what a report needs.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::{Stream, TryStreamExt};
use k8s_openapi::api::core::v1::{Container, ContainerStatus, EphemeralContainer, Pod, PodSpec, PodStatus, Volume};
use kube::Client;
use kube::api::ObjectMeta;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{PredicateConfig, WatchStreamExt, watcher};

use super::Term;
use crate::controllers::Reach;
use crate::report::PodFacts;

/// Pods in one answer of a list.
pub(super) const PAGE: u32 = 500;

/// Fills the store and yields a pod when it appears and when something changes that its report says or rests on.
pub(super) fn watch(
    client: &Client,
    reach: &Reach,
    writer: Writer<Pod>,
    term: Arc<Term>,
) -> impl Stream<Item = Result<Pod, watcher::Error>> + use<> {
    watcher(reach.api::<Pod>(client), watcher::Config::default().page_size(PAGE))
        .default_backoff()
        .modify(trim)
        .reflect(writer)
        .inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone) {
                // Already set when it is listed anew.
                let _ = term.pods_listed.set(());
            }
        })
        .applied_objects()
        .predicate_filter(facts, PredicateConfig::default())
}

fn facts(pod: &Pod) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    PodFacts::of(pod)?.hash(&mut hasher);
    Some(hasher.finish())
}

/// A cluster has many pods, and most of each is of no interest here.
fn trim(pod: &mut Pod) {
    let Pod { metadata, spec, status } = std::mem::take(pod);
    *pod = Pod { metadata: trim_metadata(metadata), spec: spec.map(trim_spec), status: status.map(trim_status) };
}

fn trim_metadata(metadata: ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        resource_version: metadata.resource_version,
        owner_references: metadata.owner_references,
        ..ObjectMeta::default()
    }
}

fn trim_spec(spec: PodSpec) -> PodSpec {
    let container = |container: Container| Container { name: container.name, image: container.image, ..Container::default() };
    let ephemeral = |container: EphemeralContainer| EphemeralContainer {
        name: container.name,
        image: container.image,
        ..EphemeralContainer::default()
    };
    let volume = |volume: Volume| volume.image.is_some().then(|| Volume { name: volume.name, image: volume.image, ..Volume::default() });
    PodSpec {
        containers: spec.containers.into_iter().map(container).collect(),
        init_containers: spec.init_containers.map(|list| list.into_iter().map(container).collect()),
        ephemeral_containers: spec.ephemeral_containers.map(|list| list.into_iter().map(ephemeral).collect()),
        volumes: spec.volumes.map(|list| list.into_iter().filter_map(volume).collect()),
        image_pull_secrets: spec.image_pull_secrets,
        service_account_name: spec.service_account_name,
        ..PodSpec::default()
    }
}

fn trim_status(status: PodStatus) -> PodStatus {
    let one = |status: ContainerStatus| ContainerStatus { name: status.name, image_id: status.image_id, ..ContainerStatus::default() };
    let all = |list: Option<Vec<ContainerStatus>>| list.map(|list| list.into_iter().map(one).collect());
    PodStatus {
        container_statuses: all(status.container_statuses),
        init_container_statuses: all(status.init_container_statuses),
        ephemeral_container_statuses: all(status.ephemeral_container_statuses),
        ..PodStatus::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Pod {
        let id = "a.io/x@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let status = |name: &str| json!([{"name": name, "image": "x", "imageID": id, "ready": true, "restartCount": 3}]);
        serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "web", "uid": "u", "annotations": {"a": "b"}, "labels": {"c": "d"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r", "controller": true}]},
            "spec": {
                "serviceAccountName": "robot", "imagePullSecrets": [{"name": "regcred"}],
                "containers": [{"name": "main", "image": "a.io/x", "env": [{"name": "SECRET", "value": "s"}]}],
                "initContainers": [{"name": "init", "image": "a.io/x", "command": ["x"]}],
                "ephemeralContainers": [{"name": "debug", "image": "a.io/x", "command": ["x"]}],
                "volumes": [{"name": "data", "image": {"reference": "a.io/data"}}, {"name": "tmp", "emptyDir": {}}]
            },
            "status": {
                "phase": "Running", "containerStatuses": status("main"), "initContainerStatuses": status("init"),
                "ephemeralContainerStatuses": status("debug")
            }
        }))
        .unwrap()
    }

    #[test]
    fn a_trimmed_pod_gives_the_same_report() {
        let mut trimmed = pod();
        trim(&mut trimmed);
        assert_eq!(PodFacts::of(&trimmed), PodFacts::of(&pod()));
        let pulls = |pod: Pod| pod.spec.map(|spec| (spec.image_pull_secrets, spec.service_account_name)).unwrap();
        assert_eq!(pulls(trimmed), pulls(pod()));
    }

    #[test]
    fn what_no_report_needs_is_not_kept() {
        let mut trimmed = pod();
        trim(&mut trimmed);
        let kept = serde_json::to_string(&trimmed).unwrap();
        for gone in ["annotations", "labels", "env", "command", "emptyDir", "Running"] {
            assert!(!kept.contains(gone), "{gone} in {kept}");
        }
    }

    #[test]
    fn a_pod_is_looked_at_again_when_its_image_ids_change_and_not_when_its_phase_does() {
        let mut other = pod();
        other.status.as_mut().unwrap().phase = Some("Failed".to_owned());
        assert_eq!(facts(&other), facts(&pod()));
        other.status.as_mut().unwrap().container_statuses = None;
        assert_ne!(facts(&other), facts(&pod()));
    }
}
