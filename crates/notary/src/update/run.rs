//! What all steps of one run share.

use bytes::Bytes;

use super::Request;
use crate::error::UpdateError;
use crate::fetch::{At, Fetch, FetchError, FileName};
use crate::limits::FILE_BYTES;
use crate::metadata::{FileMeta, Mismatch};
use crate::name::{DelegationName, Role};
use crate::state::{Seen, State};
use crate::trust::RootRule;

pub(super) struct Run<'a, F> {
    pub(super) fetch: &'a F,
    pub(super) request: &'a Request,
    pub(super) state: Option<&'a State>,
}

impl<F: Fetch> Run<'_, F> {
    pub(super) fn root_rule(&self) -> RootRule<'_> {
        RootRule { gun: &self.request.gun, anchors: &self.request.anchors, now: self.request.now }
    }

    /// What was seen of a role before.
    pub(super) fn seen(&self, role: &Role) -> Option<Seen> {
        self.state.and_then(|state| state.seen.get(role).copied())
    }

    /// The same for timestamp and snapshot: forgotten when this run met a root that frees them from it (step 9).
    pub(super) fn seen_since(&self, recovered_at: u64, role: &Role) -> Option<Seen> {
        let freed = self.state.is_some_and(|state| state.recovered_at != recovered_at);
        if freed { None } else { self.seen(role) }
    }

    pub(super) fn was_published(&self, role: &DelegationName) -> bool {
        self.state.is_some_and(|state| state.published.contains(role))
    }

    /// Fetches a file of which only a cap is known. The fetcher's own counting is not relied on.
    pub(super) async fn fetch_capped(&self, role: Role, at: At, limit: u64) -> Result<Bytes, UpdateError> {
        let outcome = self.fetch.fetch(&FileName::new(role.clone(), at), limit).await;
        match outcome {
            Ok(bytes) if length_of(&bytes) <= limit => Ok(bytes),
            Ok(_) | Err(FetchError::TooLong) => Err(UpdateError::TooLong { role, limit }),
            Err(source) => Err(UpdateError::Unavailable { role, source }),
        }
    }

    /// Fetches the file that signed data names, and checks that it is that file (step 4).
    pub(super) async fn fetch_named(&self, role: Role, meta: &FileMeta) -> Result<Bytes, UpdateError> {
        if meta.length > FILE_BYTES {
            return Err(UpdateError::TooLong { role, limit: FILE_BYTES });
        }
        let bytes = match self.fetch_capped(role.clone(), At::Hash(meta.sha256), meta.length).await {
            Err(UpdateError::TooLong { role, .. }) => return Err(UpdateError::WrongLength { role }),
            outcome => outcome?,
        };
        match meta.check(&bytes) {
            Ok(()) => Ok(bytes),
            Err(Mismatch::Length) => Err(UpdateError::WrongLength { role }),
            Err(Mismatch::Hash) => Err(UpdateError::WrongHash { role }),
        }
    }
}

fn length_of(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
