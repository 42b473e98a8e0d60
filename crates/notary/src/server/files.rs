//! Files that never change, kept while there is room.
//!
//! Invariant: only what has the hash in its name is kept, for those who hold the same grants, and what is kept is paid
//! for here: it holds nothing of the budget for answers that are on their way.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use url::Url;

use crate::fetch::At;
use crate::hash::Sha256;

/// The files of some hundred repositories, or of few large ones.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
const IDLE: Duration = Duration::from_hours(1);
/// What an entry takes besides its bytes.
const OVERHEAD: usize = 512;

pub(super) type Key = ([u8; 32], Url);

#[derive(Clone)]
pub(super) struct Files(Cache<Key, Bytes>);

impl Default for Files {
    fn default() -> Files {
        let weigh = |_: &Key, bytes: &Bytes| u32::try_from(bytes.len() + OVERHEAD).unwrap_or(u32::MAX);
        Files(Cache::builder().weigher(weigh).max_capacity(MOST_BYTES).time_to_idle(IDLE).build())
    }
}

impl Files {
    pub(super) fn get(&self, key: &Key, at: At) -> Option<Bytes> {
        matches!(at, At::Hash(_)).then(|| self.0.get(key)).flatten()
    }

    pub(super) fn keep(&self, key: Key, at: At, bytes: &Bytes) {
        if matches!(at, At::Hash(hash) if Sha256::of(bytes) == hash) {
            self.0.insert(key, Bytes::copy_from_slice(bytes));
        }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Files({})", self.0.entry_count())
    }
}
