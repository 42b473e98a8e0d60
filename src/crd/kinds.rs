//! The list of our kinds, for the generator and the installer.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use super::{ImagePolicy, TrustRoot, Validator, VerificationReport};

/// The API group of every kind.
pub const GROUP: &str = "bonafide.dev";
/// The only version so far.
pub const VERSION: &str = "v1alpha1";

/// Every CRD, as it is installed.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![ImagePolicy::crd(), Validator::crd(), TrustRoot::crd(), without_subresources(VerificationReport::crd())]
}

/// A report is written in one piece: with a status subresource its creation would drop the status first.
fn without_subresources(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        version.subresources = None;
    }
    crd
}
