//! `Validator`: how signatures are found and checked.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conditions::Condition;
use super::schema::keep_unknown_fields;
use super::trust_root::KeyReference;

/// How signatures are found and checked, and how the registries that hold them are reached.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "bonafide.dev",
    version = "v1alpha1",
    kind = "Validator",
    plural = "validators",
    shortname = "bval",
    category = "bonafide",
    namespaced,
    derive = "PartialEq",
    status = "ValidatorStatus",
    doc = "Says how signatures are found and checked, and how registries are reached. Rules of ImagePolicies name it.",
    validation = Rule::new("has(self.spec) && has(self.spec.cosign) != has(self.spec.notaryV1)").message("a validator has exactly one scheme: cosign or notaryV1"),
    printcolumn(name = "Shared", type_ = "boolean", json_path = ".spec.shared"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct ValidatorSpec {
    /// TrustRoots of this namespace that count when a rule names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 507)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub trust_roots: Option<Vec<String>>,
    /// In the operator namespace: policies of other namespaces may use this validator. Its credentials are then not used for them.
    #[serde(default)]
    pub shared: bool,
    /// How registries are reached; absent means anonymously, over https, with the public certificate authorities that are compiled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistrySettings>,
    /// Signatures made by cosign with key pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosign: Option<Cosign>,
    /// Trust data of a Notary v1 server: Docker Content Trust.
    #[serde(default, rename = "notaryV1", skip_serializing_if = "Option::is_none")]
    pub notary_v1: Option<NotaryV1>,
}

/// How registries are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct RegistrySettings {
    /// Use the imagePullSecrets of the pod and of its service account too.
    #[serde(default)]
    pub pod_pull_secrets: bool,
    /// Settings per registry host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub hosts: Vec<RegistryHost>,
}

/// Settings for one registry host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct RegistryHost {
    /// The literal `host[:port]` that these settings are for.
    #[schemars(length(min = 1, max = 261))]
    pub host: String,
    /// A Secret in the Validator's namespace with the credentials: `kubernetes.io/dockerconfigjson` or `kubernetes.io/basic-auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<NamedReference>,
    /// Certificate authorities (PEM) that replace the compiled-in public ones for this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundleSource>,
    /// Token servers on other hosts that may receive these credentials, as https URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 512)))]
    pub token_realms: Vec<String>,
    /// Speak http instead of https to this host. Credentials are never sent over it.
    #[serde(default, rename = "plainHTTP")]
    pub plain_http: bool,
}

/// The name of an object in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct NamedReference {
    /// The object's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Where certificate authorities are read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.configMapKeyRef) != has(self.secretKeyRef)").message("exactly one of configMapKeyRef and secretKeyRef"))]
pub struct CaBundleSource {
    /// A key of a ConfigMap in the Validator's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeyReference>,
    /// A key of a Secret in the Validator's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyReference>,
}

/// How cosign signatures are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct Cosign {
    /// The repository that holds the signatures, such as `registry.example.com/signatures`; absent means beside the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub signature_repository: Option<String>,
}

/// How trust data of Notary v1 is found and read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct NotaryV1 {
    /// The base URL of the server, such as `https://notary.example.com:4443`; http only when it is written here. Absent means the host of the image over https (Docker Hub: notary.docker.io), without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub server: Option<String>,
    /// Certificate authorities (PEM) that replace the compiled-in public ones for the server. Only with `server`; without it, those of the host in `registry.hosts` count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundleSource>,
    /// A Secret in the Validator's namespace with the credentials: `kubernetes.io/dockerconfigjson` or `kubernetes.io/basic-auth`. Only with `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<NamedReference>,
    /// Token servers on other hosts that may receive these credentials, as https URLs; `caBundle` counts for them, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 512)))]
    pub token_realms: Vec<String>,
    /// Which role decides what a tag is: Releases (default), or `ReleasesThenTargets`, the rule of `docker pull`.
    #[serde(default)]
    pub deciding: Deciding,
    /// The lowest version of the root that is accepted; keeps out a root that was withdrawn, also on first contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), extend("format" = "int64"))]
    pub minimum_root_version: Option<u64>,
    /// For how many seconds trust data is used before the server is asked again (default 30), never beyond its own expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600), extend("format" = "int32"))]
    pub refresh_seconds: Option<u32>,
}

/// Which role of trust data decides what a tag is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Deciding {
    /// Only `targets/releases` where it is delegated; `targets` only where it is not.
    #[default]
    Releases,
    /// `targets/releases` where it has the tag, otherwise `targets`.
    ReleasesThenTargets,
}

/// What became of the validator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidatorStatus {
    /// The generation that these conditions are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: everything that the validator names was found and read.
    #[serde(default)]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
