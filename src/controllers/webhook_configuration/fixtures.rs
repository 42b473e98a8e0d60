//! Values that the tests of this room share.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::{Cover, Frame, Target};

pub(super) fn cover(cluster: Option<bool>, tenants: &[&str], tenants_fail: bool) -> Cover {
    Cover { cluster, tenants: tenants.iter().map(|name| (*name).to_owned()).collect(), tenants_fail }
}

pub(super) fn frame() -> Frame {
    Frame {
        target: Target::Service { namespace: "bonafide-system".to_owned(), name: "bonafide-webhook".to_owned() },
        ca_pem: "authority".to_owned(),
        path_segment: "s3gment".to_owned(),
        exempt: ["bonafide-system", "kube-system"].map(str::to_owned).into(),
        owner: Some(OwnerReference {
            api_version: "rbac.authorization.k8s.io/v1".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: "bonafide".to_owned(),
            uid: "1".to_owned(),
            ..OwnerReference::default()
        }),
    }
}
