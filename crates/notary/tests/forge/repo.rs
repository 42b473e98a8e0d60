//! What a publisher, or an attacker in his place, holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use notary::Sha256;
use serde_json::{Map, Value, json};

use super::certificate::root_key;
use super::key::Key;
use super::site::Site;

pub(crate) const GUN: &str = "registry.test/team/app";

/// Keys of a role, and who signs its file: the same keys unless said otherwise.
#[derive(Clone)]
pub(crate) struct Role {
    pub(crate) keys: Vec<Key>,
    pub(crate) threshold: i64,
    pub(crate) signed_by: Option<Vec<Key>>,
    pub(crate) version: u64,
    pub(crate) expires: String,
}

impl Role {
    pub(crate) fn of(key: Key) -> Role {
        Role { keys: vec![key], threshold: 1, signed_by: None, version: 1, expires: "2040-01-01T00:00:00.5-08:00".to_owned() }
    }

    fn signers(&self) -> &[Key] {
        self.signed_by.as_ref().unwrap_or(&self.keys)
    }

    fn ids(&self) -> Vec<String> {
        self.keys.iter().map(Key::id).collect()
    }
}

/// A targets file: of `targets` itself, or of a delegation.
#[derive(Clone)]
pub(crate) struct Tags {
    pub(crate) role: Role,
    /// Of a delegation: what the parent grants; `None` leaves the member out.
    pub(crate) paths: Option<Vec<&'static str>>,
    /// Tag to image name.
    pub(crate) images: BTreeMap<&'static str, &'static str>,
    /// Delegated by its parent.
    pub(crate) delegated: bool,
    /// Listed in the snapshot.
    pub(crate) published: bool,
}

impl Tags {
    pub(crate) fn new(key: Key, tags: &[(&'static str, &'static str)]) -> Tags {
        Tags { role: Role::of(key), paths: Some(vec![""]), images: tags.iter().copied().collect(), delegated: true, published: true }
    }
}

type Edit = Arc<dyn Fn(&mut Value)>;

