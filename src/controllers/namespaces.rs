//! Labels of a namespace that the store does not know yet: a namespace created a moment ago.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};

use crate::evaluate::Fault;
use crate::policy::Labels;

/// Reads single namespaces.
#[derive(Clone)]
pub struct NamespaceReader {
    api: Api<Namespace>,
}

impl NamespaceReader {
    /// A reader.
    pub fn new(client: Client) -> Self {
        Self { api: Api::all(client) }
    }

    /// The labels of a namespace; none when it does not exist.
    pub async fn labels(&self, name: &str) -> Result<Option<Labels>, Fault> {
        match self.api.get_metadata_opt(name).await {
            Ok(namespace) => Ok(namespace.map(|namespace| namespace.labels().clone())),
            Err(error) => {
                tracing::warn!(name, error = %crate::chain(&error), "a namespace could not be read");
                Err(Fault::ApiServer)
            }
        }
    }
}
