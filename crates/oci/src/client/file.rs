//! Files of servers that are no registries, but ask for credentials as registries do.
//!
//! Boundary: a URL that the caller has put together, under settings for its host. Invariant: the same rules hold as for
//! registries, on every hop; what the bytes are worth is the caller's business.

use bytes::Bytes;
use url::Url;

use super::{Freshness, Scope, Session, redirect::Question, session::check_status};
use crate::RegistryError;

impl Session {
    /// The body of a file of at most `cap` bytes; 200 is the only success.
    pub async fn file(&self, url: &Url, scope: &Scope, cap: usize, freshness: Freshness) -> Result<Bytes, RegistryError> {
        let answer = self.ask(Question { scope, url, head: false, accept: None, freshness, cap }).await?;
        check_status(&answer, scope.host())?;
        Ok(answer.body)
    }
}
