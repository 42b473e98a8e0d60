//! Which requests the API server sends us.

use k8s_openapi::api::admissionregistration::v1::{MatchCondition, RuleWithOperations};

/// True unless an update leaves every image as it was: so that finalizers, labels, scaling and the completion of Jobs
/// never depend on us. The handler applies the same rule again.
///
/// The pod's spec is found by its place (`CronJob`, then workload, then pod); `[i[0], i[1]]` are the images of the new
/// and the old object. Optional fields keep evaluation from failing, which would skip us under `failurePolicy: Ignore`.
const IMAGES_CHANGE: &str = "request.operation != 'UPDATE' || [[object, oldObject]\
.map(o, o.?spec.?jobTemplate.?spec.?template.?spec.or(o.?spec.?template.?spec).or(o.?spec))\
.map(s, [\
s.?containers.orValue([]).map(c, [c.?name.orValue(''), c.?image.orValue('')]), \
s.?initContainers.orValue([]).map(c, [c.?name.orValue(''), c.?image.orValue('')]), \
s.?ephemeralContainers.orValue([]).map(c, [c.?name.orValue(''), c.?image.orValue('')]), \
s.?volumes.orValue([]).filter(v, v.?image.hasValue()).map(v, [v.?name.orValue(''), v.?image.?reference.orValue('')])\
])].exists(i, i[0] != i[1])";

/// Of objects that hold pod specs.
pub(super) fn object_conditions() -> Vec<MatchCondition> {
    vec![MatchCondition { expression: IMAGES_CHANGE.to_owned(), name: "images-change".to_owned() }]
}

/// Everything that holds a pod spec.
pub(super) fn object_rules() -> Vec<RuleWithOperations> {
    let written = ["CREATE", "UPDATE"];
    vec![
        rule(&written, "", "v1", &["pods", "replicationcontrollers"]),
        rule(&["UPDATE"], "", "v1", &["pods/ephemeralcontainers"]),
        rule(&written, "apps", "v1", &["deployments", "replicasets", "statefulsets", "daemonsets"]),
        rule(&written, "batch", "v1", &["jobs", "cronjobs"]),
    ]
}

/// Our own kinds. Deleting is only ever warned about.
pub(super) fn resource_rules() -> Vec<RuleWithOperations> {
    vec![
        rule(&["CREATE", "UPDATE"], "bonafide.dev", "v1alpha1", &["imagepolicies", "validators", "trustroots"]),
        rule(&["DELETE"], "bonafide.dev", "v1alpha1", &["validators", "trustroots"]),
    ]
}

fn rule(operations: &[&str], group: &str, version: &str, resources: &[&str]) -> RuleWithOperations {
    let owned = |values: &[&str]| Some(values.iter().map(|value| (*value).to_owned()).collect());
    RuleWithOperations {
        api_groups: owned(&[group]),
        api_versions: owned(&[version]),
        operations: owned(operations),
        resources: owned(resources),
        scope: Some("Namespaced".to_owned()),
    }
}
