//! The pull secrets of the object in question, read only when a validator asks for them.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use oci::Keyring;

use super::Fault;

/// Where the pull secrets of an object come from.
pub trait PullSecrets: Send + Sync {
    /// The credentials of the object and of its service account; asked at most once per requirement.
    fn keyring(&self) -> BoxFuture<'_, Result<Arc<Keyring>, Fault>>;
}

/// For callers without a pod, such as the command line.
#[derive(Clone, Copy, Debug)]
pub struct NoPullSecrets;

impl PullSecrets for NoPullSecrets {
    fn keyring(&self) -> BoxFuture<'_, Result<Arc<Keyring>, Fault>> {
        ready(Ok(Arc::default())).boxed()
    }
}
