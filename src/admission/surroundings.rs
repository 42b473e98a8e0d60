//! What a decision needs to know about an object's surroundings, asked of the cluster only when it is needed.

use futures::future::BoxFuture;

use crate::evaluate::{Fault, PullSecrets};
use crate::policy::Labels;

/// The cluster around an object.
pub trait Surroundings: Send + Sync {
    /// The labels of a namespace that the snapshot does not know yet (security rule 12); none when it does not exist.
    fn labels<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<Option<Labels>, Fault>>;

    /// The pull secrets of an object, read only when somebody asks for them.
    fn pull_secrets(&self, namespace: &str, secrets: Vec<String>, service_account: Option<String>) -> Box<dyn PullSecrets>;
}
