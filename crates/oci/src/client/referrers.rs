//! Who refers to an image: the referrers API and the tag that stands in for it.
//!
//! Boundary: OCI distribution specification 1.1, "Listing Referrers" and "Unavailable Referrers API". Invariant: a list
//! that exceeds a cap is an error, never a shorter list; a broken entry beside good ones neither helps nor vetoes.

use http::header;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::{
    Scope, Session,
    exchange::Answer,
    link,
    session::{MAX_MANIFEST_BYTES, check_status, question},
};
use crate::{
    Descriptor, Digest, Host, Malformation, ManifestRef, RegistryError, Repository, Tag, Unit,
    manifest::{OCI_INDEX, essence},
};

/// The config of an artifact that has none (OCI image specification 1.1, "Guidance for an Empty Descriptor").
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";
const MAX_PAGES: u64 = 20;
const MAX_ENTRIES: usize = 1000;
/// Of all pages together.
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Deserialize)]
struct Index<'a> {
    #[serde(borrow, default)]
    manifests: Option<Vec<&'a RawValue>>,
}

impl Session {
    /// The manifests whose subject is `digest`, of one artifact type or of all, in the registry's order.
    ///
    /// Entries that hide their artifact type come too: some registries leave it out, or put the config's in its place.
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        match self.referrers_listed(repository, digest, artifact_type).await? {
            Some(found) => Ok(found),
            None => self.referrers_tagged(repository, digest, artifact_type).await,
        }
    }

    /// What the referrers API says; `None` from a registry without it, which is not asked again for a while.
    pub async fn referrers_listed(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let key = self.grant_key(repository);
        if self.shared().without_referrers.contains_key(&key) {
            return Ok(None);
        }
        let found = self.listed(repository, digest, artifact_type).await?;
        if found.is_none() {
            self.shared().without_referrers.insert(key, ());
        }
        Ok(found.map(|found| of_type(found, artifact_type)))
    }

    async fn listed(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let host = repository.host();
        let mut url = self.endpoint(repository, "referrers", &digest.to_string())?;
        if let Some(artifact_type) = artifact_type {
            url.query_pairs_mut().append_pair("artifactType", artifact_type);
        }
        let mut list = List::default();
        for page in 0..MAX_PAGES {
            let answer = self.page(repository, &url, MAX_BYTES - list.bytes).await?;
            if page == 0 && is_missing(&answer) {
                return Ok(None);
            }
            check_status(&answer, host)?;
            check_index(&answer, host)?;
            list.add(&answer.body, host)?;
            let next = link::next(&answer.headers, &url);
            match next.map_err(|_| RegistryError::Malformed { host: host.clone(), what: Malformation::Link })? {
                Some(next) => url = next,
                None => return Ok(Some(list.entries)),
            }
        }
        Err(RegistryError::TooLarge { host: host.clone(), limit: MAX_PAGES, unit: Unit::Pages })
    }

    async fn page(&self, repository: &Repository, url: &Url, left: usize) -> Result<Answer, RegistryError> {
        let cap = left.min(MAX_MANIFEST_BYTES);
        self.ask(question(&Scope::of(repository), url, Some(OCI_INDEX), cap)).await
    }

    /// The index at the tag `sha256-<hex>`, which clients keep where the API is missing.
    pub async fn referrers_tagged(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let host = repository.host();
        let malformed = || RegistryError::Malformed { host: host.clone(), what: Malformation::Referrers };
        let tag: Tag = format!("sha256-{}", digest.hex()).parse().map_err(|_| malformed())?;
        let Some(manifest) = self.manifest_if_present(repository, &ManifestRef::Tag(tag)).await? else {
            return Ok(Vec::new());
        };
        if manifest.media_type != OCI_INDEX {
            return Err(malformed());
        }
        let mut list = List::default();
        list.add(&manifest.bytes, host)?;
        Ok(of_type(list.entries, artifact_type))
    }
}

#[derive(Default)]
pub(super) struct List {
    pub(super) entries: Vec<Descriptor>,
    /// Broken ones too.
    seen: usize,
    bytes: usize,
}

impl List {
    pub(super) fn add(&mut self, page: &[u8], host: &Host) -> Result<(), RegistryError> {
        let malformed = || RegistryError::Malformed { host: host.clone(), what: Malformation::Referrers };
        // A derived reader also takes a list for a struct.
        if page.trim_ascii_start().first() != Some(&b'{') {
            return Err(malformed());
        }
        let index: Index<'_> = serde_json::from_slice(page).map_err(|_| malformed())?;
        let raw = index.manifests.unwrap_or_default();
        self.bytes += page.len();
        self.seen += raw.len();
        if self.seen > MAX_ENTRIES {
            return Err(RegistryError::TooLarge { host: host.clone(), limit: MAX_ENTRIES as u64, unit: Unit::Entries });
        }
        self.entries.extend(raw.into_iter().filter_map(|entry| serde_json::from_str(entry.get()).ok()));
        Ok(())
    }
}

/// The registry's own filter is a matter of traffic, not of trust.
fn of_type(mut entries: Vec<Descriptor>, artifact_type: Option<&str>) -> Vec<Descriptor> {
    entries.retain(|entry| artifact_type.is_none_or(|wanted| may_be(entry, wanted)));
    entries
}

/// Whether the entry is of the type, as far as the list tells; else only its manifest knows.
fn may_be(entry: &Descriptor, artifact_type: &str) -> bool {
    entry.artifact_type.as_deref().is_none_or(|listed| listed == artifact_type || listed.is_empty() || listed == EMPTY_CONFIG)
}

/// As a registry answers that does not know the API, or a server that answers everything with a page.
fn is_missing(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 400 | 404 | 405 | 406) || (answer.status == 200 && !is_index(answer))
}

fn is_index(answer: &Answer) -> bool {
    let content_type = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    essence(content_type.unwrap_or_default()) == OCI_INDEX
}

fn check_index(answer: &Answer, host: &Host) -> Result<(), RegistryError> {
    if is_index(answer) {
        return Ok(());
    }
    Err(RegistryError::Malformed { host: host.clone(), what: Malformation::Referrers })
}
