//! `VerificationReport`: what runs, and whether it may.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conditions::{Condition, Time};

/// One per pod that a policy applies to, with the pod's name, owned by it; or one per controller that made such pods.
///
/// Without a spec and without a status subresource: a report is written in one piece, by the operator alone. So what belongs
/// together is atomic: a list of owned fields for each report would be an eighth of what etcd keeps of it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "bonafide.dev",
    version = "v1alpha1",
    kind = "VerificationReport",
    plural = "verificationreports",
    shortname = "vr",
    category = "bonafide",
    namespaced,
    no_spec,
    derive = "PartialEq",
    status = "VerificationReportStatus",
    doc = "Says what a pod runs and whether it may, according to every policy that applies to it. Made by the operator from the pods that exist; nobody else may write it, and no decision is ever read back from it.",
    printcolumn(name = "Verified", type_ = "string", json_path = ".status.conditions[?(@.type==\"Verified\")].status"),
    printcolumn(
        name = "Images",
        type_ = "string",
        json_path = ".status.summary.ratio",
        description = "images that are trusted, of those that must be verified"
    ),
    printcolumn(
        name = "Exempt",
        type_ = "integer",
        json_path = ".status.summary.exempt",
        description = "images that an Allow rule lets run unverified"
    ),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Verified\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Unmatched", type_ = "integer", json_path = ".status.summary.unmatched", priority = 1),
    printcolumn(name = "Workload", type_ = "string", json_path = ".workload.name", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Verified\")].message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.pod) || has(self.workload)").message("a report is about a pod or about a workload"))]
pub struct VerificationReportSpec {
    /// The pod that the report is about; absent in a report on all pods of a workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub pod: Option<ReportedPod>,
    /// The controller that made the pod, if one did; or the one whose pods the report is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub workload: Option<ReportedWorkload>,
}

/// The pod that a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportedPod {
    /// The pod's name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// The pod's uid: another pod of the same name gets another report.
    #[schemars(length(max = 64))]
    pub uid: String,
}

/// The controller that made a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportedWorkload {
    /// The controller's kind, such as `ReplicaSet`.
    #[schemars(length(max = 63))]
    pub kind: String,
    /// The controller's name.
    #[schemars(length(max = 253))]
    pub name: String,
}

/// The verdicts on a pod's images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerificationReportStatus {
    /// Verified: True when every image that must be verified is trusted, False when one is not, Unknown when one could not be determined.
    #[serde(default)]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub conditions: Vec<Condition>,
    /// How many images have which status.
    #[serde(default)]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub summary: ReportedSummary,
    /// One entry per image and policy that judged it.
    #[serde(default)]
    #[schemars(length(max = 128))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub images: Vec<ImageResult>,
    /// What was found not to be trusted, since when, and for a while until when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub violations: Vec<Violation>,
}

/// An image that a policy does not trust, and when that was so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// The reference as the pod specifies it.
    #[schemars(length(max = 1024))]
    pub image: String,
    /// The digest that the kubelet reports; before that, the one that is specified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub digest: Option<String>,
    /// The policy that does not trust it, as `namespace/name`.
    #[schemars(length(max = 507))]
    pub policy: String,
    /// Why, from the closed list of reasons.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// When it was found first.
    pub opened: Time,
    /// When it was found to be over; absent while it is not. A closed violation is kept for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Time>,
}

/// How many images have which status; each image counts once, by its worst verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportedSummary {
    /// Trusted images, of those that must be verified.
    #[schemars(length(max = 16))]
    pub ratio: String,
    /// Images with all signatures that are needed.
    #[schemars(extend("format" = "int32"))]
    pub trusted: u32,
    /// Images that were looked at and are not trusted.
    #[schemars(extend("format" = "int32"))]
    pub untrusted: u32,
    /// Images about which nothing could be found out.
    #[schemars(extend("format" = "int32"))]
    pub unknown: u32,
    /// Images that no validator can judge.
    #[schemars(extend("format" = "int32"))]
    pub unsupported: u32,
    /// Images whose signer or signature was revoked.
    #[schemars(extend("format" = "int32"))]
    pub revoked: u32,
    /// Images that an Allow rule lets run unverified.
    #[schemars(extend("format" = "int32"))]
    pub exempt: u32,
    /// Images that no rule matches and that are allowed for it.
    #[schemars(extend("format" = "int32"))]
    pub unmatched: u32,
}

/// One image as one policy judges it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageResult {
    /// The reference as the pod specifies it.
    #[schemars(length(max = 1024))]
    pub image: String,
    /// The digest that the kubelet reports; before that, the one that is specified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub digest: Option<String>,
    /// The containers and image volumes that use it.
    #[schemars(length(max = 128), inner(length(max = 128)))]
    pub containers: Vec<String>,
    /// The verdict.
    pub status: ImageStatus,
    /// The policy that judged, as `namespace/name`.
    #[schemars(length(max = 507))]
    pub policy: String,
    /// The rule that decided; absent when none matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub rule: Option<String>,
    /// The validators that were asked, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub validator: Option<String>,
    /// Whose signatures were verified, as `trust root/key`.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(max = 1024)))]
    pub signers: Vec<String>,
    /// Why, from the closed list of reasons.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// How many pods of the workload this is said of; absent in a report on one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "int32"))]
    pub pods: Option<u32>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// The verdict on one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ImageStatus {
    /// All signatures that are needed were verified on this digest.
    Trusted,
    /// Looked at, and not trusted.
    Untrusted,
    /// Could not be found out.
    Unknown,
    /// No validator can judge it.
    Unsupported,
    /// The signer or the signature was revoked.
    Revoked,
    /// An Allow rule lets it run unverified.
    Exempt,
    /// No rule matches it, and it is allowed for that.
    Unmatched,
}
