//! How much the object entries cover, and when they may cover less.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use tokio::time::Instant;

use super::{CLUSTER_ENTRY, TENANTS_ENTRY, selector};
use crate::index::Coverage;

/// The object entries of a configuration, reduced to what differs between clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    /// Whether the cluster entry is there, and whether our absence refuses under it.
    pub cluster: Option<bool>,
    /// The namespaces of the tenants entry; empty, and it is not there.
    pub tenants: BTreeSet<String>,
    /// Whether our absence refuses under the tenants entry.
    pub tenants_fail: bool,
}

impl Cover {
    /// What a coverage needs. A tenant's entry answers for cluster policies too, so it fails when one of either does.
    pub fn of(coverage: &Coverage, exempt: &BTreeSet<String>) -> Self {
        let held = coverage.tenants.iter().filter(|(namespace, _)| !exempt.contains(*namespace));
        let tenants: BTreeSet<String> = held.clone().map(|(namespace, _)| namespace.clone()).collect();
        let tenants_fail = !tenants.is_empty() && (coverage.cluster == Some(true) || held.clone().any(|(_, enforces)| *enforces));
        Self { cluster: coverage.cluster, tenants, tenants_fail }
    }

    /// What is there in either configuration.
    pub(super) fn read(mutating: Option<&MutatingWebhookConfiguration>, validating: Option<&ValidatingWebhookConfiguration>) -> Self {
        let mut cover = Self::default();
        for webhook in mutating.iter().flat_map(|configuration| configuration.webhooks.iter().flatten()) {
            cover.add(&webhook.name, webhook.failure_policy.as_deref(), webhook.namespace_selector.as_ref());
        }
        for webhook in validating.iter().flat_map(|configuration| configuration.webhooks.iter().flatten()) {
            cover.add(&webhook.name, webhook.failure_policy.as_deref(), webhook.namespace_selector.as_ref());
        }
        cover
    }

    fn add(&mut self, name: &str, failure_policy: Option<&str>, namespaces: Option<&LabelSelector>) {
        let fails = failure_policy == Some("Fail");
        match name {
            CLUSTER_ENTRY => self.cluster = self.cluster.max(Some(fails)),
            TENANTS_ENTRY => {
                self.tenants.extend(namespaces.map(selector::named).unwrap_or_default());
                self.tenants_fail |= fails && !self.tenants.is_empty();
            }
            _ => {}
        }
    }

    /// Whether everything that `other` covers is covered, as strictly.
    fn includes(&self, other: &Self) -> bool {
        self.cluster >= other.cluster && self.tenants.is_superset(&other.tenants) && self.tenants_fail >= other.tenants_fail
    }

    fn with(&self, other: &Self) -> Self {
        Self {
            cluster: self.cluster.max(other.cluster),
            tenants: self.tenants.union(&other.tenants).cloned().collect(),
            tenants_fail: self.tenants_fail || other.tenants_fail,
        }
    }
}

/// Time in which less was wanted than was there.
#[derive(Clone, Debug)]
pub(super) struct Shrinking {
    since: Instant,
    /// All that was wanted since.
    needed: Cover,
}

impl Shrinking {
    /// When the smaller cover may be installed.
    pub(super) fn due(&self, delay: Duration) -> Instant {
        self.since + delay
    }
}

/// What to install now: more at once, less only what was not wanted for `delay`, at its begin and at its end.
pub(super) fn settle(there: &Cover, wanted: &Cover, shrinking: &mut Option<Shrinking>, now: Instant, delay: Duration) -> Cover {
    if wanted.includes(there) {
        *shrinking = None;
        return wanted.clone();
    }
    let Some(mut observed) = shrinking.take() else {
        *shrinking = Some(Shrinking { since: now, needed: wanted.clone() });
        return there.with(wanted);
    };
    observed.needed = observed.needed.with(wanted);
    if now.saturating_duration_since(observed.since) >= delay {
        return observed.needed;
    }
    *shrinking = Some(observed);
    there.with(wanted)
}

#[cfg(test)]
mod tests;
