//! The verdict cache, which is also the single flight: simultaneous askers of one question share one answer.
//!
//! Invariant: the key is the whole requirement, the repository, the digest and the credential set (security rule 1);
//! faults are shared by those who wait and then forgotten, refusals are remembered for 30 s at most (rule 22).

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use oci::{Digest, Repository};

use super::{Evidence, Fault, Refusal};
use crate::policy::RequirementId;

/// How long a success stands before the registry is asked again.
const TRUSTED_FOR: Duration = Duration::from_mins(5);
/// How long "not trusted" stands; a signature pushed meanwhile is seen after it.
const REFUSED_FOR: Duration = Duration::from_secs(30);
/// About 1 KiB each at most.
const MOST_VERDICTS: u64 = 20_000;

/// What a requirement says of a digest.
pub type RequirementVerdict = Result<Evidence, Refusal>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) requirement: RequirementId,
    pub(super) repository: Repository,
    pub(super) digest: Digest,
    pub(super) credentials: [u8; 32],
}

/// Where an answer came from; a closed metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheOutcome {
    /// It was known.
    Hit,
    /// It was found out for this request or for a simultaneous one.
    Miss,
}

/// Verdicts by question.
#[derive(Clone)]
pub struct VerdictCache(Cache<Key, Arc<RequirementVerdict>>);

struct Lifetimes;

impl Expiry<Key, Arc<RequirementVerdict>> for Lifetimes {
    fn expire_after_create(&self, _: &Key, verdict: &Arc<RequirementVerdict>, _: Instant) -> Option<Duration> {
        Some(if verdict.is_ok() { TRUSTED_FOR } else { REFUSED_FOR })
    }
}

impl Default for VerdictCache {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST_VERDICTS).expire_after(Lifetimes).build())
    }
}

impl VerdictCache {
    pub(super) async fn known(&self, key: &Key) -> Option<Arc<RequirementVerdict>> {
        self.0.get(key).await
    }

    pub(super) async fn get_or(
        &self,
        key: Key,
        find_out: impl Future<Output = Result<RequirementVerdict, Fault>>,
    ) -> (Result<Arc<RequirementVerdict>, Fault>, CacheOutcome) {
        if let Some(known) = self.known(&key).await {
            return (Ok(known), CacheOutcome::Hit);
        }
        let answer = self.0.try_get_with(key, async { find_out.await.map(Arc::new) }).await;
        (answer.map_err(|fault: Arc<Fault>| (*fault).clone()), CacheOutcome::Miss)
    }

    /// Forgets everything, as time would.
    #[cfg(test)]
    pub(crate) fn forget(&self) {
        self.0.invalidate_all();
    }

    /// How many verdicts are remembered.
    pub fn len(&self) -> u64 {
        self.0.entry_count()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        key_of(b"a")
    }

    fn key_of(manifest: &[u8]) -> Key {
        let requirement = crate::policy::Requirement::new(
            crate::policy::ObjectName::new("shop", "release"),
            crate::policy::Scheme::Cosign(Arc::new(crate::policy::CosignRequirement {
                signature_repository: None,
                roots: vec![],
                threshold: 1,
                required: vec![],
            })),
            crate::policy::RegistryAccess::default(),
        );
        let repository = "r.example.com/a".parse().unwrap_or_else(|_| unreachable!());
        Key { requirement: requirement.id, repository, digest: Digest::of(manifest), credentials: [0; 32] }
    }

    #[test]
    fn a_refusal_is_forgotten_sooner_than_a_success() {
        let evidence = Evidence { digest: Digest::of(b"a"), validators: vec![], signers: vec![], expires: None };
        let life = |verdict: RequirementVerdict| Lifetimes.expire_after_create(&key(), &Arc::new(verdict), Instant::now());
        assert_eq!(life(Err(Refusal::NoMatchingRule)), Some(Duration::from_secs(30)));
        assert_eq!(life(Ok(evidence)), Some(Duration::from_mins(5)));
    }

    #[tokio::test]
    async fn a_fault_is_not_remembered() {
        let cache = VerdictCache::default();
        let (first, _) = cache.get_or(key(), async { Err(Fault::Timeout) }).await;
        assert_eq!(first, Err(Fault::Timeout));
        let (second, from) = cache.get_or(key(), async { Ok(Err(Refusal::NoMatchingRule)) }).await;
        assert_eq!((second.map(|verdict| verdict.is_err()), from), (Ok(true), CacheOutcome::Miss));
    }

    #[tokio::test]
    async fn verdicts_about_more_images_than_are_remembered_push_others_out() {
        let cache = VerdictCache::default();
        for number in 0..MOST_VERDICTS + 5_000 {
            let _ = cache.get_or(key_of(&number.to_be_bytes()), async { Ok(Err(Refusal::NoMatchingRule)) }).await;
        }
        cache.0.run_pending_tasks().await;
        assert!((1..=MOST_VERDICTS).contains(&cache.0.entry_count()), "{}", cache.0.entry_count());
    }

    #[tokio::test]
    async fn a_flight_that_panics_gives_those_who_wait_their_own_try() {
        let cache = VerdictCache::default();
        let broken = tokio::spawn({
            let cache = cache.clone();
            async move { cache.get_or(key(), async { panic!("a defect") }).await }
        });
        assert!(broken.await.is_err());
        let (answer, _) = cache.get_or(key(), async { Ok(Err(Refusal::NoMatchingRule)) }).await;
        assert!(answer.is_ok());
    }
}
