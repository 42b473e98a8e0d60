//! One ConfigMap with states.
//!
//! Its annotation says how many states belong into it. Who takes one out by hand leaves the number as it was, and then a
//! state that is not there is missing, not new.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::entry::{self, Entry, EntryError};
use super::place::{OWNER_LABEL, Place};

pub(super) const GUNS: &str = "bonafide.dev/notary-guns";
pub(super) const BYTES: &str = "bonafide.dev/notary-bytes";
pub(super) const RESETS: &str = "bonafide.dev/notary-resets";
const LAST_RESET: &str = "bonafide.dev/notary-last-reset";
/// The API server takes 1 MiB. New repositories leave room for the roots of old ones to grow.
const FULL_FOR_NEW: usize = 640 * 1024;
const FULL: usize = 1_000 * 1024;

/// A ConfigMap with states of one owner.
#[derive(Clone, Debug)]
pub(super) struct Shard(ConfigMap);

/// What there is of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// Its bytes.
    Stored(&'a [u8]),
    /// It was never here.
    New,
    /// It may have been here: states were taken out by hand.
    Missing,
}

/// The ConfigMap has no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ConfigMap would hold {0} bytes of states")]
pub(super) struct Full(usize);

impl Shard {
    /// What was read from the API server.
    pub(super) fn new(stored: ConfigMap) -> Self {
        Self(stored)
    }

    /// A ConfigMap that is not there yet.
    pub(super) fn empty(place: &Place) -> Self {
        let metadata = ObjectMeta { name: Some(place.shard.clone()), ..ObjectMeta::default() };
        let mut shard = Self(ConfigMap { metadata, ..ConfigMap::default() });
        let labels = [("app.kubernetes.io/name", "bonafide"), ("app.kubernetes.io/component", "notary-state"), (OWNER_LABEL, &place.owner)];
        shard.0.metadata.labels = Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        shard
    }

    /// The ConfigMap to write.
    pub(super) fn config_map(&self) -> &ConfigMap {
        &self.0
    }

    pub(super) fn version(&self) -> Option<&str> {
        self.0.metadata.resource_version.as_deref()
    }

    pub(super) fn uid(&self) -> Option<&str> {
        self.0.metadata.uid.as_deref()
    }

    pub(super) fn resets(&self) -> u64 {
        number(&self.0.metadata, RESETS)
    }

    fn entries(&self) -> impl Iterator<Item = (&String, &ByteString)> {
        self.0.binary_data.iter().flatten()
    }

    fn count(&self) -> u64 {
        self.entries().count().try_into().unwrap_or(u64::MAX)
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries().map(|(name, value)| name.len() + value.0.len()).sum()
    }

    pub(super) fn find(&self, entry: &str) -> Found<'_> {
        match self.0.binary_data.as_ref().and_then(|entries| entries.get(entry)) {
            Some(packed) => Found::Stored(&packed.0),
            None if self.missing() > 0 => Found::Missing,
            None => Found::New,
        }
    }

    /// States that were taken out by hand.
    pub(super) fn missing(&self) -> u64 {
        number(&self.0.metadata, GUNS).saturating_sub(self.count())
    }

    /// Every state, by the name of its entry.
    pub(super) fn read(&self) -> impl Iterator<Item = (&str, Result<Entry, EntryError>)> {
        self.entries().map(|(name, packed)| (name.as_str(), entry::unpack(&packed.0)))
    }

    /// Entries that both have, with other bytes.
    pub(super) fn changed<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.entries().filter_map(|(name, before)| match later.find(name) {
            Found::Stored(after) if after != before.0 => Some((before.0.as_slice(), after)),
            _ => None,
        })
    }

    /// The same with one state written.
    pub(super) fn with(&self, entry: &str, packed: Vec<u8>) -> Result<Self, Full> {
        let missing = self.missing();
        let mut next = self.clone();
        let is_new = next.0.binary_data.get_or_insert_default().insert(entry.to_owned(), ByteString(packed)).is_none();
        let (bytes, limit) = (next.bytes(), if is_new { FULL_FOR_NEW } else { FULL });
        if bytes > limit {
            return Err(Full(bytes));
        }
        next.count_anew(missing);
        Ok(next)
    }

    /// The same without some of its states, on purpose. `note` says who did it; it stays readable on the ConfigMap.
    /// `give_up`: states that were taken out by hand are given up as well.
    pub(super) fn without(&self, entries: &[&str], give_up: bool, note: &str) -> Self {
        let mut next = self.clone();
        let missing = next.missing();
        let forgotten = if give_up { missing } else { 0 };
        let before = next.count();
        next.0.binary_data.get_or_insert_default().retain(|name, _| !entries.contains(&name.as_str()));
        let resets = self.resets() + forgotten + before.saturating_sub(next.count());
        next.count_anew(missing - forgotten);
        next.annotate(&[(RESETS, resets.to_string()), (LAST_RESET, note.to_owned())]);
        next
    }

    fn count_anew(&mut self, missing: u64) {
        let (guns, bytes) = (self.count() + missing, self.bytes());
        self.annotate(&[(GUNS, guns.to_string()), (BYTES, bytes.to_string())]);
    }

    fn annotate(&mut self, annotations: &[(&str, String)]) {
        let all: &mut BTreeMap<_, _> = self.0.metadata.annotations.get_or_insert_default();
        all.extend(annotations.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    }
}

/// A number that an annotation holds; 0 without it.
pub(super) fn number(metadata: &ObjectMeta, annotation: &str) -> u64 {
    let text = metadata.annotations.as_ref().and_then(|annotations| annotations.get(annotation));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
