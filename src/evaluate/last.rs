//! The last verdicts: what was true when it could be found out, for policies that let it stand during an outage.
//!
//! Boundary: memory of this process only, never read back from anywhere. Invariant: an entry counts for the same
//! requirement, repository, digest and credential set only (security rule 6), ends by itself, and is forgotten as soon
//! as somebody looked and refused.

use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use oci::{Digest, Reference, Repository, Tag};

use super::cache::Key;
use super::{Evidence, RequirementVerdict};
use crate::policy::RequirementId;

/// For how long a success stands.
const VERDICTS_FOR: Duration = Duration::from_hours(24);
/// For how long a tag is taken to mean what it meant.
const TAGS_FOR: Duration = Duration::from_hours(1);
const MOST: u64 = 20_000;

type TagKey = (RequirementId, Repository, Tag, [u8; 32]);

/// Successes by question, and digests by the tags that were verified.
#[derive(Clone)]
pub(super) struct LastVerdicts {
    successes: Cache<Key, Evidence>,
    tags: Cache<TagKey, Digest>,
}

impl Default for LastVerdicts {
    fn default() -> Self {
        Self {
            successes: Cache::builder().max_capacity(MOST).time_to_live(VERDICTS_FOR).build(),
            tags: Cache::builder().max_capacity(MOST).time_to_live(TAGS_FOR).build(),
        }
    }
}

impl LastVerdicts {
    /// Remembers a success, forgets what is refused now.
    pub(super) fn learn(&self, key: &Key, verdict: &RequirementVerdict) {
        match verdict {
            Ok(evidence) => self.successes.insert(key.clone(), evidence.clone()),
            Err(_) => self.successes.invalidate(key),
        }
    }

    /// Remembers which digest was verified under a tag.
    pub(super) fn learn_tag(&self, key: &Key, reference: &Reference) {
        if let Some(tag) = tag_key(key.requirement, reference, key.credentials) {
            self.tags.insert(tag, key.digest.clone());
        }
    }

    /// The digest that the reference names, or that was last verified under its tag.
    pub(super) fn digest(&self, requirement: RequirementId, reference: &Reference, credentials: [u8; 32]) -> Option<Digest> {
        let written = reference.digest().cloned();
        written.or_else(|| self.tags.get(&tag_key(requirement, reference, credentials)?))
    }

    /// The success that stands, unless what it rests on has ended (security rule 6).
    pub(super) fn success(&self, key: &Key, now: DateTime<Utc>) -> Option<Evidence> {
        self.successes.get(key).filter(|evidence| evidence.expires.is_none_or(|end| end > now))
    }
}

fn tag_key(requirement: RequirementId, reference: &Reference, credentials: [u8; 32]) -> Option<TagKey> {
    let tag = reference.tag().filter(|_| reference.digest().is_none())?;
    Some((requirement, reference.repository().clone(), tag.clone(), credentials))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_stands_for_a_day_and_a_tag_for_an_hour() {
        let last = LastVerdicts::default();
        let (verdicts, tags) = (last.successes.policy(), last.tags.policy());
        assert_eq!((verdicts.time_to_live(), tags.time_to_live()), (Some(Duration::from_hours(24)), Some(Duration::from_hours(1))));
        assert_eq!((verdicts.max_capacity(), tags.max_capacity()), (Some(MOST), Some(MOST)));
    }
}
