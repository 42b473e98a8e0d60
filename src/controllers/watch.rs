//! Watches of our kinds and of namespaces, on every replica.
//!
//! Objects are watched untyped: an unreadable one stays visible and becomes a finding, instead of failing its list.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, ObjectMeta, PartialObjectMeta};
use kube::core::PartialObjectMetaExt;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Reach;
use crate::crd::{ImagePolicy, TrustRoot, Validator};
use crate::policy::{Kind, Labels, ObjectName, Observed};

/// What is watched, each with its content as of the last event.
#[derive(Clone)]
pub struct Stores {
    /// Every `ImagePolicy`.
    pub policies: Store<DynamicObject>,
    /// Every `Validator`.
    pub validators: Store<DynamicObject>,
    /// Every `TrustRoot`.
    pub trust_roots: Store<DynamicObject>,
    /// Every namespace, its metadata only.
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
}

/// Errors of watches by kind: while they go on, what was seen last stays in force.
pub type WatchErrors = Family<WatchedKind, Counter>;

/// What a watch is about.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct WatchedKind {
    kind: String,
}

/// Starts the watches; `changed` is woken after each change.
pub(super) fn observe(
    client: &Client,
    reach: &Reach,
    changed: &Arc<Notify>,
    errors: &WatchErrors,
    tasks: &TaskTracker,
    cancel: &CancellationToken,
) -> Stores {
    let start = |kind: ApiResource| {
        let writer = Writer::new(kind.clone());
        let store = writer.as_reader();
        let stream = watcher(reach.untyped(client, &kind), watcher::Config::default()).default_backoff().reflect(writer);
        tasks.spawn(drive(stream, kind.kind, changed.clone(), errors.clone(), cancel.clone()));
        store
    };
    let namespaces = Writer::default();
    let store = namespaces.as_reader();
    let stream = self::namespaces(client, reach).modify(trim).reflect(namespaces);
    tasks.spawn(drive(stream, "Namespace".to_owned(), changed.clone(), errors.clone(), cancel.clone()));
    Stores {
        policies: start(ApiResource::erase::<ImagePolicy>(&())),
        validators: start(ApiResource::erase::<Validator>(&())),
        trust_roots: start(ApiResource::erase::<TrustRoot>(&())),
        namespaces: store,
    }
}

/// Of a single namespace only the name is known: a Role cannot permit more, and its own policies have no selectors.
fn namespaces(client: &Client, reach: &Reach) -> BoxStream<'static, Result<watcher::Event<PartialObjectMeta<Namespace>>, watcher::Error>> {
    match reach {
        Reach::Cluster => watcher(Api::all(client.clone()), watcher::Config::default()).default_backoff().boxed(),
        Reach::Namespace(name) => {
            let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
            let only = metadata.into_response_partial::<Namespace>();
            stream::iter([watcher::Event::Init, watcher::Event::InitApply(only), watcher::Event::InitDone].map(Ok)).boxed()
        }
    }
}

impl Stores {
    /// Waits until everything was listed once. A missing CRD is not "no policy": then this waits on.
    pub async fn listed(&self) -> bool {
        let ours = [&self.policies, &self.validators, &self.trust_roots];
        for store in ours {
            if store.wait_until_ready().await.is_err() {
                return false;
            }
        }
        self.namespaces.wait_until_ready().await.is_ok()
    }

    /// The store of a kind.
    pub fn of(&self, kind: Kind) -> &Store<DynamicObject> {
        match kind {
            Kind::ImagePolicy => &self.policies,
            Kind::Validator => &self.validators,
            Kind::TrustRoot => &self.trust_roots,
        }
    }

    /// Everything of a kind as it was observed.
    pub fn observed(&self, kind: Kind) -> Vec<Observed> {
        self.of(kind).state().iter().map(|object| observed(kind, object)).collect()
    }

    /// Every namespace with its labels.
    pub fn labels(&self) -> BTreeMap<String, Labels> {
        self.namespaces.state().iter().map(|namespace| (namespace.name_any(), namespace.labels().clone())).collect()
    }
}

async fn drive<K>(
    stream: impl futures::Stream<Item = Result<watcher::Event<K>, watcher::Error>>,
    kind: String,
    changed: Arc<Notify>,
    errors: WatchErrors,
    cancel: CancellationToken,
) {
    let mut stream = std::pin::pin!(stream);
    // From the start, so that the first error is an increase.
    let errors = errors.get_or_create_owned(&WatchedKind { kind: kind.clone() });
    let mut failing = false;
    while let Some(Some(event)) = cancel.run_until_cancelled(stream.next()).await {
        match event {
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone) => {
                failing = false;
                changed.notify_one();
            }
            Err(error) => {
                errors.inc();
                // Once per outage at a level that people see; the stream retries with back-off by itself.
                if failing {
                    tracing::debug!(kind, %error, "watch failed again");
                } else {
                    tracing::warn!(kind, error = %crate::chain(&error), "watch failed; what was seen last stays in force");
                }
                failing = true;
            }
        }
    }
}

/// Labels decide, the rest of the metadata only costs memory.
fn trim(namespace: &mut PartialObjectMeta<Namespace>) {
    namespace.managed_fields_mut().clear();
    namespace.annotations_mut().clear();
}

/// An object of ours as `policy` takes it.
pub(super) fn observed(kind: Kind, object: &DynamicObject) -> Observed {
    Observed {
        kind,
        name: ObjectName::new(object.namespace().unwrap_or_default(), object.name_any()),
        generation: object.meta().generation,
        created: object.creation_timestamp().and_then(|time| chrono::DateTime::from_timestamp(time.0.as_second(), 0)),
        spec: object.data.get("spec").cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn errors_of_a_watch_are_counted_and_wake_nobody() {
        let (errors, changed) = (WatchErrors::default(), Arc::new(Notify::new()));
        let of = |kind: &str| WatchedKind { kind: kind.to_owned() };
        let failed = || Err(watcher::Error::NoResourceVersion);
        let done = futures::stream::iter([failed(), failed(), Ok(watcher::Event::<DynamicObject>::Init), failed()]);
        drive(done, "ImagePolicy".to_owned(), changed.clone(), errors.clone(), CancellationToken::new()).await;
        drive(
            futures::stream::iter([Ok(watcher::Event::<DynamicObject>::Init)]),
            "Validator".to_owned(),
            changed.clone(),
            errors.clone(),
            CancellationToken::new(),
        )
        .await;
        assert_eq!(errors.get_or_create(&of("ImagePolicy")).get(), 3);
        let mut page = String::new();
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("watch_errors", "Errors", errors);
        assert!(prometheus_client::encoding::text::encode(&mut page, &registry).is_ok());
        assert!(page.contains("watch_errors_total{kind=\"Validator\"} 0"), "{page}");
        assert!(tokio::time::timeout(std::time::Duration::ZERO, changed.notified()).await.is_err());
    }
}
