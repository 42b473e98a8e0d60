//! The questions that can be asked: what a tag points at, manifests and blobs.
//!
//! Boundary: the pull half of the OCI distribution specification. Invariant: bytes leave here only after they were
//! hashed, and what was asked for by digest has that digest.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::{Freshness, Scope, Session, exchange::Answer, leave::retry_after, redirect::Question};
use crate::{
    Descriptor, Digest, Host, Malformation, Manifest, ManifestRef, Outage, RegistryError, Repository, Tag, Unit,
    manifest::{ACCEPT, check_unambiguous, essence},
};

/// The least that registries have to accept, and the most that the common ones do.
pub(super) const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;
const CONTENT_DIGEST: &str = "docker-content-digest";

impl Session {
    /// The digest that a tag points at now. A registry that does not say it has its manifest hashed.
    ///
    /// What the registry says is a claim until [`Session::manifest`] was called with that digest.
    pub async fn resolve(&self, repository: &Repository, tag: &Tag) -> Result<Digest, RegistryError> {
        if let Some(answer) = self.head_manifest(repository, tag.as_str()).await?
            && let Some(digest) = content_digest(&answer.headers)
        {
            return Ok(digest);
        }
        Ok(self.manifest(repository, &ManifestRef::Tag(tag.clone())).await?.digest)
    }

    /// Whether the registry has a manifest with this digest.
    pub async fn exists(&self, repository: &Repository, digest: &Digest) -> Result<bool, RegistryError> {
        match self.head_manifest(repository, &digest.to_string()).await {
            Ok(Some(_)) => Ok(true),
            Ok(None) => Ok(self.manifest_if_present(repository, &ManifestRef::Digest(digest.clone())).await?.is_some()),
            Err(RegistryError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A manifest of at most 4 MiB, hashed.
    pub async fn manifest(&self, repository: &Repository, manifest: &ManifestRef) -> Result<Manifest, RegistryError> {
        let name = match manifest {
            ManifestRef::Tag(tag) => tag.to_string(),
            ManifestRef::Digest(digest) => digest.to_string(),
        };
        let url = self.endpoint(repository, "manifests", &name)?;
        let scope = Scope::of(repository);
        let answer = self.ask(question(&scope, &url, Some(ACCEPT), MAX_MANIFEST_BYTES)).await?;
        check_status(&answer, repository.host())?;
        read_manifest(&answer, manifest, repository.host())
    }

    /// Like [`Session::manifest`], but that there is none is an answer.
    pub async fn manifest_if_present(&self, repository: &Repository, manifest: &ManifestRef) -> Result<Option<Manifest>, RegistryError> {
        match self.manifest(repository, manifest).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(RegistryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The bytes that a descriptor points at, if they are at most `cap`; their number and digest are checked.
    pub async fn blob(&self, repository: &Repository, descriptor: &Descriptor, cap: usize) -> Result<Bytes, RegistryError> {
        let host = repository.host();
        let size = usize::try_from(descriptor.size).ok().filter(|size| *size <= cap);
        let size = size.ok_or_else(|| RegistryError::TooLarge { host: host.clone(), limit: cap as u64, unit: Unit::Bytes })?;
        let url = self.endpoint(repository, "blobs", &descriptor.digest.to_string())?;
        let answer = self.ask(question(&Scope::of(repository), &url, None, size)).await?;
        check_status(&answer, host)?;
        if answer.body.len() != size {
            return Err(RegistryError::Malformed { host: host.clone(), what: Malformation::Size });
        }
        check_digest(&descriptor.digest, &Digest::of(&answer.body), host)?;
        Ok(answer.body)
    }

    /// `None` from a registry that does not answer HEAD.
    async fn head_manifest(&self, repository: &Repository, name: &str) -> Result<Option<Answer>, RegistryError> {
        let url = self.endpoint(repository, "manifests", name)?;
        let scope = Scope::of(repository);
        let answer = self.ask(Question { head: true, ..question(&scope, &url, Some(ACCEPT), 0) }).await?;
        if matches!(answer.status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
            return Ok(None);
        }
        check_status(&answer, repository.host())?;
        Ok(Some(answer))
    }

    /// The names are validated, so that nothing of them is read as another part of the URL.
    pub(super) fn endpoint(&self, repository: &Repository, kind: &str, name: &str) -> Result<Url, RegistryError> {
        let host = repository.host();
        let scheme = if self.access().plain_http(host) { "http" } else { "https" };
        let text = format!("{scheme}://{}/v2/{}/{kind}/{name}", host.api_authority(), repository.path());
        Url::parse(&text).map_err(|_| RegistryError::Unavailable { host: host.clone(), cause: Outage::Name })
    }
}

/// A GET whose answer is checked by its digest, or is a claim anyway.
pub(super) fn question<'a>(scope: &'a Scope, url: &'a Url, accept: Option<&'static str>, cap: usize) -> Question<'a> {
    Question { scope, url, head: false, accept, freshness: Freshness::Any, cap }
}

pub(super) fn read_manifest(answer: &Answer, asked: &ManifestRef, host: &Host) -> Result<Manifest, RegistryError> {
    let digest = Digest::of(&answer.body);
    let announced = match asked {
        ManifestRef::Digest(digest) => Some(digest.clone()),
        ManifestRef::Tag(_) => content_digest(&answer.headers),
    };
    if let Some(announced) = announced {
        check_digest(&announced, &digest, host)?;
    }
    let content_type = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = essence(content_type.unwrap_or_default());
    check_unambiguous(&media_type, &answer.body).map_err(|what| RegistryError::Malformed { host: host.clone(), what })?;
    Ok(Manifest { digest, media_type, bytes: answer.body.clone() })
}

fn check_digest(expected: &Digest, actual: &Digest, host: &Host) -> Result<(), RegistryError> {
    if expected == actual {
        return Ok(());
    }
    Err(RegistryError::DigestMismatch { host: host.clone(), expected: expected.clone(), actual: actual.clone() })
}

fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.parse().ok()
}

/// Only 200 is the answer to a GET or HEAD without conditions and ranges.
pub(super) fn check_status(answer: &Answer, host: &Host) -> Result<(), RegistryError> {
    let host = host.clone();
    Err(match answer.status.as_u16() {
        200 => return Ok(()),
        401 | 403 => RegistryError::Denied { host },
        404 => RegistryError::NotFound { host },
        429 => RegistryError::RateLimited { host, retry_after: retry_after(&answer.headers, SystemTime::now()) },
        status @ (408 | 500..) => RegistryError::Unavailable { host, cause: Outage::Status(status) },
        status => RegistryError::Malformed { host, what: Malformation::Status(status) },
    })
}
