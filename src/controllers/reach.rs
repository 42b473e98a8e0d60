//! How much of the cluster an operator looks at.

use k8s_openapi::NamespaceResourceScope;
use kube::api::{ApiResource, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource};

/// All of it, or one namespace for people without rights on the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every namespace.
    Cluster,
    /// Nothing but this namespace: not even the labels of it are read.
    Namespace(String),
}

impl Reach {
    /// The objects of a kind within reach.
    pub(super) fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::Cluster => Api::all(client.clone()),
            Self::Namespace(name) => Api::namespaced(client.clone(), name),
        }
    }

    /// The same for a kind that is read untyped.
    pub(super) fn untyped(&self, client: &Client, kind: &ApiResource) -> Api<DynamicObject> {
        match self {
            Self::Cluster => Api::all_with(client.clone(), kind),
            Self::Namespace(name) => Api::namespaced_with(client.clone(), name, kind),
        }
    }

    /// The same for the metadata of such a kind.
    pub(super) fn untyped_metadata(&self, client: &Client, kind: &ApiResource) -> Api<PartialObjectMeta<DynamicObject>> {
        match self {
            Self::Cluster => Api::all_with(client.clone(), kind),
            Self::Namespace(name) => Api::namespaced_with(client.clone(), name, kind),
        }
    }
}
