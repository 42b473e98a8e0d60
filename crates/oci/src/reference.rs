//! Image references as pods write them, read as container runtimes read them.
//!
//! Boundary: Docker's normalisation (the rules of its reference grammar), no patterns and no network. Invariant:
//! [`Reference`] keeps what was written beside what it means, and what it means reads back as the same image.

use std::{fmt, str::FromStr};

use crate::{Digest, DigestError, HostError, Repository, Tag, repository::read_name};

/// More than the longest host, path, tag and digest together.
const MAX_LENGTH: usize = 1024;
/// What the identifier of an image on a node starts with.
const IMAGE_ID: &str = "sha256:";

/// An image reference: a repository with a tag, a digest or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    written: String,
    written_host: Option<String>,
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// Why a text is no image reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is no text.
    #[error("an image reference is empty")]
    Empty,
    /// The text has more than 1024 bytes.
    #[error("an image reference has at most {MAX_LENGTH} bytes")]
    TooLong,
    /// Some runtimes take the text as the ID of an image on the node, others as a name.
    #[error("an image ID is no image reference")]
    ImageId,
    /// The registry host is unreadable.
    #[error("the registry host is unreadable")]
    Host(#[source] HostError),
    /// The repository path breaks the grammar.
    #[error("a repository path has lower-case letters, digits and single separators, and at most 255 bytes")]
    Path,
    /// The tag breaks the grammar.
    #[error("a tag has 1 to 128 letters, digits, '_', '.' and '-', and starts with none of the last two")]
    Tag,
    /// The digest is unreadable.
    #[error("the digest is unreadable")]
    Digest(#[source] DigestError),
}

impl Reference {
    /// Where the image lives.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, `latest` when neither tag nor digest was written. Beside a digest it is only text.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest that the runtime will run, if one was written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Whether the reference was written without a host, so that a runtime's search list could read it otherwise.
    pub fn is_short(&self) -> bool {
        self.written_host.is_none()
    }

    /// The text that was parsed, unchanged.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The reference to write so that exactly `digest` runs; the host keeps the spelling that was written.
    ///
    /// A digest that was written stays, whatever `digest` is: nobody is given another image than the one he named.
    pub fn pinned(&self, digest: &Digest) -> String {
        self.spelled(Some(self.digest.as_ref().unwrap_or(digest)))
    }

    /// The full form that every runtime reads alike, without a new digest; the host keeps the spelling that was written.
    pub fn qualified(&self) -> String {
        self.spelled(self.digest.as_ref())
    }

    /// The normalised form without the digest; without a tag too, if none was written beside the digest.
    pub fn without_digest(&self) -> String {
        Self { digest: None, ..self.clone() }.to_string()
    }

    fn spelled(&self, digest: Option<&Digest>) -> String {
        let host = self.written_host.as_deref().unwrap_or(self.repository.host().as_str());
        let name = format!("{host}/{}", self.repository.path());
        join(&name, self.tag.as_ref(), digest)
    }
}

fn join(name: &str, tag: Option<&Tag>, digest: Option<&Digest>) -> String {
    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
    format!("{name}{tag}{digest}")
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_whole(text)?;
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(ReferenceError::Digest)?)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest)?;
        let (repository, written_host) = read_name(name)?;
        // `Sha256/app` is on the host `sha256:443`, and would be read back as an image ID.
        if repository.host().as_str().starts_with(IMAGE_ID) {
            return Err(ReferenceError::ImageId);
        }
        Ok(Self {
            written: text.to_owned(),
            written_host: written_host.map(str::to_owned),
            repository,
            tag: tag.or_else(|| digest.is_none().then(Tag::latest)),
            digest,
        })
    }
}

fn check_whole(text: &str) -> Result<(), ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::Empty);
    }
    if text.len() > MAX_LENGTH {
        return Err(ReferenceError::TooLong);
    }
    if text.starts_with(IMAGE_ID) {
        return Err(ReferenceError::ImageId);
    }
    Ok(())
}

/// A colon after the last slash starts the tag; one before it belongs to the host.
fn split_tag(text: &str) -> Result<(&str, Option<Tag>), ReferenceError> {
    let last = text.rfind('/').map_or(0, |slash| slash + 1);
    let colon = text.rfind(':').filter(|colon| *colon >= last);
    match colon.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) {
        Some((name, tag)) => Ok((name, Some(tag.parse()?))),
        None => Ok((text, None)),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&join(&self.repository.to_string(), self.tag.as_ref(), self.digest.as_ref()))
    }
}

#[cfg(test)]
mod tests;
