//! `TrustRoot`: whom we trust.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::conditions::Condition;
use super::schema::keep_unknown_fields;

/// One party that is trusted, by its public keys or by the authorities that certify them: any one of them suffices.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "bonafide.dev",
    version = "v1alpha1",
    kind = "TrustRoot",
    plural = "trustroots",
    shortname = "btr",
    category = "bonafide",
    namespaced,
    derive = "PartialEq",
    status = "TrustRootStatus",
    doc = "Names one party that is trusted, by its public keys or by certificate authorities. Validators and rules refer to it.",
    validation = Rule::new("has(self.spec) && has(self.spec.keys) != has(self.spec.certificates)").message("a trust root has exactly one kind of material: keys or certificates"),
    printcolumn(name = "Keys", type_ = "string", json_path = ".status.keys[*].fingerprint"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct TrustRootSpec {
    /// The public keys of this party; a signature by any one of them counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub keys: Option<Vec<TrustKey>>,
    /// Certificate authorities of this party, in place of keys; for notaryV1 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<TrustCertificates>,
}

/// Certificate authorities of one party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct TrustCertificates {
    /// Authorities above the certificates of root keys of Notary v1: a root key counts when any of them has issued its certificate.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ca: Vec<TrustAuthority>,
}

/// One or more certificates of authorities, written out or read from a Secret or ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
#[x_kube(validation = Rule::new("[has(self.pem), has(self.secretKeyRef), has(self.configMapKeyRef)].exists_one(x, x)").message("an authority has exactly one of pem, secretKeyRef and configMapKeyRef"))]
pub struct TrustAuthority {
    /// The name of the authority, shown in the status; unique within the trust root.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The certificates as PEM (`-----BEGIN CERTIFICATE-----`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub pem: Option<String>,
    /// A key of a Secret in this namespace that holds the PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyReference>,
    /// A key of a ConfigMap in this namespace that holds the PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeyReference>,
}

/// One public key, written out or read from a Secret or ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
#[x_kube(validation = Rule::new("[has(self.pem), has(self.keyID), has(self.secretKeyRef), has(self.configMapKeyRef)].exists_one(x, x)").message("a key has exactly one of pem, keyID, secretKeyRef and configMapKeyRef"))]
pub struct TrustKey {
    /// The key's name, shown in messages and reports; unique within the trust root.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The public key as PEM (`-----BEGIN PUBLIC KEY-----`): ECDSA P-256, P-384 or P-521, RSA of 2048 to 4096 bits, or Ed25519.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub pem: Option<String>,
    /// The ID of a root key of Notary v1 (64 hexadecimal digits), as `notary key list` shows it; for notaryV1 only.
    #[serde(default, rename = "keyID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 64, max = 64))]
    pub key_id: Option<String>,
    /// A key of a Secret in this namespace that holds the PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyReference>,
    /// A key of a ConfigMap in this namespace that holds the PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeyReference>,
}

/// A key of a Secret or ConfigMap in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = keep_unknown_fields)]
pub struct KeyReference {
    /// The name of the Secret or ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in its data.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// What became of the trust root.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustRootStatus {
    /// The generation that these conditions are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The keys and certificates as they were read.
    #[serde(default)]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub keys: Vec<KeyStatus>,
    /// Ready: every key and certificate was found and read.
    #[serde(default)]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// One key as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// The key's name in the spec.
    #[schemars(length(max = 253))]
    pub name: String,
    /// SHA-256 over the DER of the public key or of the certificate; of a key that is named by its ID, the ID.
    #[schemars(length(max = 128))]
    pub fingerprint: String,
    /// The kind of key, such as `ECDSA P-256`, or `certificate authority`.
    #[schemars(length(max = 64))]
    pub algorithm: String,
    /// When a certificate ends (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub expires: Option<String>,
}
