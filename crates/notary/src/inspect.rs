//! Trust data as plain data, for people and for `--output json`.
//!
//! Names of tags and paths are text that signers chose: whoever shows them escapes them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oci::Digest;
use serde::Serialize;

use crate::key::{KeyId, ListedKey, PublicKey};
use crate::metadata::{RoleKeys, Targets};
use crate::name::DelegationName;
use crate::trust::Signer;
use crate::trusted::Trusted;
use crate::update::{Branch, Checked, Outcome};

/// A repository: its base roles, and its delegations in the order of their names, parents first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The repository.
    pub gun: String,
    /// Who says which keys the other roles have.
    pub root: RoleView,
    /// Who says which snapshot is the newest.
    pub timestamp: RoleView,
    /// Who says which files belong together.
    pub snapshot: RoleView,
    /// Who says which tag is which image.
    pub targets: RoleView,
    /// The tags of `targets` itself; without a digest where the entry names none.
    pub tags: BTreeMap<String, Option<Digest>>,
    /// The roles to which tags are delegated.
    pub delegations: BTreeMap<DelegationName, DelegationView>,
}

/// One verified role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleView {
    /// Version of its file.
    pub version: u64,
    /// When its file expires.
    pub expires: DateTime<Utc>,
    /// How many keys must sign.
    pub threshold: u32,
    /// The keys of the role.
    pub keys: Vec<KeyView>,
}

/// One key of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// The ID under which the role lists it.
    pub id: KeyId,
    /// What kind of key it is, or why it cannot be used.
    pub kind: String,
    /// Common name of its certificate.
    pub common_name: Option<String>,
    /// When its certificate expires.
    pub certificate_expires: Option<DateTime<Utc>>,
    /// Whether it signed the file of the role.
    pub signed: bool,
}

/// One delegation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DelegationView {
    /// Prefixes of the tags that its parent delegates to it.
    pub paths: Vec<String>,
    /// What it has published.
    pub status: DelegationStatus,
}

/// What a delegation has published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DelegationStatus {
    /// The snapshot may list it, but nobody delegates to it.
    NotDelegated,
    /// Delegated, and nothing was ever published.
    Unpublished,
    /// Published, and not to be believed; why.
    Broken(String),
    /// Verified.
    Verified {
        /// The role.
        role: RoleView,
        /// All its tags, those outside its paths too; without a digest where the entry names none.
        tags: BTreeMap<String, Option<Digest>>,
    },
}

impl Trusted {
    /// Everything that is known about the repository. Delegations are those in the scope of the update.
    pub fn inspect(&self) -> Inspection {
        let (root, keys) = (&self.root.file, &self.root.file.body);
        Inspection {
            gun: self.gun.to_string(),
            root: role(root.version, root.expires, &keys.own, &self.root.own_signers(|_| true)),
            timestamp: checked(&self.timestamp, &keys.timestamp),
            snapshot: checked(&self.snapshot, &keys.snapshot),
            targets: checked(&self.targets, &keys.targets),
            tags: tags(&self.targets.file.body),
            delegations: self.delegations.iter().map(|(name, branch)| (name.clone(), delegation(branch))).collect(),
        }
    }

    /// The distinct public keys that signed the root, for a trust root to be made of.
    pub fn root_keys(&self) -> Vec<PublicKey> {
        self.root.own_signers(|_| true).into_iter().map(|signer| signer.key).collect()
    }
}

fn checked<T>(checked: &Checked<T>, keys: &RoleKeys) -> RoleView {
    role(checked.file.version, checked.file.expires, keys, &checked.signers)
}

fn role(version: u64, expires: DateTime<Utc>, keys: &RoleKeys, signers: &[Signer]) -> RoleView {
    let keys_of_role = keys.keys.iter().map(|listed| key(listed, signers)).collect();
    RoleView { version, expires, threshold: keys.threshold.get(), keys: keys_of_role }
}

fn key(listed: &ListedKey, signers: &[Signer]) -> KeyView {
    let certificate = listed.certificate.as_ref();
    KeyView {
        id: listed.id,
        kind: listed.public.as_ref().map_or_else(|error| format!("unusable: {error}"), |key| key.algorithm().to_string()),
        common_name: certificate.and_then(|certificate| certificate.common_name.clone()),
        certificate_expires: certificate.map(|certificate| certificate.not_after),
        signed: signers.iter().any(|signer| signer.id == listed.id),
    }
}

fn tags(targets: &Targets) -> BTreeMap<String, Option<Digest>> {
    targets.tags.iter().map(|(tag, digest)| (tag.clone(), digest.clone().ok())).collect()
}

fn delegation(branch: &Branch) -> DelegationView {
    let delegated = branch.delegated.as_ref();
    let status = match (&branch.outcome, delegated) {
        (Outcome::Verified { targets, .. }, Some(delegated)) => {
            DelegationStatus::Verified { role: checked(targets, &delegated.keys), tags: tags(&targets.file.body) }
        }
        (Outcome::Broken(error), _) => DelegationStatus::Broken(error.to_string()),
        (Outcome::Unpublished, _) => DelegationStatus::Unpublished,
        (Outcome::NotDelegated | Outcome::Verified { .. }, _) => DelegationStatus::NotDelegated,
    };
    DelegationView { paths: delegated.map(|delegated| delegated.paths.as_slice().to_vec()).unwrap_or_default(), status }
}
