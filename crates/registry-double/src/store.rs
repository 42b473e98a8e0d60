//! What was pushed, by repository.

use std::collections::BTreeMap;

use bytes::Bytes;
use oci::Digest;
use serde_json::{Value, json};

#[derive(Debug, Default)]
pub(crate) struct Store {
    repositories: BTreeMap<String, Content>,
    /// Files by GUN and name.
    trust_data: BTreeMap<(String, String), Bytes>,
}

#[derive(Debug, Default)]
struct Content {
    blobs: BTreeMap<String, Bytes>,
    manifests: BTreeMap<String, Stored>,
    tags: BTreeMap<String, String>,
    /// Descriptors by subject, in the order of the pushes.
    referrers: BTreeMap<String, Vec<Value>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

impl Store {
    pub(crate) fn push_blob(&mut self, repository: &str, bytes: Bytes) -> Digest {
        let digest = Digest::of(&bytes);
        self.content(repository).blobs.insert(digest.to_string(), bytes);
        digest
    }

    pub(crate) fn push_manifest(&mut self, repository: &str, tag: Option<&str>, media_type: &str, bytes: Bytes) -> Digest {
        let digest = Digest::of(&bytes);
        let content = self.content(repository);
        if let Some(tag) = tag {
            content.tags.insert(tag.to_owned(), digest.to_string());
        }
        if let Some((subject, descriptor)) = referral(media_type, &digest, &bytes) {
            content.referrers.entry(subject).or_default().push(descriptor);
        }
        let stored = Stored { digest: digest.to_string(), media_type: media_type.to_owned(), bytes };
        content.manifests.insert(digest.to_string(), stored);
        digest
    }

    pub(crate) fn replace_trust_data(&mut self, gun: &str, files: impl IntoIterator<Item = (String, Bytes)>) {
        self.trust_data.retain(|(own, _), _| own != gun);
        self.trust_data.extend(files.into_iter().map(|(name, bytes)| ((gun.to_owned(), name), bytes)));
    }

    pub(crate) fn trust_data(&self, gun: &str, name: &str) -> Option<Bytes> {
        self.trust_data.get(&(gun.to_owned(), name.to_owned())).cloned()
    }

    pub(crate) fn remove_tag(&mut self, repository: &str, tag: &str) {
        self.content(repository).tags.remove(tag);
    }

    pub(crate) fn manifest(&self, repository: &str, name: &str) -> Option<Stored> {
        let content = self.repositories.get(repository)?;
        let digest = content.tags.get(name).map_or(name, String::as_str);
        content.manifests.get(digest).cloned()
    }

    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.repositories.get(repository)?.blobs.get(digest).cloned()
    }

    pub(crate) fn referrers(&self, repository: &str, subject: &str) -> Vec<Value> {
        let found = self.repositories.get(repository).and_then(|content| content.referrers.get(subject));
        found.cloned().unwrap_or_default()
    }

    fn content(&mut self, repository: &str) -> &mut Content {
        self.repositories.entry(repository.to_owned()).or_default()
    }
}

/// The subject of a manifest and the entry that a list of its referrers has for it.
fn referral(media_type: &str, digest: &Digest, bytes: &Bytes) -> Option<(String, Value)> {
    let manifest: Value = serde_json::from_slice(bytes).ok()?;
    let subject = manifest.pointer("/subject/digest")?.as_str()?.to_owned();
    let artifact_type = manifest.get("artifactType").or_else(|| manifest.pointer("/config/mediaType"));
    let mut descriptor = json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()});
    let members = descriptor.as_object_mut()?;
    members.extend(artifact_type.map(|value| ("artifactType".to_owned(), value.clone())));
    members.extend(manifest.get("annotations").map(|value| ("annotations".to_owned(), value.clone())));
    Some((subject, descriptor))
}
