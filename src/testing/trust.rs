//! A trust server on loopback with one repository, and the objects that make it count.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use notary::State;
use registry_double::RegistryDouble;
use serde_json::{Value, json};

use super::World;
use super::forge::key::Key;
use super::forge::repo::{GUN, Repo};
use crate::evaluate::{MemoryStateStore, StateFault, StateKey, StateStore};

/// A trust server and what its publisher holds.
pub(crate) struct Trust {
    pub(crate) server: RegistryDouble,
    pub(crate) repo: Repo,
    root: Key,
}

impl Trust {
    pub(crate) async fn start() -> Self {
        Self::of(Repo::new()).await
    }

    pub(crate) async fn of(repo: Repo) -> Self {
        let trust = Self { server: RegistryDouble::start().await, root: repo.root.keys[0].clone(), repo };
        trust.publish();
        trust
    }

    /// Serves what the publisher has now.
    pub(crate) fn publish(&self) {
        self.server.serve_trust_data(GUN, self.repo.publish().served());
    }

    /// The next version of everything, changed.
    pub(crate) fn publish_next(&mut self, change: impl FnOnce(&mut Repo)) {
        self.repo.next();
        change(&mut self.repo);
        self.publish();
    }

    /// A reference into the repository: `:tag` or `@digest`.
    pub(crate) fn image(rest: &str) -> String {
        format!("{GUN}{rest}")
    }

    /// The settings of a validator for this server, with more of them.
    pub(crate) fn settings(&self, more: &Value) -> Value {
        let mut notary = json!({"server": self.server.url("")});
        notary.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"notaryV1": notary, "trustRoots": ["acme"]})
    }

    /// A world in which the root key as it was at first is the trust root `acme`, and `content-trust` validates by it.
    pub(crate) fn world(&self) -> World {
        let acme = json!({"keys": [{"name": "root", "pem": pem(&self.root)}]});
        World::new().trust_root_with("acme", &acme).validator("content-trust", &self.settings(&json!({})))
    }
}

/// A public key as people paste it.
pub(crate) fn pem(key: &Key) -> String {
    use x509_cert::der::pem::{LineEnding, encode_string};
    encode_string("PUBLIC KEY", LineEnding::LF, key.public_key().spki()).unwrap()
}

/// A memory that fails on demand, and otherwise is one of the process.
#[derive(Default)]
pub(crate) struct FailingStates {
    inner: MemoryStateStore,
    fault: Mutex<Option<StateFault>>,
}

impl FailingStates {
    pub(crate) fn fail(&self, fault: StateFault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    fn fault(&self) -> Result<(), StateFault> {
        self.fault.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl StateStore for FailingStates {
    fn load<'a>(&'a self, key: &'a StateKey) -> BoxFuture<'a, Result<Option<Arc<State>>, StateFault>> {
        Box::pin(async move {
            self.fault()?;
            self.inner.load(key).await
        })
    }

    fn keep<'a>(&'a self, key: &'a StateKey, state: &'a State) -> BoxFuture<'a, Result<Arc<State>, StateFault>> {
        Box::pin(async move {
            self.fault()?;
            self.inner.keep(key, state).await
        })
    }
}
