//! Image patterns: anchored globs over the normalised reference, `HOST/PATH[:TAG][@DIGEST]`.
//!
//! Boundary: text to checked pattern, pattern against reference. Invariant: a pattern matches whole parts only (there
//! is no implicit wildcard), and the host part is decided apart from the path, so neither can reach into the other.

mod glob;
#[cfg(test)]
mod tests;

use std::fmt;

use oci::{Digest, Host, Reference};

use self::glob::Glob;

const MAX_LENGTH: usize = 512;

/// One pattern of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    host: HostPattern,
    path: Glob,
    tag: Option<Glob>,
    digest: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    /// `**`: every host and path.
    Any,
    Literal(Host),
    /// `*.suffix[:port]`, held as `.suffix[:port]`: any depth of sub-domain.
    SubdomainsOf(String),
}

/// What the tag of a reference with a digest is worth: it is text that its author chose (security rule 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagUse {
    /// A pattern with a tag may match by that tag.
    Believed,
    /// A pattern with a tag never matches a reference with a digest.
    IgnoredBesideDigest,
}

/// Why a text is no pattern, with the position (in bytes) where it stops being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing is written.
    #[error("a pattern must not be empty")]
    Empty,
    /// More than 512 bytes.
    #[error("a pattern has at most {MAX_LENGTH} bytes")]
    TooLong,
    /// The first part is no host.
    #[error("at position {at}: a pattern names its host, such as registry.example.com/apps/** (only ** alone is every image)")]
    NoHost {
        /// Where.
        at: usize,
    },
    /// The host is neither literal nor `*.suffix`.
    #[error("at position {at}: a host is literal or *.suffix, with a literal port")]
    Host {
        /// Where.
        at: usize,
    },
    /// A host without a path.
    #[error("at position {at}: a path is missing, such as /**")]
    NoPath {
        /// Where.
        at: usize,
    },
    /// A character that no path has, or an empty component.
    #[error("at position {at}: a path has lower-case letters, digits, '.', '_', '-', '/', * and **")]
    Path {
        /// Where.
        at: usize,
    },
    /// A character that no tag has.
    #[error("at position {at}: a tag has letters, digits, '.', '_', '-' and *")]
    Tag {
        /// Where.
        at: usize,
    },
    /// Not `sha256:` and 64 hex digits.
    #[error("at position {at}: a digest is literal, sha256: and 64 lower-case hex digits")]
    Digest {
        /// Where.
        at: usize,
    },
    /// Docker Hub has no images without a namespace.
    #[error("at position {at}: on docker.io an image without a namespace is library/NAME: write docker.io/library/NAME")]
    DockerHubPath {
        /// Where.
        at: usize,
    },
}

impl Pattern {
    /// Reads a pattern; anything that is not one is an error with its position.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(PatternError::TooLong);
        }
        let (named, digest) = split_digest(text)?;
        let (name, tag) = split_tag(named)?;
        if name == "**" {
            return match digest {
                None => Ok(Self { text: text.to_owned(), host: HostPattern::Any, path: Glob::everything(), tag, digest }),
                Some(_) => Err(PatternError::NoHost { at: 0 }),
            };
        }
        let (host, path) = split_host(name)?;
        Ok(Self { text: text.to_owned(), host, path, tag, digest })
    }

    /// Whether the reference matches.
    pub fn matches(&self, reference: &Reference, tags: TagUse) -> bool {
        self.host.matches(reference.repository().host())
            && self.matches_digest(reference)
            && self.matches_tag(reference, tags)
            && self.path.matches(reference.repository().path())
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern looks at tags.
    pub fn has_tag(&self) -> bool {
        self.tag.is_some()
    }

    /// Whether every reference that `other` matches is surely matched by this pattern too.
    pub fn covers(&self, other: &Self) -> bool {
        let tag = match (&self.tag, &other.tag) {
            (None, _) => true,
            (Some(mine), Some(theirs)) => mine.covers(theirs),
            (Some(_), None) => false,
        };
        let digest = self.digest.is_none() || self.digest == other.digest;
        tag && digest && self.host.covers(&other.host) && self.path.covers(&other.path)
    }

    /// Whether the pattern, its tag left aside, covers the repositories of `other`.
    pub fn covers_repositories_of(&self, other: &Self) -> bool {
        self.host.covers(&other.host) && self.path.covers(&other.path)
    }

    fn matches_tag(&self, reference: &Reference, tags: TagUse) -> bool {
        let Some(pattern) = &self.tag else { return true };
        if tags == TagUse::IgnoredBesideDigest && reference.digest().is_some() {
            return false;
        }
        reference.tag().is_some_and(|tag| pattern.matches(tag.as_str()))
    }

    fn matches_digest(&self, reference: &Reference) -> bool {
        self.digest.is_none() || self.digest.as_ref() == reference.digest()
    }
}

