//! What a verdict on a pod rests on, apart from the policies. Pods of one workload have it in common, so it is judged once for all.

use k8s_openapi::api::core::v1::Pod;

use crate::report::{ImageGroup, Owner, PodFacts, PodImage};

/// The images of a pod as they run in its namespace, and whose credentials fetch them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Case {
    pub(super) namespace: String,
    pub(super) images: Vec<PodImage>,
    pub(super) pull_secrets: Vec<String>,
    pub(super) service_account: Option<String>,
}

/// A pod as it was seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sighting {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) owner: Option<Owner>,
    pub(super) case: Case,
}

impl Sighting {
    /// Reads a pod that the API server has stored; everything else of it is of no interest here.
    pub(super) fn of(pod: &Pod) -> Option<Self> {
        let PodFacts { namespace, name, uid, images, .. } = PodFacts::of(pod)?;
        let spec = pod.spec.as_ref();
        let named = spec.and_then(|spec| spec.image_pull_secrets.as_ref()).into_iter().flatten();
        let pull_secrets = named.map(|secret| secret.name.clone()).collect();
        let service_account = spec.and_then(|spec| spec.service_account_name.clone());
        let case = Case { namespace, images, pull_secrets, service_account };
        Some(Self { name, uid, owner: Owner::of(pod), case })
    }
}

impl Case {
    /// The distinct images.
    pub(super) fn groups(&self) -> Vec<ImageGroup> {
        PodFacts::groups_of(&self.images)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Pod {
        let id = "a.io/x@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "web-1", "uid": "u", "annotations": {"a": "b"}, "labels": {"c": "d"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r", "controller": true}]},
            "spec": {"serviceAccountName": "robot", "imagePullSecrets": [{"name": "regcred"}], "containers": [{"name": "main", "image": "a.io/x"}]},
            "status": {"phase": "Running",
                "containerStatuses": [{"name": "main", "image": "x", "imageID": id, "ready": true, "restartCount": 3}]}
        }))
        .unwrap()
    }

    fn case(change: impl FnOnce(&mut Pod)) -> Case {
        let mut pod = pod();
        change(&mut pod);
        Sighting::of(&pod).unwrap().case
    }

    #[test]
    fn pods_of_one_workload_have_one_case() {
        let of_another = case(|pod| {
            pod.metadata.name = Some("web-2".to_owned());
            pod.metadata.uid = Some("v".to_owned());
            pod.metadata.labels = None;
            pod.status.as_mut().unwrap().phase = Some("Failed".to_owned());
        });
        assert_eq!(of_another, case(|_| {}));
    }

    #[test]
    fn whatever_a_verdict_rests_on_makes_another_case() {
        let cases = [
            case(|pod| pod.metadata.namespace = Some("bank".to_owned())),
            case(|pod| pod.status = None),
            case(|pod| pod.spec.as_mut().unwrap().containers[0].image = Some("a.io/y".to_owned())),
            case(|pod| pod.spec.as_mut().unwrap().image_pull_secrets = None),
            case(|pod| pod.spec.as_mut().unwrap().service_account_name = None),
        ];
        for other in cases {
            assert_ne!(other, case(|_| {}));
        }
    }
}
