//! From what is there to what should be: nothing else than our own part is compared or changed.

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::{PAUSED, selector};

/// What to write. A replacement carries the `resourceVersion` of what was seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change<K> {
    /// Nothing.
    Keep,
    /// It is not there.
    Create(K),
    /// It is not as it should be.
    Replace(K),
    /// It should not be there.
    Delete,
}

/// For the mutating configuration.
pub(super) fn mutating(
    wanted: Option<&MutatingWebhookConfiguration>,
    there: Option<&MutatingWebhookConfiguration>,
) -> Change<MutatingWebhookConfiguration> {
    match (wanted, there) {
        (None, None) => Change::Keep,
        (None, Some(_)) => Change::Delete,
        (Some(wanted), None) => Change::Create(wanted.clone()),
        (Some(wanted), Some(there)) => {
            let present = there.webhooks.as_deref().unwrap_or_default();
            let webhooks = wanted.webhooks.iter().flatten().map(|webhook| adapt_mutating(webhook, present)).collect();
            let new = MutatingWebhookConfiguration { metadata: metadata(&wanted.metadata, &there.metadata), webhooks: Some(webhooks) };
            if new == *there { Change::Keep } else { Change::Replace(new) }
        }
    }
}

/// For the validating configuration, which always exists.
pub(super) fn validating(
    wanted: &ValidatingWebhookConfiguration,
    there: Option<&ValidatingWebhookConfiguration>,
) -> Change<ValidatingWebhookConfiguration> {
    let Some(there) = there else { return Change::Create(wanted.clone()) };
    let present = there.webhooks.as_deref().unwrap_or_default();
    let webhooks = wanted.webhooks.iter().flatten().map(|webhook| adapt_validating(webhook, present)).collect();
    let new = ValidatingWebhookConfiguration { metadata: metadata(&wanted.metadata, &there.metadata), webhooks: Some(webhooks) };
    if new == *there { Change::Keep } else { Change::Replace(new) }
}

/// Our entry as it may stand among those that are there.
pub(super) fn adapt_mutating(ours: &MutatingWebhook, present: &[MutatingWebhook]) -> MutatingWebhook {
    let there = present.iter().find(|webhook| webhook.name == ours.name).and_then(|webhook| webhook.namespace_selector.as_ref());
    MutatingWebhook { namespace_selector: adapt(ours.namespace_selector.clone(), there), ..ours.clone() }
}

/// Our entry as it may stand among those that are there.
pub(super) fn adapt_validating(ours: &ValidatingWebhook, present: &[ValidatingWebhook]) -> ValidatingWebhook {
    let there = present.iter().find(|webhook| webhook.name == ours.name).and_then(|webhook| webhook.namespace_selector.as_ref());
    ValidatingWebhook { namespace_selector: adapt(ours.namespace_selector.clone(), there), ..ours.clone() }
}

/// Whether nobody wants us to touch an object.
pub(super) fn is_paused(metadata: &ObjectMeta) -> bool {
    metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(PAUSED))
}

fn adapt(ours: Option<LabelSelector>, there: Option<&LabelSelector>) -> Option<LabelSelector> {
    match (ours, there) {
        (Some(ours), Some(there)) => Some(selector::keeping_exclusions(ours, there)),
        (ours, _) => ours,
    }
}

/// What is there with our owner beside the others.
fn metadata(wanted: &ObjectMeta, there: &ObjectMeta) -> ObjectMeta {
    let mut owners = there.owner_references.clone().unwrap_or_default();
    for owner in wanted.owner_references.iter().flatten() {
        if !owners.contains(owner) {
            owners.retain(|other| (&other.kind, &other.name) != (&owner.kind, &owner.name));
            owners.push(owner.clone());
        }
    }
    ObjectMeta { owner_references: (!owners.is_empty()).then_some(owners), ..there.clone() }
}

#[cfg(test)]
mod tests;
