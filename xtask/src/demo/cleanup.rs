//! Taking everything of the demo out of a cluster that is not ours.

use anyhow::Result;
use testbed::{Kubectl, OPERATOR_NAMESPACE, repository};

use super::story::NAMESPACE;

/// Deletes what the demo and the operator have made; the webhook configurations go with the operator's `ClusterRole`.
pub(super) fn take_out(kubectl: &Kubectl) -> Result<()> {
    let manifests = repository().join("manifests");
    let rbac = manifests.join("rbac").display().to_string();
    let crds = manifests.join("crds").display().to_string();
    kubectl.run(&["delete", "--ignore-not-found", "-f", &rbac, "-f", &crds])?;
    kubectl.run(&["delete", "--ignore-not-found", "namespace", NAMESPACE, OPERATOR_NAMESPACE])?;
    Ok(())
}
