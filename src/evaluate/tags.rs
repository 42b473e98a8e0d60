//! What tags mean: asked once by those who ask at the same time, and remembered for a moment.
//!
//! Invariant: what one set of credentials was told answers no other set; failures are shared by those who wait and then
//! forgotten. A digest from here is a registry's claim; what is verified, and written into the pod, is that digest, so
//! that an old one can run an older signed image and never an unsigned one.

use std::time::Duration;

use moka::future::Cache;
use oci::{Digest, Repository, Session, Tag};
use tokio::time::Instant;

use super::Fault;
use super::flights::by;

/// The pods of one rollout come within it; who moves a tag and looks at once sees it move soon after.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);
const MOST: u64 = 10_000;

type Key = (Repository, Tag, [u8; 32]);

/// Digests by tag and credential set.
#[derive(Clone)]
pub(super) struct Tags(Cache<Key, Digest>);

impl Default for Tags {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_live(REMEMBERED_FOR).build())
    }
}

impl Tags {
    /// What the tag means to who holds these credentials.
    pub(super) async fn digest(
        &self,
        session: impl Fn() -> Session,
        (repository, tag): (&Repository, &Tag),
        credentials: [u8; 32],
        deadline: Instant,
    ) -> Result<Digest, Fault> {
        let key = (repository.clone(), tag.clone(), credentials);
        if let Some(known) = self.0.get(&key).await {
            return Ok(known);
        }
        let ask = || async {
            let ask = async { session().resolve(repository, tag).await.map_err(Fault::from) };
            (self.0.try_get_with(key.clone(), ask).await.map_err(|fault| (*fault).clone()), ())
        };
        by(deadline, (), ask).await.0
    }

    /// Forgets everything, as time would.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.0.invalidate_all();
    }
}