#[derive(Clone)]
pub(crate) struct Repo {
    pub(crate) root: Role,
    pub(crate) timestamp: Role,
    pub(crate) snapshot: Role,
    pub(crate) targets: Tags,
    pub(crate) delegations: BTreeMap<&'static str, Tags>,
    /// Roots of earlier versions that the server still has.
    pub(crate) old_roots: BTreeMap<u64, Vec<u8>>,
    edits: Vec<(String, Edit)>,
    /// A file is signed once: signatures hold random bits, and one version must stay one file.
    signed: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Repo {
    /// As docker makes it: `targets/releases` and `targets/alice`, both signed 1.0 and 2.0; `targets` has base.
    pub(crate) fn new() -> Repo {
        let tags = [("1.0", "one"), ("2.0", "two")];
        let delegations = [("targets/alice", Tags::new(Key::ecdsa(), &tags)), ("targets/releases", Tags::new(Key::ecdsa(), &tags))];
        Repo {
            root: Role::of(root_key()),
            timestamp: Role::of(Key::ed25519()),
            snapshot: Role::of(Key::ed25519()),
            targets: Tags::new(Key::ecdsa(), &[("base", "base"), ("1.0", "of targets")]),
            delegations: delegations.into(),
            old_roots: BTreeMap::new(),
            edits: Vec::new(),
            signed: Arc::default(),
        }
    }

    /// The same, without remembering in this one what the copy signs.
    #[allow(dead_code, reason = "for the fuzz target")]
    pub(crate) fn with_own_signatures(&self) -> Repo {
        Repo { signed: Arc::new(Mutex::new(self.signed.lock().unwrap().clone())), ..self.clone() }
    }

    pub(crate) fn releases(&mut self) -> &mut Tags {
        self.delegations.get_mut("targets/releases").unwrap()
    }

    pub(crate) fn alice(&mut self) -> &mut Tags {
        self.delegations.get_mut("targets/alice").unwrap()
    }

    /// Changes the signed value of a role's file before it is signed.
    pub(crate) fn edit(&mut self, role: &str, edit: impl Fn(&mut Value) + 'static) {
        self.edits.push((role.to_owned(), Arc::new(edit)));
    }

    /// The next version of every file below the root, as a publish makes it.
    pub(crate) fn next(&mut self) {
        let below = self.delegations.values_mut().map(|tags| &mut tags.role);
        for role in below.chain([&mut self.timestamp, &mut self.snapshot, &mut self.targets.role]) {
            role.version += 1;
        }
    }

    /// The next root: changed by `change`, signed by the root keys before and after.
    pub(crate) fn rotate(&mut self, change: impl FnOnce(&mut Repo)) {
        let before = self.root.keys.clone();
        self.old_roots.insert(self.root.version, self.root_file());
        change(self);
        self.root.version += 1;
        let after = self.root.keys.iter().filter(|key| before.iter().all(|old| old.id() != key.id())).cloned();
        self.root.signed_by = Some(before.iter().cloned().chain(after).collect());
        self.next();
    }

    pub(crate) fn root_file(&self) -> Vec<u8> {
        let roles = [("root", &self.root), ("timestamp", &self.timestamp), ("snapshot", &self.snapshot), ("targets", &self.targets.role)];
        let keys: Map<String, Value> = roles.iter().flat_map(|(_, role)| &role.keys).map(|key| (key.id(), key.entry())).collect();
        let roles: Map<String, Value> = roles.into_iter().map(|(name, role)| (name.to_owned(), entry(role))).collect();
        self.file("root", "Root", &self.root, json!({"consistent_snapshot": false, "keys": keys, "roles": roles}))
    }

    /// The files of this moment.
    pub(crate) fn publish(&self) -> Site {
        let mut site = Site::default();
        let root = self.root_file();
        let targets = self.tags_file("targets", &self.targets);
        let mut meta = Map::from_iter([("root".to_owned(), meta_of(&root)), ("targets".to_owned(), meta_of(&targets))]);
        site.put_named("targets", targets);
        for (name, tags) in &self.delegations {
            let file = self.tags_file(name, tags);
            if tags.published {
                meta.insert((*name).to_owned(), meta_of(&file));
            }
            site.put_named(name, file);
        }
        let snapshot = self.file("snapshot", "Snapshot", &self.snapshot, json!({"meta": meta}));
        let timestamp = self.file("timestamp", "Timestamp", &self.timestamp, json!({"meta": {"snapshot": meta_of(&snapshot)}}));
        site.put_named("snapshot", snapshot);
        site.put("timestamp.json", timestamp);
        for (version, root) in
            self.old_roots.iter().map(|(version, root)| (*version, root.clone())).chain([(self.root.version, root.clone())])
        {
            site.put(&format!("{version}.root.json"), root);
        }
        site.put("root.json", root);
        site
    }

    fn tags_file(&self, name: &str, tags: &Tags) -> Vec<u8> {
        let children: Vec<(&&str, &Tags)> =
            self.delegations.iter().filter(|(child, tags)| tags.delegated && child.rsplit_once('/').unwrap().0 == name).collect();
        let keys: Map<String, Value> = children.iter().flat_map(|(_, tags)| &tags.role.keys).map(|key| (key.id(), key.entry())).collect();
        let roles: Vec<Value> = children.iter().map(|(name, tags)| delegation(name, tags)).collect();
        let entries: Map<String, Value> = tags.images.iter().map(|(tag, image)| ((*tag).to_owned(), meta_of(image.as_bytes()))).collect();
        let body = json!({"delegations": {"keys": keys, "roles": roles}, "targets": entries});
        self.file(name, "Targets", &tags.role, body)
    }

    fn file(&self, name: &str, kind: &str, role: &Role, mut signed: Value) -> Vec<u8> {
        signed["_type"] = kind.into();
        signed["version"] = role.version.into();
        signed["expires"] = role.expires.as_str().into();
        for (_, edit) in self.edits.iter().filter(|(edited, _)| edited == name) {
            edit(&mut signed);
        }
        let signers: Vec<(String, &str)> = role.signers().iter().map(|key| (key.id(), key.method)).collect();
        let sign = || {
            let signatures: Vec<Value> = role.signers().iter().map(|key| key.signature(&signed)).collect();
            json!({"signed": signed, "signatures": signatures}).to_string().into_bytes()
        };
        self.signed.lock().unwrap().entry(format!("{signed} {signers:?}")).or_insert_with(sign).clone()
    }
}

fn entry(role: &Role) -> Value {
    json!({"keyids": role.ids(), "threshold": role.threshold})
}

fn delegation(name: &str, tags: &Tags) -> Value {
    let mut entry = entry(&tags.role);
    entry["name"] = name.into();
    if let Some(paths) = &tags.paths {
        entry["paths"] = json!(paths);
    }
    entry
}

/// Length and hash as trust data names a file or an image.
pub(crate) fn meta_of(bytes: &[u8]) -> Value {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    json!({"hashes": {"sha256": STANDARD.encode(hash.as_ref())}, "length": bytes.len()})
}

/// The digest of an image that a [`Tags`] names.
pub(crate) fn digest_of(image: &str) -> oci::Digest {
    format!("sha256:{}", Sha256::of(image.as_bytes())).parse().unwrap()
}
