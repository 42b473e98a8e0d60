//! Repositories and tags: the parts of a reference that name what a registry serves.
//!
//! Boundary: the grammar of the OCI distribution specification plus Docker's reading of the first component.
//! Invariant: a [`Repository`] read back from its own text is the same repository.

use std::{fmt, str::FromStr};

use crate::{Host, ReferenceError, digest::is_lower_hex};

/// Longest path that registries accept (the limit of Docker's reference grammar).
const MAX_PATH_LENGTH: usize = 255;
const MAX_TAG_LENGTH: usize = 128;
const OFFICIAL: &str = "library/";

/// A repository on its host: `docker.io/library/redis`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: Host,
    path: String,
}

impl Repository {
    /// The registry that serves it.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The name within the registry, without a leading slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn on(host: Host, path: &str) -> Result<Self, ReferenceError> {
        let official = host.is_docker_hub() && !path.contains('/');
        let path = if official { format!("{OFFICIAL}{path}") } else { path.to_owned() };
        if path.len() > MAX_PATH_LENGTH || !path.split('/').all(is_component) {
            return Err(ReferenceError::Path);
        }
        Ok(Self { host, path })
    }
}

/// Reads a name as Docker does; the second value is the host as it was written, if it was.
pub(crate) fn read_name(name: &str) -> Result<(Repository, Option<&str>), ReferenceError> {
    if let Some((first, path)) = name.split_once('/').filter(|(first, _)| is_host(first)) {
        let host = first.parse().map_err(ReferenceError::Host)?;
        return Ok((Repository::on(host, path)?, Some(first)));
    }
    if is_lower_hex(name) {
        return Err(ReferenceError::ImageId);
    }
    let hub = "docker.io".parse().map_err(ReferenceError::Host)?;
    Ok((Repository::on(hub, name)?, None))
}

/// A path has no dots at this place, no colons and no capitals, so what has any is a host.
fn is_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (OCI distribution specification, "Pulling manifests").
fn is_component(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_separator = |run: &&str| matches!(*run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    let mut runs = component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).filter(|run| !run.is_empty());
    component.bytes().next().is_some_and(alphanumeric)
        && component.bytes().last().is_some_and(alphanumeric)
        && runs.all(|run| is_separator(&run))
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        read_name(text).map(|(repository, _)| repository)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.path)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A name that a registry can point at another manifest at any time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The tag that a reference has when it says nothing.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// The text as a registry takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let starts_well = text.bytes().next().is_some_and(word);
        let goes_well = text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
        if !starts_well || !goes_well || text.len() > MAX_TAG_LENGTH {
            return Err(ReferenceError::Tag);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_repository_reads_back_as_itself() {
        for text in ["redis", "docker.io/redis", "FOO/bar", "registry:443/app", "a.b/c__d/e--f.g", "localhost/x"] {
            let repository: Repository = text.parse().unwrap();
            assert_eq!(repository.to_string().parse::<Repository>().unwrap(), repository, "{text}");
        }
    }

    #[test]
    fn a_dotless_host_never_turns_into_a_hub_namespace() {
        let repository: Repository = "registry:443/app".parse().unwrap();
        assert_eq!(repository.to_string(), "registry:443/app");
        assert_eq!("FOO/bar".parse::<Repository>().unwrap().to_string(), "foo:443/bar");
    }

    #[test]
    fn paths_outside_the_grammar_are_refused() {
        let long = format!("a.b/{}", "c".repeat(256));
        for text in [
            "a.b/",
            "a.b//c",
            "a.b/C",
            "a.b/-c",
            "a.b/c-",
            "a.b/c___d",
            "a.b/c..d",
            "a.b/../c",
            "a.b/c._d",
            "a.b/c d",
            "a.b/c%2fd",
            "a.b/c?x",
            "a.b/c:tag",
            &long,
        ] {
            assert_eq!(text.parse::<Repository>(), Err(ReferenceError::Path), "{text}");
        }
    }

    #[test]
    fn tags_outside_the_grammar_are_refused() {
        let long = "x".repeat(129);
        for text in ["", ".a", "-a", "a/b", "a b", "a@b", "ä", &long] {
            assert_eq!(text.parse::<Tag>(), Err(ReferenceError::Tag), "{text}");
        }
        assert_eq!("_A.b-1".parse::<Tag>().unwrap().as_str(), "_A.b-1");
    }
}
