//! What was there a round before, and what has gone since; pure.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::super::place::OWNER_LABEL;
use super::super::shard::{GUNS, RESETS, number};
use super::INDEX;

const KEY: &str = "index.json";
/// How long a loss is told.
const TOLD: TimeDelta = TimeDelta::days(7);
/// Beyond that, the oldest go.
const MOST_LOSSES: usize = 64;

/// The ConfigMaps with states, and what was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    shards: BTreeMap<String, Known>,
    losses: Vec<Loss>,
}

/// States that are not there any more, although nobody has reset them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Whose: the operator namespace, or that of a tenant.
    pub owner: String,
    /// How many repositories.
    pub guns: u64,
    /// When it was noticed.
    pub noticed: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    owner: String,
    uid: String,
    guns: u64,
    resets: u64,
}

/// A ConfigMap as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) uid: String,
    pub(super) guns: u64,
    pub(super) resets: u64,
}

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    /// It has none of ours in it.
    #[error("ConfigMap {INDEX} has no {KEY}")]
    Absent,
    /// Not the JSON that was written.
    #[error("{KEY} of ConfigMap {INDEX} is not readable")]
    Syntax(#[from] serde_json::Error),
}

impl Seen {
    pub(super) fn of(metadata: &ObjectMeta) -> Self {
        let label = metadata.labels.as_ref().and_then(|labels| labels.get(OWNER_LABEL));
        Self {
            name: metadata.name.clone().unwrap_or_default(),
            owner: label.cloned().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            guns: number(metadata, GUNS),
            resets: number(metadata, RESETS),
        }
    }
}

impl Known {
    /// How many of its states are gone. A ConfigMap that was deleted and made again has lost all that it had.
    fn lost(&self, now: Option<&Seen>) -> u64 {
        let Some(now) = now.filter(|now| now.uid == self.uid) else { return self.guns };
        let reset = now.resets.saturating_sub(self.resets);
        self.guns.saturating_sub(now.guns.saturating_add(reset))
    }
}

impl Index {
    pub(super) fn read(stored: &ConfigMap) -> Result<Self, IndexError> {
        let text = stored.data.as_ref().and_then(|data| data.get(KEY)).ok_or(IndexError::Absent)?;
        Ok(serde_json::from_str(text)?)
    }

    /// The ConfigMap to write in place of `stored`.
    pub(super) fn write(&self, stored: Option<&ConfigMap>) -> Result<ConfigMap, IndexError> {
        let mut config_map = stored.cloned().unwrap_or_default();
        config_map.metadata.name = Some(INDEX.to_owned());
        let labels = config_map.metadata.labels.get_or_insert_default();
        labels.insert("app.kubernetes.io/name".to_owned(), "bonafide".to_owned());
        config_map.data = Some(BTreeMap::from([(KEY.to_owned(), serde_json::to_string(self)?)]));
        Ok(config_map)
    }

    pub(super) fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// The index of what is seen now, and how many states have gone since this one was made.
    pub(super) fn next(&self, seen: &[Seen], now: DateTime<Utc>) -> (Self, u64) {
        let by_name: BTreeMap<&str, &Seen> = seen.iter().map(|shard| (shard.name.as_str(), shard)).collect();
        let mut lost: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, known) in &self.shards {
            *lost.entry(&known.owner).or_default() += known.lost(by_name.get(name.as_str()).copied());
        }
        lost.retain(|_, guns| *guns > 0);
        let all = lost.values().sum();
        let told = self.losses.iter().filter(|loss| now - loss.noticed < TOLD).cloned();
        let mut losses: Vec<Loss> =
            told.chain(lost.into_iter().map(|(owner, guns)| Loss { owner: owner.to_owned(), guns, noticed: now })).collect();
        losses.drain(..losses.len().saturating_sub(MOST_LOSSES));
        let shards = seen.iter().map(|shard| (shard.name.clone(), known(shard))).collect();
        (Self { shards, losses }, all)
    }
}

fn known(seen: &Seen) -> Known {
    Known { owner: seen.owner.clone(), uid: seen.uid.clone(), guns: seen.guns, resets: seen.resets }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    fn shard(name: &str, uid: &str, guns: u64, resets: u64) -> Seen {
        Seen { name: name.to_owned(), owner: "shop".to_owned(), uid: uid.to_owned(), guns, resets }
    }

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn index(seen: &[Seen]) -> Index {
        Index::default().next(seen, at(0)).0
    }

    #[test]
    fn what_is_added_and_what_stays_is_no_loss() {
        let before = index(&[shard("a", "1", 3, 0)]);
        assert_eq!(before.next(&[shard("a", "1", 3, 0)], at(1)), (before.clone(), 0));
        assert_eq!(before.next(&[shard("a", "1", 5, 0), shard("b", "2", 1, 0)], at(1)).1, 0);
    }

    #[test]
    fn a_deleted_a_replaced_and_a_shrunken_config_map_are_losses() {
        let before = index(&[shard("a", "1", 3, 0)]);
        assert_eq!(before.next(&[], at(1)).1, 3);
        assert_eq!(before.next(&[shard("a", "2", 3, 0)], at(1)).1, 3);
        let (after, lost) = before.next(&[shard("a", "1", 1, 0)], at(1));
        assert_eq!(lost, 2);
        assert_eq!(after.losses(), [Loss { owner: "shop".to_owned(), guns: 2, noticed: at(1) }]);
    }

    #[test]
    fn a_reset_is_no_loss_and_excuses_no_more_than_itself() {
        let before = index(&[shard("a", "1", 3, 1)]);
        assert_eq!(before.next(&[shard("a", "1", 2, 2)], at(1)).1, 0);
        assert_eq!(before.next(&[shard("a", "1", 1, 2)], at(1)).1, 1);
    }

    #[test]
    fn a_loss_is_told_for_a_week_and_counted_once() {
        let (lost, _) = index(&[shard("a", "1", 3, 0)]).next(&[], at(1));
        let (later, counted) = lost.next(&[], at(7));
        assert_eq!((later.losses().len(), counted), (1, 0));
        assert!(later.next(&[], at(8)).0.losses().is_empty());
    }

    #[test]
    fn an_index_is_read_as_it_was_written_and_what_is_none_is_an_error() {
        let (index, _) = index(&[shard("a", "1", 3, 0)]).next(&[], at(1));
        assert_eq!(Index::read(&index.write(None).unwrap()).unwrap(), index);
        assert!(Index::read(&ConfigMap::default()).is_err());
    }
}
