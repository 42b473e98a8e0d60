//! What runs, in numbers that people can be alerted by. The leader has them, the other replicas say nothing.
//!
//! Invariant: however many namespaces and policies there are, there are so many series and no more (security rule 28).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::Utc;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::controllers::verification_report::Counts;
use crate::crd::ImageStatus;
use crate::report;

/// Namespaces, and policies, with series of their own: those with most to see. All others share one.
const MOST: usize = 200;
const OTHERS: &str = "other";

#[derive(Clone, Debug, EncodeLabelSet)]
struct NamespaceLabels {
    namespace: String,
    status: String,
}

#[derive(Clone, Debug, EncodeLabelSet)]
struct PolicyLabels {
    policy: String,
    status: String,
}

#[derive(Clone, Debug, EncodeLabelSet)]
struct StatusLabels {
    status: String,
}

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, counts: &Counts) -> Result<(), fmt::Error> {
    let mut pods =
        encoder.encode_descriptor("pods", "Pods that a policy holds for, by whether they are verified", None, MetricType::Gauge)?;
    for ((namespace, status), count) in bounded(&counts.pods) {
        gauge(count).encode(pods.encode_family(&NamespaceLabels { namespace, status: status.as_str().to_owned() })?)?;
    }
    let help = "Containers and image volumes by the worst verdict on their image";
    let mut containers = encoder.encode_descriptor("containers", help, None, MetricType::Gauge)?;
    for ((namespace, status), count) in bounded(&counts.containers) {
        gauge(count).encode(containers.encode_family(&NamespaceLabels { namespace, status: label(status) })?)?;
    }
    let mut policies = encoder.encode_descriptor("policy_images", "Images of pods by policy and its verdict", None, MetricType::Gauge)?;
    for ((policy, status), count) in bounded(&counts.policies) {
        gauge(count).encode(policies.encode_family(&PolicyLabels { policy, status: label(status) })?)?;
    }
    let mut images = encoder.encode_descriptor("images", "Different images that run, by their worst verdict", None, MetricType::Gauge)?;
    for status in report::ALL {
        let count = counts.images.get(&status).copied().unwrap_or_default();
        gauge(count).encode(images.encode_family(&StatusLabels { status: label(status) })?)?;
    }
    let age = counts.unverified_since.map_or(0.0, |since| (Utc::now() - since).as_seconds_f64().max(0.0));
    let help = "For how long the pod that has been unverified or unknown longest is";
    ConstGauge::new(age).encode(encoder.encode_descriptor("oldest_unverified_seconds", help, None, MetricType::Gauge)?)?;
    let help = "Pods that wait for their first look";
    gauge(counts.waiting).encode(encoder.encode_descriptor("pods_waiting", help, None, MetricType::Gauge)?)
}

pub(super) fn label(status: ImageStatus) -> String {
    report::name(status).to_ascii_lowercase()
}

/// The names with the largest counts keep their own series; the rest is added up.
fn bounded<S: Copy + Ord>(counts: &BTreeMap<(String, S), u64>) -> BTreeMap<(String, S), u64> {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for ((name, _), count) in counts {
        *totals.entry(name).or_default() += count;
    }
    let mut ranked: Vec<_> = totals.into_iter().collect();
    ranked.sort_by(|(one, few), (other, many)| (many, one).cmp(&(few, other)));
    let own: BTreeSet<&str> = ranked.into_iter().take(MOST).map(|(name, _)| name).collect();
    let mut bounded = BTreeMap::new();
    for ((name, status), count) in counts {
        let name = if own.contains(name.as_str()) { name.as_str() } else { OTHERS };
        *bounded.entry((name.to_owned(), *status)).or_default() += count;
    }
    bounded
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_have_series_of_their_own_and_nothing_is_lost() {
        let mut counts: BTreeMap<(String, u8), u64> = (0..1_000).map(|number| ((format!("team-{number:04}"), 0), 1)).collect();
        counts.insert(("zoo".to_owned(), 0), 50);
        let bounded = bounded(&counts);
        assert_eq!(bounded.len(), MOST + 1);
        assert_eq!(bounded.values().sum::<u64>(), 1_050);
        assert_eq!(bounded.get(&("zoo".to_owned(), 0)), Some(&50));
        assert_eq!(bounded.get(&(OTHERS.to_owned(), 0)), Some(&801));
    }
}
