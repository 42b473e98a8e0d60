//! What came of a scenario, and whether that is what was wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

use notary::{Demand, Trusted, Unresolved, Wanted};

use super::file::{Scenario, VectorFile};

/// Tags that were asked for, and the image of each; `None`: not signed, or without a usable digest.
pub(crate) struct Tags(BTreeMap<String, Option<String>>);

pub(crate) struct Got(pub(crate) Result<Tags, String>);

impl Tags {
    /// An error when the deciding role cannot be believed: then there is no answer for any tag.
    pub(crate) fn resolve(file: &VectorFile, asked: &BTreeSet<String>, trusted: &Trusted) -> Result<Tags, String> {
        let tags = asked.iter().map(|tag| Ok((tag.clone(), image(file, trusted, tag)?)));
        tags.collect::<Result<_, String>>().map(Tags)
    }

    fn get(&self, tag: &str) -> Option<&str> {
        self.0.get(tag).unwrap_or_else(|| panic!("tag {tag} was not asked for")).as_deref()
    }

    /// The tags of the real states: 1.1 moves to the digest of `targets/releases` with state 05, 1.0 goes with 10c.
    pub(crate) fn are_those_of(&self, state: &str) -> bool {
        let published = |since: &str| state >= since;
        (self.get("1.0").is_some() == (state < "10c"))
            && self.get("1.1").is_some() == published("02")
            && self.get("2.0").is_some() == published("05")
            && self.get("9.9").is_none()
            && self.get("4.1").is_none()
    }
}

fn image(file: &VectorFile, trusted: &Trusted, tag: &str) -> Result<Option<String>, String> {
    match trusted.resolve(&Wanted::Tag(tag), &Demand::default()) {
        Ok(resolved) => Ok(Some(label(file, resolved.digest().hex()))),
        Err(Unresolved::NotSigned | Unresolved::Unusable { .. }) => Ok(None),
        Err(error) => Err(error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))),
    }
}

fn label(file: &VectorFile, hex: &str) -> String {
    let known = file.image_labels.iter().find(|(_, digest)| *digest == hex);
    known.map_or_else(|| hex.to_owned(), |(label, _)| label.clone())
}

impl Got {
    /// `reject...` wants a refusal, `accept...` the tags that are listed; `accept or reject` both, never other tags.
    pub(crate) fn is(&self, scenario: &Scenario) -> bool {
        match &self.0 {
            Err(_) => scenario.wanted.starts_with("reject") || scenario.wanted.starts_with("accept or reject"),
            Ok(tags) => scenario.wanted.starts_with("accept") && has_wanted_tags(tags, scenario),
        }
    }
}

fn has_wanted_tags(tags: &Tags, scenario: &Scenario) -> bool {
    let wanted = scenario.wanted_tags_docker_rule.iter().flatten();
    wanted.into_iter().all(|(tag, label)| tags.get(tag) == label.as_deref())
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags = match &self.0 {
            Err(error) => return write!(f, "reject ({error})"),
            Ok(tags) => &tags.0,
        };
        f.write_str("accept")?;
        let signed = tags.iter().filter_map(|(tag, label)| Some((tag, label.as_ref()?)));
        signed
            .map(|(tag, label)| (tag, label.get(..label.len().min(20)).unwrap_or(label)))
            .try_for_each(|(tag, label)| write!(f, " {tag}={label}"))
    }
}
