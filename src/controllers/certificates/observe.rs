//! Every replica's view of the serving Secret.

use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Client};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{SERVING_SECRET, ServingMaterial};
use crate::chain;

/// Watches the Secret until `cancel`; none until it was read once. Material that cannot be served is logged and counted
/// in `unreadable`, and the last that could be stays.
pub fn observe(
    client: Client,
    namespace: &str,
    unreadable: Counter,
    tasks: &TaskTracker,
    cancel: CancellationToken,
) -> watch::Receiver<Option<Arc<ServingMaterial>>> {
    let (material, read) = watch::channel(None);
    tasks.spawn(run(Api::namespaced(client, namespace), Publisher { material, unreadable }, cancel));
    read
}

async fn run(api: Api<Secret>, publisher: Publisher, cancel: CancellationToken) {
    let mut secrets = pin!(watch_object(api, SERVING_SECRET).default_backoff());
    while let Some(Some(seen)) = cancel.run_until_cancelled(secrets.next()).await {
        match seen {
            Ok(Some(secret)) => publisher.publish(&secret),
            Ok(None) => tracing::info!(secret = SERVING_SECRET, "the serving Secret does not exist"),
            Err(error) => tracing::warn!(error = %chain(&error), secret = SERVING_SECRET, "cannot watch the serving Secret"),
        }
    }
}

struct Publisher {
    material: watch::Sender<Option<Arc<ServingMaterial>>>,
    unreadable: Counter,
}

impl Publisher {
    fn publish(&self, secret: &Secret) {
        match ServingMaterial::from_secret(secret) {
            Ok(material) => {
                self.material.send_replace(Some(Arc::new(material)));
                tracing::info!("the serving certificate was loaded");
            }
            Err(error) => {
                self.unreadable.inc();
                tracing::error!(error = %chain(&error), "the serving Secret cannot be used; the last usable certificate stays");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    // Reason: a test that cannot go on should panic where it stands.
    #![allow(clippy::unwrap_used)]

    use chrono::Utc;
    use rustls::pki_types::ServerName;

    use super::*;
    use crate::controllers::certificates::issue::{Authority, random_path, serving_data};

    #[test]
    fn material_that_cannot_be_served_leaves_the_old_in_place_and_is_counted() {
        let authority = Authority::create(Utc::now()).unwrap();
        let names = [ServerName::try_from("localhost").unwrap()];
        let data = serving_data(&authority, &names, random_path().unwrap(), Utc::now()).unwrap();
        let (material, _read) = watch::channel(None);
        let publisher = Publisher { material, unreadable: Counter::default() };

        publisher.publish(&Secret { data: Some(data), ..Secret::default() });
        let served = publisher.material.borrow().clone().unwrap();
        publisher.publish(&Secret::default());

        assert!(Arc::ptr_eq(&served, publisher.material.borrow().as_ref().unwrap()));
        assert_eq!(publisher.unreadable.get(), 1);
    }
}
