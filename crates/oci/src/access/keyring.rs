//! Which credential of the pull secrets serves a repository.
//!
//! Boundary: matching only. Invariant: an entry serves whole hosts and whole path components; `registry.example.com/team`
//! never serves `/team-evil`, and `ghcr.io` serves neither `cr.io` nor `ghcr.io.evil.dev`.

use super::{Credential, credential::Hasher};
use crate::{Host, Repository};

/// Credentials with the repositories that each serves, in the order in which they were given.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) scope: Scope,
    pub(super) credential: Credential,
}

/// The repositories that an entry serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    host: HostScope,
    path: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostScope {
    Literal(Host),
    /// As the kubelet reads globs: each label is a pattern for exactly one label, the port is literal.
    Glob {
        labels: Vec<String>,
        port: Option<String>,
    },
}

impl Keyring {
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// Appends the entries of another keyring; ours are tried first where both serve equally well.
    pub fn merge(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// What was given for one host, and for nothing else: globs that serve it become literal, other entries are left out.
    #[must_use]
    pub fn only_for(self, host: &Host) -> Self {
        let serving = self.entries.into_iter().filter(|entry| entry.scope.host.serves(host));
        let literal = |entry: Entry| Entry { scope: Scope { host: HostScope::Literal(host.clone()), ..entry.scope }, ..entry };
        Self { entries: serving.map(literal).collect() }
    }

    /// Whether there is no credential at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The credentials that serve `repository`: longest path first, literal hosts before globs, then as given.
    pub fn lookup(&self, repository: &Repository) -> Vec<&Credential> {
        self.serving(repository.host(), repository.path())
    }

    /// The same for a name that is no repository of the host.
    pub(super) fn serving(&self, host: &Host, path: &str) -> Vec<&Credential> {
        let mut serving: Vec<&Entry> = self.entries.iter().filter(|entry| entry.scope.serves(host, path)).collect();
        serving.sort_by_key(|entry| (std::cmp::Reverse(entry.scope.path.len()), matches!(entry.scope.host, HostScope::Glob { .. })));
        serving.into_iter().map(|entry| &entry.credential).collect()
    }

    pub(super) fn hash_into(&self, hasher: &mut Hasher) {
        hasher.count(self.entries.len());
        for Entry { scope, credential } in &self.entries {
            hasher.text(&format!("{scope:?}"));
            credential.hash_into(hasher);
        }
    }
}

impl Scope {
    /// Reads a key of a docker config: `host[:port][/path]`, maybe with a scheme and the API version that Docker puts there.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
        let (host, path) = key.split_once('/').unwrap_or((key, ""));
        let components = path.split('/').filter(|component| !component.is_empty());
        let mut path: Vec<String> = components.map(str::to_owned).collect();
        if path.first().is_some_and(|first| matches!(first.as_str(), "v1" | "v2")) {
            path.remove(0);
        }
        Some(Self { host: HostScope::parse(host)?, path })
    }

    fn serves(&self, host: &Host, path: &str) -> bool {
        let mut components = path.split('/');
        self.host.serves(host) && self.path.iter().all(|own| components.next() == Some(own.as_str()))
    }
}

impl HostScope {
    fn parse(text: &str) -> Option<Self> {
        if !text.contains('*') {
            return text.parse().ok().map(Self::Literal);
        }
        let text = text.to_ascii_lowercase();
        // With a letter for each star it must be a host, so that nothing else passes as a pattern.
        let sample: Host = text.replace('*', "x").parse().ok()?;
        let (name, _) = split_port(&text);
        let (_, port) = split_port(sample.as_str());
        Some(Self::Glob { labels: name.split('.').map(str::to_owned).collect(), port: port.map(str::to_owned) })
    }

    fn serves(&self, host: &Host) -> bool {
        match self {
            Self::Literal(own) => own == host,
            Self::Glob { labels, port } => {
                let (name, other) = split_port(host.as_str());
                let given: Vec<&str> = name.split('.').collect();
                port.as_deref() == other
                    && given.len() == labels.len()
                    && labels.iter().zip(given).all(|(pattern, label)| glob(pattern, label))
            }
        }
    }
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// `*` is any run of characters; each piece is looked for at its first place, which never misses a match.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}
