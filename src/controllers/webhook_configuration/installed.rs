//! What the API server was read to hold: the only ground on which a policy is called ready.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::change::{adapt_mutating, adapt_validating, is_paused};
use super::{CLUSTER_ENTRY, Cover, Frame, RESOURCES_ENTRY, TENANTS_ENTRY, desired, selector};

/// The entries that are complete in every field, in both configurations, and call us as we serve now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// The object entries.
    pub cover: Cover,
    /// Whether our own kinds are checked.
    pub resources: bool,
    /// The authority that the entries trust, in PEM; none while nothing is installed.
    pub ca_pem: Option<String>,
    /// Someone else excludes further namespaces from an entry of ours.
    pub narrowed_by_others: bool,
    /// A configuration carries the label that keeps us from touching it.
    pub paused: bool,
}

impl Installed {
    /// Compares what is there with what we would write for the same cover.
    pub(super) fn read(
        mutating: Option<&MutatingWebhookConfiguration>,
        validating: Option<&ValidatingWebhookConfiguration>,
        frame: &Frame,
    ) -> Self {
        let there = There {
            mutating: mutating.and_then(|configuration| configuration.webhooks.as_deref()).unwrap_or_default(),
            validating: validating.and_then(|configuration| configuration.webhooks.as_deref()).unwrap_or_default(),
        };
        let cover = Cover::read(mutating, validating);
        let fits = there.fitting(&cover, frame);
        let tenants_fit = fits(TENANTS_ENTRY);
        // The cluster entry leaves the tenants' namespaces to the other one.
        let cluster = cover.cluster.filter(|_| fits(CLUSTER_ENTRY) && (tenants_fit || cover.tenants.is_empty()));
        let resources = fits(RESOURCES_ENTRY);
        let metadata: [Option<&ObjectMeta>; 2] = [mutating.map(|there| &there.metadata), validating.map(|there| &there.metadata)];
        Self {
            cover: Cover {
                cluster,
                tenants: if tenants_fit { cover.tenants } else { BTreeSet::new() },
                tenants_fail: tenants_fit && cover.tenants_fail,
            },
            resources,
            ca_pem: (resources || cluster.is_some() || tenants_fit).then(|| frame.ca_pem.clone()),
            narrowed_by_others: there.selectors().any(|there| !selector::exclusions(there).is_empty()),
            paused: metadata.into_iter().flatten().any(is_paused),
        }
    }

    /// Whether the webhooks reach everything that a policy of `namespace` speaks about, and, when it enforces, refuse
    /// while we are away. A policy of an exempt namespace is never covered.
    pub fn covers(&self, namespace: &str, operator_namespace: &str, enforce: bool) -> bool {
        let Cover { cluster, tenants, tenants_fail } = &self.cover;
        let tenants_suffice = *tenants_fail || !enforce;
        if namespace == operator_namespace {
            return cluster.is_some_and(|fails| fails || !enforce) && (tenants.is_empty() || tenants_suffice);
        }
        tenants.contains(namespace) && tenants_suffice
    }
}

struct There<'a> {
    mutating: &'a [MutatingWebhook],
    validating: &'a [ValidatingWebhook],
}

impl There<'_> {
    /// Tells for an entry's name whether it is there, complete, wherever it belongs.
    fn fitting(&self, cover: &Cover, frame: &Frame) -> impl Fn(&str) -> bool + use<> {
        let wanted = desired(cover, frame);
        let mutating = wanted.mutating.and_then(|configuration| configuration.webhooks).unwrap_or_default();
        let validating = wanted.validating.webhooks.unwrap_or_default();
        let mutates: BTreeSet<_> = mutating
            .iter()
            .filter(|ours| self.mutating.contains(&adapt_mutating(ours, self.mutating)))
            .map(|ours| ours.name.clone())
            .collect();
        let validates: BTreeSet<_> = validating
            .iter()
            .filter(|ours| self.validating.contains(&adapt_validating(ours, self.validating)))
            .map(|ours| ours.name.clone())
            .collect();
        move |name| validates.contains(name) && (name == RESOURCES_ENTRY || mutates.contains(name))
    }

    fn selectors(&self) -> impl Iterator<Item = &LabelSelector> {
        let mutating = self.mutating.iter().filter_map(|webhook| webhook.namespace_selector.as_ref());
        mutating.chain(self.validating.iter().filter_map(|webhook| webhook.namespace_selector.as_ref()))
    }
}

#[cfg(test)]
mod tests;
