//! Watches that begin with everything there is: streamed where the server can do that, in pages elsewhere.

use std::fmt::Debug;
use std::hash::Hash;
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use crate::controllers::Reach;

/// Objects in one answer of a list.
const PAGE: u32 = 500;
/// A server that streams lists answers a small one at once; one that does not know them never ends it.
const PROBE: Duration = Duration::from_secs(3);
/// No object has such a name.
const NOBODY: &str = "metadata.name=bonafide.probe";

/// How a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// One object after the other: neither side holds the whole list.
    Streamed,
    /// Page by page.
    Paged,
}

/// Finds out what the server can do, by a list of nothing.
pub(super) async fn supported(client: &Client, reach: &Reach) -> Listing {
    let api = reach.api::<Pod>(client);
    let mut probe = pin!(watcher(api, watcher::Config::default().streaming_lists().fields(NOBODY)));
    let ended = async {
        while let Some(event) = probe.next().await {
            match event {
                Ok(watcher::Event::InitDone) => return Listing::Streamed,
                Ok(_) => {}
                Err(_) => return Listing::Paged,
            }
        }
        Listing::Paged
    };
    tokio::time::timeout(PROBE, ended).await.unwrap_or(Listing::Paged)
}

/// Everything of a kind, then every change of it, for ever.
pub(super) fn events<K>(
    client: &Client,
    reach: &Reach,
    listing: Listing,
) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + use<K>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Hash + Eq,
{
    let config = match listing {
        Listing::Streamed => watcher::Config::default().streaming_lists(),
        Listing::Paged => watcher::Config::default().page_size(PAGE),
    };
    watcher(reach.api(client), config).default_backoff()
}
