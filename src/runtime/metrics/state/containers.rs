//! One series per container, for those who switch it on: which image it runs, and what is thought of it.
//!
//! Invariant: each container of a pod is there once, by the worst verdict on its image. Names are the API server's, which
//! takes only short ones; images are told by their digest, never by what a pod calls them (security rule 28).

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::running::label;
use crate::controllers::verification_report::SeenPod;
use crate::crd::{ImageResult, ImageStatus};
use crate::report::worse;

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, pods: &[SeenPod]) -> Result<(), fmt::Error> {
    let help =
        "Each container, init container, ephemeral container and image volume with the digest of its image and the worst verdict on it";
    let mut containers = encoder.encode_descriptor("container_image", help, None, MetricType::Gauge)?;
    for SeenPod { namespace, name: pod, results, .. } in pods {
        for (container, (digest, status)) in worst(results) {
            let status = label(status);
            let labels =
                [("namespace", namespace.as_str()), ("pod", pod), ("container", container), ("digest", digest), ("status", &status)];
            ConstGauge::new(1_i64).encode(containers.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

/// What the policies that hold for a pod say of each of its containers, in one answer; no digest while none is known.
fn worst(results: &[ImageResult]) -> BTreeMap<&str, (&str, ImageStatus)> {
    let mut containers = BTreeMap::new();
    for result in results {
        for container in &result.containers {
            let (digest, status) = containers.entry(container.as_str()).or_insert(("", result.status));
            *status = worse(*status, result.status);
            if digest.is_empty() {
                *digest = result.digest.as_deref().unwrap_or_default();
            }
        }
    }
    containers
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::sync::Arc;

    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;
    use serde_json::json;

    use super::*;
    use crate::controllers::verification_report::Verified;

    #[derive(Debug)]
    struct Page(Vec<SeenPod>);

    impl Collector for Page {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
            super::encode(&mut encoder, &self.0)
        }
    }

    fn result(policy: &str, digest: Option<&str>, containers: &[&str], status: &str) -> ImageResult {
        serde_json::from_value(json!({
            "image": "a.io/x:v1", "digest": digest, "containers": containers, "status": status, "policy": policy, "reason": "R"
        }))
        .unwrap()
    }

    #[test]
    fn each_container_is_there_once_by_the_worst_verdict_of_all_policies() {
        let results: Arc<[ImageResult]> = [
            result("a", None, &["main", "init:setup"], "Trusted"),
            result("b", Some("sha256:1"), &["main", "init:setup"], "Untrusted"),
            result("c", Some("sha256:1"), &["main"], "Exempt"),
            result("a", Some("sha256:2"), &["volume:data"], "Unknown"),
        ]
        .into();
        let pod =
            SeenPod { namespace: "shop".to_owned(), name: "web".to_owned(), workload: None, verified: Verified::No, since: None, results };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Page(vec![pod])));
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        let series: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).collect();
        let line = |container: &str, digest: &str, status: &str| {
            format!(
                "container_image{{namespace=\"shop\",pod=\"web\",container=\"{container}\",digest=\"sha256:{digest}\",status=\"{status}\"}} 1"
            )
        };
        assert_eq!(series, [line("init:setup", "1", "untrusted"), line("main", "1", "untrusted"), line("volume:data", "2", "unknown")]);
    }
}
