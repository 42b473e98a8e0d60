//! The configurations as they should be: a function of what is covered, and of where and how we serve.

use std::collections::BTreeSet;
use std::fmt;

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ValidatingWebhook, ValidatingWebhookConfiguration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};

use super::matching::{object_conditions, object_rules, resource_rules};
use super::{CLUSTER_ENTRY, CONFIGURATION, Cover, RESOURCES_ENTRY, TENANTS_ENTRY, Target, selector};

/// Our own deadline is below it.
const TIMEOUT_SECONDS: i32 = 10;

/// What the configurations need besides the cover. Its `Debug` hides the path.
#[derive(Clone, PartialEq)]
pub struct Frame {
    /// Where we are called.
    pub target: Target,
    /// The authority of the certificate that we serve, in PEM.
    pub ca_pem: String,
    /// The random segment before each path.
    pub path_segment: String,
    /// Namespaces without any policy, the operator's own among them.
    pub exempt: BTreeSet<String>,
    /// The operator's `ClusterRole`, if it is there.
    pub owner: Option<OwnerReference>,
}

/// Both configurations. No `Debug`: they hold the path.
#[derive(Clone, PartialEq)]
pub struct Desired {
    /// None while no policy exists.
    pub mutating: Option<MutatingWebhookConfiguration>,
    /// Always there: it also checks our own kinds.
    pub validating: ValidatingWebhookConfiguration,
}

/// The configurations for a cover. Each namespace that is not exempt is answered for by at most one object entry.
pub fn desired(cover: &Cover, frame: &Frame) -> Desired {
    let mutating: Vec<_> = object_entries(cover, frame, "mutate").into_iter().map(mutating).collect();
    let mut validating = object_entries(cover, frame, "validate");
    validating.push(resources_entry(frame));
    let configuration = |webhooks| MutatingWebhookConfiguration { metadata: metadata(frame), webhooks: Some(webhooks) };
    Desired {
        mutating: (!mutating.is_empty()).then(|| configuration(mutating)),
        validating: ValidatingWebhookConfiguration { metadata: metadata(frame), webhooks: Some(validating) },
    }
}

fn metadata(frame: &Frame) -> ObjectMeta {
    let owners = frame.owner.clone().map(|owner| vec![owner]);
    ObjectMeta { name: Some(CONFIGURATION.to_owned()), owner_references: owners, ..ObjectMeta::default() }
}

fn object_entries(cover: &Cover, frame: &Frame, action: &str) -> Vec<ValidatingWebhook> {
    let entry = |name, fails, namespaces| Entry { name, action, fails, namespaces, rules: object_rules(), conditions: object_conditions() };
    // The tenants entry answers for these, also to the policies of the cluster.
    let answered = frame.exempt.union(&cover.tenants).cloned().collect();
    let cluster = cover.cluster.map(|fails| entry(CLUSTER_ENTRY, fails, selector::all_but(&answered)));
    let tenants: BTreeSet<_> = cover.tenants.difference(&frame.exempt).cloned().collect();
    let tenants = (!tenants.is_empty()).then(|| entry(TENANTS_ENTRY, cover.tenants_fail, selector::only(&tenants)));
    cluster.into_iter().chain(tenants).map(|entry| entry.webhook(frame)).collect()
}

/// An invalid object of ours is a state like any other, so nobody has to wait for us to write one.
fn resources_entry(frame: &Frame) -> ValidatingWebhook {
    let namespaces = LabelSelector::default();
    Entry { name: RESOURCES_ENTRY, action: "resources", fails: false, namespaces, rules: resource_rules(), conditions: vec![] }
        .webhook(frame)
}

struct Entry<'a> {
    name: &'a str,
    action: &'a str,
    fails: bool,
    namespaces: LabelSelector,
    rules: Vec<RuleWithOperations>,
    conditions: Vec<MatchCondition>,
}

impl Entry<'_> {
    /// Every field is given, defaults too, so that what is read back can be compared.
    fn webhook(self, frame: &Frame) -> ValidatingWebhook {
        let Self { name, action, fails, namespaces, rules, conditions } = self;
        let path = format!("/{}/{action}", frame.path_segment);
        ValidatingWebhook {
            admission_review_versions: vec!["v1".to_owned()],
            client_config: frame.target.client_config(&path, &frame.ca_pem),
            failure_policy: Some(if fails { "Fail" } else { "Ignore" }.to_owned()),
            match_conditions: (!conditions.is_empty()).then_some(conditions),
            match_policy: Some("Equivalent".to_owned()),
            name: name.to_owned(),
            namespace_selector: Some(namespaces),
            object_selector: Some(LabelSelector::default()),
            rules: Some(rules),
            side_effects: "NoneOnDryRun".to_owned(),
            timeout_seconds: Some(TIMEOUT_SECONDS),
        }
    }
}

/// The same entry in the mutating configuration: called again when a later webhook changed the object.
fn mutating(webhook: ValidatingWebhook) -> MutatingWebhook {
    let ValidatingWebhook {
        admission_review_versions,
        client_config,
        failure_policy,
        match_conditions,
        match_policy,
        name,
        namespace_selector,
        object_selector,
        rules,
        side_effects,
        timeout_seconds,
    } = webhook;
    MutatingWebhook {
        admission_review_versions,
        client_config,
        failure_policy,
        match_conditions,
        match_policy,
        name,
        namespace_selector,
        object_selector,
        reinvocation_policy: Some("IfNeeded".to_owned()),
        rules,
        side_effects,
        timeout_seconds,
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("target", &self.target).field("exempt", &self.exempt).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
