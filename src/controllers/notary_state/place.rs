//! Where the state of a key lies.

use kube::api::ListParams;
use notary::Sha256;

use crate::evaluate::StateKey;

/// The label that says whose states a ConfigMap holds; its value is a namespace.
pub(super) const OWNER_LABEL: &str = "bonafide.dev/notary-state";
const PREFIX: &str = "bonafide-notary-state";
/// Hexadecimal digits of the hash that choose a ConfigMap: 256 for what holds cluster-wide, 16 for a tenant.
const CLUSTER_DIGITS: usize = 2;
const TENANT_DIGITS: usize = 1;

/// A ConfigMap, and the entry within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) owner: String,
    pub(super) shard: String,
    pub(super) entry: String,
}

impl Place {
    /// A namespace has no dot in its name, so the parts of the ConfigMap's name are told apart.
    pub(super) fn of(key: &StateKey, operator_namespace: &str) -> Self {
        let entry = Sha256::of(format!("{}\n{}\n{}", key.server, key.gun, hex(&key.anchors)).as_bytes()).to_string();
        let digits = if key.owner == operator_namespace { CLUSTER_DIGITS } else { TENANT_DIGITS };
        let (prefix, _) = entry.split_at(digits);
        Self { owner: key.owner.clone(), shard: format!("{PREFIX}.{}.{prefix}", key.owner), entry }
    }
}

/// All ConfigMaps with states of `owner`.
pub(super) fn shards_of(owner: &str) -> ListParams {
    ListParams::default().labels(&format!("{OWNER_LABEL}={owner}"))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
