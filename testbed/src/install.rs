//! The operator's own manifests in a cluster.

use anyhow::{Context, Result};

use crate::directory::repository;
use crate::kubectl::Kubectl;

/// Where the operator lives unless told otherwise.
pub const OPERATOR_NAMESPACE: &str = "bonafide-system";
/// As whom it runs: never as an administrator.
pub const SERVICE_ACCOUNT: &str = "bonafide";

/// Applies `manifests/crds` and `manifests/rbac` and waits until the API server serves the kinds.
pub fn install(kubectl: &Kubectl) -> Result<()> {
    let namespace = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {OPERATOR_NAMESPACE}}}}}");
    apply(kubectl, &namespace)?;
    install_kinds(kubectl)?;
    let rbac = repository().join("manifests/rbac").display().to_string();
    kubectl.run(&["apply", "--server-side", "-f", &rbac]).context("cannot install the RBAC manifests")?;
    Ok(())
}

/// Applies `manifests/crds` alone.
pub(crate) fn install_kinds(kubectl: &Kubectl) -> Result<()> {
    let crds = repository().join("manifests/crds").display().to_string();
    kubectl.run(&["apply", "--server-side", "-f", &crds]).context("cannot install the CRDs")?;
    kubectl.run(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &crds])?;
    Ok(())
}

fn apply(kubectl: &Kubectl, manifest: &str) -> Result<()> {
    let answer = kubectl.attempt(&["apply", "--server-side", "-f", "-"], manifest)?;
    answer.map(|_| ()).map_err(|denied| anyhow::anyhow!(denied.message))
}
