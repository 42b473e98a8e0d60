//! Requests to answers, in this order: a place, who it is, whether this replica knows, what may be seen, the document.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use tokio::sync::Semaphore;
use warp::Filter;
use warp::path::FullPath;
use warp::reject::Rejection;
use warp::reply::Response;

use super::access::Access;
use super::body::{self, Place};
use super::caller::{Caller, Peer};
use super::document::document;
use super::page;
use super::query::Query;
use super::refusal::Refusal;
use super::surroundings::Surroundings;
use crate::chain;
use crate::peers::Peers;

/// Answers that are made or sent at the same time; each holds a few megabytes at most.
const AT_ONCE: usize = 16;
const AT_ONCE_PER_PEER: usize = 6;
/// The API server answers within milliseconds, or not at all.
const DEADLINE: Duration = Duration::from_secs(10);

/// The page and `/results`; any other path is rejected, for others to answer. The connection's [`Peer`] must be among the
/// extensions of the request: without one it is a stranger's.
pub fn routes(
    surroundings: Arc<dyn Surroundings>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let service = Arc::new(Service::new(surroundings));
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let asked = warp::ext::optional::<Peer>().and(warp::header::headers_cloned()).and(query);
    let results = warp::path("results").and(warp::path::end()).and(asked).then(move |peer, headers: HeaderMap, query: String| {
        let service = service.clone();
        async move { page::guarded(service.answer(peer, &headers, &query).await) }
    });
    let files = warp::path::full()
        .and_then(|path: FullPath| async move { page::file(path.as_str()).map(page::guarded).ok_or_else(warp::reject::not_found) });
    warp::get().and(results.or(files).unify())
}

struct Service {
    surroundings: Arc<dyn Surroundings>,
    access: Access,
    places: Arc<Semaphore>,
    peers: Peers,
}

impl Service {
    fn new(surroundings: Arc<dyn Surroundings>) -> Self {
        let access = Access::new(surroundings.clone());
        Self { surroundings, access, places: Arc::new(Semaphore::new(AT_ONCE)), peers: Peers::new(AT_ONCE_PER_PEER) }
    }

    async fn answer(&self, peer: Option<Peer>, headers: &HeaderMap, query: &str) -> Response {
        let in_time = tokio::time::timeout(DEADLINE, self.results(peer, headers, query)).await;
        in_time
            .unwrap_or_else(|_| Err(Refusal::Unavailable("finding out whether you may see this took too long".to_owned())))
            .unwrap_or_else(|refusal| refusal.response())
    }

    async fn results(&self, peer: Option<Peer>, headers: &HeaderMap, query: &str) -> Result<Response, Refusal> {
        let place = self.place(peer)?;
        let known = self.access.known(peer, Caller::of(peer, headers)).await?;
        let query = Query::parse(query).map_err(Refusal::BadRequest)?;
        let surroundings = self.surroundings.clone();
        // Thousands of pods take some milliseconds, which admission does not wait for; here and below.
        let Some(found) = aside(move || surroundings.found()).await? else {
            return Err(Refusal::NotLeader(self.surroundings.leader().await));
        };
        let running = || found.pods.iter().map(|pod| pod.namespace.clone()).collect();
        let sight = self.access.sight(&known, query.namespace.as_deref(), running).await?;
        let made = aside(move || document(&found, &sight, &query, Utc::now())).await?;
        let bytes = made.map_err(|error| Refusal::Unavailable(chain(&error).to_string()))?;
        let mut response = body::kept(bytes, place);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    fn place(&self, peer: Option<Peer>) -> Result<Place, Refusal> {
        let busy = || Refusal::Busy("too many requests at the same time: wait a little");
        // One without a peer shares the places of the unspecified address.
        let peer = peer.map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |Peer(address)| address);
        let seat = self.peers.seat(peer).ok_or_else(busy)?;
        let permit = self.places.clone().try_acquire_owned().map_err(|_| busy())?;
        Ok(Place { _permit: permit, _seat: seat })
    }
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Refusal::Unavailable(chain(&error).to_string()))
}
