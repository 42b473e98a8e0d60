//! `ImagePolicy`: which images need what.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conditions::Condition;
use super::schema::keep_unknown_fields;

/// Which images need which signatures, read top to bottom: the first rule whose images match decides.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "bonafide.dev",
    version = "v1alpha1",
    kind = "ImagePolicy",
    plural = "imagepolicies",
    shortname = "bip",
    category = "bonafide",
    namespaced,
    derive = "PartialEq",
    status = "ImagePolicyStatus",
    doc = "Says which images need which signatures. In the operator namespace it holds for the whole cluster, in any other namespace for that namespace only. Every applicable policy judges every image by itself, so a further policy can only tighten.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Unmatched", type_ = "string", json_path = ".spec.unmatched"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct ImagePolicySpec {
    /// Which namespaces the policy holds for, by their labels. Only in the operator namespace; absent means every namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<NamespaceSelector>,
    /// What a refusal does: Enforce refuses the object, Warn admits it with a warning, Audit only records.
    pub mode: Mode,
    /// What happens to an image that no rule of this policy matches: Deny or Allow.
    pub unmatched: Unmatched,
    /// Where a tag is replaced by the verified digest under Enforce: in Pods (default), in All workloads too, or Never (then the digest must already be written).
    #[serde(default)]
    pub pin: Pin,
    /// What happens when a registry cannot be asked: Deny (default), or `UseLastVerdict`, which lets what this replica last verified for the same digest and the same requirement stand, with a warning.
    #[serde(default)]
    pub on_fault: OnFault,
    /// The rules, read top to bottom; the first one whose images match decides.
    #[schemars(length(min = 1, max = 500))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub rules: Vec<PolicyRule>,
}

/// What a refusal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// The object is refused.
    Enforce,
    /// The object is admitted with an admission warning.
    Warn,
    /// The result is recorded in reports, audit annotations and the log only.
    Audit,
}

/// What happens to an image that no rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Unmatched {
    /// It is refused.
    Deny,
    /// This policy leaves it to others.
    Allow,
}

/// Where a tag is replaced by the digest that was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Pin {
    /// Nowhere: the digest must already be written.
    Never,
    /// In Pods.
    #[default]
    Pods,
    /// In Pods and in the templates of workloads.
    All,
}

/// What happens when a registry cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnFault {
    /// The image is refused.
    #[default]
    Deny,
    /// A success for the same digest and requirement, of the last 24 hours, stands; a tag means what it meant within the last hour.
    UseLastVerdict,
}

/// Selects namespaces by label; all parts must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct NamespaceSelector {
    /// Labels that the namespace must have with exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "super::schema::labels")]
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements on labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub match_expressions: Vec<LabelExpression>,
}

/// One requirement on a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct LabelExpression {
    /// The label's key.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// How the label is compared: In, `NotIn`, Exists, `DoesNotExist`.
    pub operator: LabelOperator,
    /// The values for In and `NotIn`; absent for Exists and `DoesNotExist`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelOperator {
    /// The label is there and its value is one of the values.
    In,
    /// The label is absent or its value is none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

/// One rule: the images that it is for, and either signatures to verify or a fixed action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.verify) != has(self.action)").message("a rule has exactly one of verify and action"))]
pub struct PolicyRule {
    /// The rule's name, shown in messages and reports; unique within the policy.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Patterns of the images that this rule is for, such as `registry.example.com/apps/**`; matched against the full reference.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub images: Vec<String>,
    /// Patterns of images that this rule is not for; they fall through to the next rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub except: Option<Vec<String>>,
    /// The signatures needed: all entries must pass, on one digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub verify: Option<Vec<VerifyEntry>>,
    /// How many entries of `verify` must pass; absent means all of them. Never relaxes that they agree on one digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16), extend("format" = "int32"))]
    pub at_least: Option<u32>,
    /// A fixed answer without any verification: Allow or Deny.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// With `action: Allow`: the time (RFC 3339) from which the rule matches no image any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub until: Option<String>,
    /// With `action: Allow`: why the exemption exists, for reports and auditors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub reason: Option<String>,
    /// With `action: Deny`: what the user who is refused is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub message: Option<String>,
}

/// A fixed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// The image runs unverified; reports count it as exempt.
    Allow,
    /// The image is refused.
    Deny,
}

/// One thing to verify: a validator, and whose signatures it must find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct VerifyEntry {
    /// The Validator: a bare name is one of the policy's namespace, `bonafide-system/NAME` one of the operator namespace.
    #[schemars(length(min = 1, max = 507))]
    pub validator: String,
    /// The TrustRoots that count, named like validators; absent means the validator's own list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 507)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub trust_roots: Option<Vec<String>>,
    /// How many distinct trust roots must have signed; absent means all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64), extend("format" = "int32"))]
    pub threshold: Option<u32>,
    /// Trust roots that must be among those that signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 507)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub required: Option<Vec<String>>,
    /// Notary v1: the delegations that must have signed the tag besides, all of them for one digest; `build` means the role `targets/build`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 247)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub delegations: Option<Vec<String>>,
    /// Notary v1: per delegation a public key or certificate (PEM) that must have signed, whatever other keys the role has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::delegation_keys")]
    pub delegation_keys: Option<BTreeMap<String, String>>,
}

/// What became of the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePolicyStatus {
    /// The generation that these conditions are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: the policy compiled and the webhook that covers it was read back. Warning: it works, but maybe not as meant.
    #[serde(default)]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
