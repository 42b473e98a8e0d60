//! The pull secrets of an object and of its service account, read when a validator asks for them.
//!
//! Boundary: used by admission and by re-verification. Invariant: a Secret is read only from the object's own namespace,
//! under a name that Kubernetes accepts, and only the types that kubelets read are looked into. What cannot be
//! read for lack of permission is a fault, never "no credentials".

mod docker_config;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::{Api, Client};
use moka::future::Cache;
use oci::Keyring;
use tokio::sync::OnceCell;

use crate::evaluate::{Fault, PullSecrets};
use crate::policy::ObjectName;

/// The `ClusterRole` that permits reading them, opt-in.
const ROLE: &str = "bonafide-pull-secrets";
/// What a pod without a service account runs as.
const DEFAULT_ACCOUNT: &str = "default";
/// A changed Secret is seen after this time.
const REMEMBERED: Duration = Duration::from_secs(30);
const MOST_REMEMBERED: u64 = 2_000;
/// One answer of the API server; well within the deadline of an admission request.
const READ_WITHIN: Duration = Duration::from_secs(3);
/// Of one object; more than any object needs.
const MOST_SECRETS: usize = 64;
const AT_ONCE: usize = 8;

/// Reads pull secrets; simultaneous readers of one Secret share one request.
#[derive(Clone)]
pub struct PullSecretReader {
    client: Client,
    keyrings: Cache<ObjectName, Arc<Keyring>>,
    accounts: Cache<ObjectName, Arc<[String]>>,
}

/// The pull secrets of one object, read at most once.
struct OfObject {
    reader: PullSecretReader,
    namespace: String,
    secrets: Vec<String>,
    service_account: String,
    found: OnceCell<Result<Arc<Keyring>, Fault>>,
}

impl PullSecretReader {
    /// A reader that remembers nothing yet.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            keyrings: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(REMEMBERED).build(),
            accounts: Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(REMEMBERED).build(),
        }
    }

    /// The pull secrets of an object in `namespace`: those that it names, then those of its service account, which is
    /// `default` when it names none.
    pub fn for_object(&self, namespace: &str, secrets: Vec<String>, service_account: Option<String>) -> impl PullSecrets + use<> {
        OfObject {
            reader: self.clone(),
            namespace: namespace.to_owned(),
            secrets,
            service_account: service_account.filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned()),
            found: OnceCell::new(),
        }
    }

    async fn keyring(&self, secret: ObjectName) -> Result<Arc<Keyring>, Fault> {
        let read = async {
            let api = Api::<Secret>::namespaced(self.client.clone(), &secret.namespace);
            let found = answer(&secret, api.get_opt(&secret.name)).await?;
            Ok(found.map(|found| docker_config::keyring(&secret, found)).unwrap_or_default())
        };
        self.keyrings.try_get_with(secret.clone(), read).await.map_err(|fault: Arc<Fault>| (*fault).clone())
    }

    async fn of_account(&self, account: ObjectName) -> Result<Arc<[String]>, Fault> {
        let read = async {
            let api = Api::<ServiceAccount>::namespaced(self.client.clone(), &account.namespace);
            let found = answer(&account, api.get_opt(&account.name)).await?;
            let secrets = found.and_then(|account| account.image_pull_secrets).unwrap_or_default();
            Ok(secrets.into_iter().map(|secret| secret.name).collect())
        };
        self.accounts.try_get_with(account.clone(), read).await.map_err(|fault: Arc<Fault>| (*fault).clone())
    }
}

/// Absent objects are none, as for kubelets.
async fn answer<T>(name: &ObjectName, request: impl Future<Output = kube::Result<Option<T>>>) -> Result<Option<T>, Fault> {
    match tokio::time::timeout(READ_WITHIN, request).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => Err(Fault::Forbidden { secret: name.clone(), role: ROLE }),
        Ok(Err(error)) => {
            tracing::warn!(%name, error = %crate::chain(&error), "a pull secret could not be read");
            Err(Fault::ApiServer)
        }
        Err(_) => Err(Fault::ApiServer),
    }
}

impl OfObject {
    async fn read(&self) -> Result<Arc<Keyring>, Fault> {
        let inherited = match name_in(&self.namespace, &self.service_account) {
            Some(account) => self.reader.of_account(account).await?,
            None => Arc::default(),
        };
        let names = secret_names(&self.namespace, self.secrets.iter().chain(inherited.iter()));
        let keyrings = stream::iter(names).map(|name| self.reader.keyring(name)).buffered(AT_ONCE);
        let merged = keyrings.try_fold(Keyring::default(), |mut all, keyring| async move {
            all.merge((*keyring).clone());
            Ok(all)
        });
        merged.await.map(Arc::new)
    }
}

impl PullSecrets for OfObject {
    fn keyring(&self) -> BoxFuture<'_, Result<Arc<Keyring>, Fault>> {
        async { self.found.get_or_init(|| self.read()).await.clone() }.boxed()
    }
}

/// Names that cannot be those of a Secret are passed over, as kubelets would find nothing under them.
fn secret_names<'a>(namespace: &str, names: impl Iterator<Item = &'a String>) -> Vec<ObjectName> {
    let mut seen = BTreeSet::new();
    let usable = names.filter_map(|name| name_in(namespace, name));
    usable.filter(|name| seen.insert(name.clone())).take(MOST_SECRETS).collect()
}

/// A bare name in the namespace and nothing else: a name with a slash would be another path of the API.
fn name_in(namespace: &str, name: &str) -> Option<ObjectName> {
    ObjectName::resolve(name, namespace, "").ok()
}
