//! A warning at start-up: DaemonSets that nodes need to become ready, in namespaces that policies reach.
//!
//! Nothing is exempted by itself; the operator's flags say what is (security rule 12).

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use crate::policy::ObjectName;

const PRIORITY_CLASS: &str = "system-node-critical";
const TIMEOUT: Duration = Duration::from_secs(10);
const PAGE: u32 = 500;

/// Logs one line per such DaemonSet; a failure to list them is logged, too.
pub async fn warn(client: Client, exempt_namespaces: BTreeSet<String>) {
    let found = match tokio::time::timeout(TIMEOUT, list(Api::all(client), &exempt_namespaces)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return tracing::warn!(error = %crate::chain(&error), "node-critical DaemonSets could not be looked for"),
        Err(_) => return tracing::warn!("node-critical DaemonSets could not be looked for in time"),
    };
    for name in found {
        tracing::warn!(
            daemon_set = %name,
            "nodes may not become ready while a policy refuses the image of this DaemonSet; consider --exempt-namespace {}",
            name.namespace
        );
    }
}

async fn list(api: Api<DaemonSet>, exempt_namespaces: &BTreeSet<String>) -> Result<Vec<ObjectName>, kube::Error> {
    let mut found = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await?;
        found.extend(list.items.iter().filter_map(|set| critical(set, exempt_namespaces)));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(found),
        }
    }
}

fn critical(set: &DaemonSet, exempt_namespaces: &BTreeSet<String>) -> Option<ObjectName> {
    let namespace = set.namespace().filter(|namespace| !exempt_namespaces.contains(namespace))?;
    let class = set.spec.as_ref()?.template.spec.as_ref()?.priority_class_name.as_deref();
    (class == Some(PRIORITY_CLASS)).then(|| ObjectName::new(namespace, set.name_any()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn daemon_set(namespace: &str, class: &str) -> DaemonSet {
        let template = json!({"metadata": {}, "spec": {"containers": [], "priorityClassName": class}});
        serde_json::from_value(json!({
            "metadata": {"name": "net", "namespace": namespace}, "spec": {"selector": {}, "template": template}
        }))
        .unwrap()
    }

    #[test]
    fn only_node_critical_ones_outside_of_exempt_namespaces_are_named() {
        let exempt = ["kube-system".to_owned()].into();
        assert_eq!(critical(&daemon_set("network", PRIORITY_CLASS), &exempt), Some(ObjectName::new("network", "net")));
        assert_eq!(critical(&daemon_set("kube-system", PRIORITY_CLASS), &exempt), None);
        assert_eq!(critical(&daemon_set("network", "system-cluster-critical"), &exempt), None);
    }
}
