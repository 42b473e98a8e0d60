//! Joins the readers of `controllers` to what `admission` asks for.

use futures::future::{BoxFuture, FutureExt};

use crate::admission::Surroundings;
use crate::controllers::{NamespaceReader, PullSecretReader};
use crate::evaluate::{Fault, PullSecrets};
use crate::policy::Labels;

/// The cluster around an object.
pub(super) struct Cluster {
    pub(super) namespaces: NamespaceReader,
    pub(super) pull_secrets: PullSecretReader,
}

impl Surroundings for Cluster {
    fn labels<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<Option<Labels>, Fault>> {
        self.namespaces.labels(namespace).boxed()
    }

    fn pull_secrets(&self, namespace: &str, secrets: Vec<String>, service_account: Option<String>) -> Box<dyn PullSecrets> {
        Box::new(self.pull_secrets.for_object(namespace, secrets, service_account))
    }
}