impl HostPattern {
    fn matches(&self, host: &Host) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(literal) => literal == host,
            Self::SubdomainsOf(suffix) => is_below(host.as_str(), suffix),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Literal(mine), Self::Literal(theirs)) => mine == theirs,
            (Self::SubdomainsOf(suffix), Self::Literal(host)) => is_below(host.as_str(), suffix),
            (Self::SubdomainsOf(mine), Self::SubdomainsOf(theirs)) => theirs.ends_with(mine.as_str()),
            (Self::Literal(_) | Self::SubdomainsOf(_), _) => false,
        }
    }
}

/// `suffix` starts with a dot, so `evilexample.com` is not below `.example.com`.
fn is_below(host: &str, suffix: &str) -> bool {
    host.len() > suffix.len() && host.ends_with(suffix)
}

fn split_digest(text: &str) -> Result<(&str, Option<Digest>), PatternError> {
    let Some((named, digest)) = text.split_once('@') else { return Ok((text, None)) };
    let at = named.len() + 1;
    digest.parse().map(|digest| (named, Some(digest))).map_err(|_| PatternError::Digest { at })
}

/// A colon after the last slash starts the tag; before it, a port.
fn split_tag(named: &str) -> Result<(&str, Option<Glob>), PatternError> {
    let last = named.rfind('/').map_or(0, |slash| slash + 1);
    let Some(colon) = named.get(last..).and_then(|rest| rest.find(':')) else { return Ok((named, None)) };
    let (name, tag) = named.split_at(last + colon);
    let start = name.len() + 1;
    let tag = tag.strip_prefix(':').unwrap_or(tag);
    Glob::tag(tag).map(|glob| (name, Some(glob))).map_err(|at| PatternError::Tag { at: start + at })
}

fn split_host(name: &str) -> Result<(HostPattern, Glob), PatternError> {
    let (written, path) = match name.split_once('/') {
        Some(parts) => parts,
        None if names_a_host(name) => return Err(PatternError::NoPath { at: name.len() }),
        None => return Err(PatternError::NoHost { at: 0 }),
    };
    if !names_a_host(written) {
        return Err(PatternError::NoHost { at: 0 });
    }
    let host = parse_host(written)?;
    let start = written.len() + 1;
    if path.is_empty() {
        return Err(PatternError::NoPath { at: start });
    }
    let glob = Glob::path(path).map_err(|at| PatternError::Path { at: start + at })?;
    let on_docker_hub = matches!(&host, HostPattern::Literal(host) if host.is_docker_hub());
    if on_docker_hub && !path.contains('/') && !path.contains("**") {
        return Err(PatternError::DockerHubPath { at: start });
    }
    Ok((host, glob))
}

/// As Docker tells a host from a path component: by a dot, a port, or being `localhost`.
fn names_a_host(text: &str) -> bool {
    text.contains('.') || text.contains(':') || text == "localhost"
}

fn parse_host(written: &str) -> Result<HostPattern, PatternError> {
    let Some(suffix) = written.strip_prefix('*') else {
        let at = written.find('*').unwrap_or(0);
        return written.parse().map(HostPattern::Literal).map_err(|_| PatternError::Host { at });
    };
    let parent = suffix.strip_prefix('.').ok_or(PatternError::Host { at: 1 })?;
    // Read as what it stands for: a host below the parent, normalised like every host.
    let sample: Host = format!("x.{parent}").parse().map_err(|_| PatternError::Host { at: 2 })?;
    let suffix = sample.as_str().strip_prefix('x').ok_or(PatternError::Host { at: 2 })?;
    Ok(HostPattern::SubdomainsOf(suffix.to_owned()))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
