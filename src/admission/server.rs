//! The TLS accept loop under the webhook routes.
//!
//! Boundary: sockets, handshakes and HTTP connections; what a request means is the routes' business. Invariant: no peer
//! can keep a handshake or a request head open for long, exceed the number of connections, or end the loop.

mod tls;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

pub(crate) use tls::ALPN_HTTP2;
pub use tls::tls_config;

use crate::peers::{Peers, Seat};

/// API servers keep a handful of connections; the rest is strangers.
const MAX_CONNECTIONS: usize = 2048;
/// A stranger who keeps connections open takes no more than these. An API server that has none yet opens one for each of
/// the 600 requests that it has in flight by default, and each that is turned away is a pod that is refused.
const MAX_PER_PEER: usize = 640;
/// With room for all of those requests on one connection no more are opened.
const MAX_STREAMS: u32 = 1000;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Accepting fails when file descriptors run out; only time helps then.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

type Accepted = (TcpStream, IpAddr, OwnedSemaphorePermit);
/// Given back when the connection ends.
type Place = (OwnedSemaphorePermit, Seat);
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves a `tower` service, such as `warp::service(filter)`, until `shutdown`, then lets open requests finish for at
/// most `drain`. Each connection gets a clone of the service.
pub async fn serve<S, B>(listener: TcpListener, tls: Arc<ServerConfig>, service: S, shutdown: CancellationToken, drain: Duration)
where
    TowerToHyperService<S>: Service<Request<Incoming>, Response = Response<B>, Future: Send + 'static, Error: Into<BoxError>>,
    S: Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let service = TowerToHyperService::new(service);
    let acceptor = TlsAcceptor::from(tls);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let peers = Peers::new(MAX_PER_PEER);
    let mut connections = JoinSet::new();
    while let Some((stream, peer, slot)) = next(&listener, &slots, &mut connections, &shutdown).await {
        let Some(seat) = peers.seat(peer) else {
            tracing::debug!(%peer, "a peer has too many webhook connections");
            continue;
        };
        connections.spawn(connection(stream, acceptor.clone(), service.clone(), graceful.watcher(), (slot, seat)));
    }
    drop(listener);
    let finished = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
    };
    if tokio::time::timeout(drain, finished).await.is_err() {
        tracing::warn!("webhook connections were still open when the time to drain them was over");
    }
}

/// The next connection and its slot, or nothing more because of `shutdown`.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    connections: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) -> Option<Accepted> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => return None,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a webhook connection panicked");
                }
                continue;
            }
            accepted = accept(listener, slots) => accepted,
        };
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a webhook connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> std::io::Result<Accepted> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Answers are small and somebody waits for each: none is held back for a further segment.
    stream.set_nodelay(true)?;
    Ok((stream, peer.ip(), slot))
}

/// One peer from handshake to end. Its failures are its own, so they are told at debug level only.
async fn connection<S, B>(stream: TcpStream, acceptor: TlsAcceptor, service: S, watcher: Watcher, _place: Place)
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send + 'static, Error: Into<BoxError>> + Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let Some(stream) = handshake(stream, acceptor).await else { return };
    let builder = builder(stream.get_ref().1.alpn_protocol());
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a webhook connection failed");
    }
}

async fn handshake(stream: TcpStream, acceptor: TlsAcceptor) -> Option<TlsStream<TcpStream>> {
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake took too long");
            None
        }
    }
}

/// The protocol that was negotiated, fixed: reading it off the first bytes would wait for them without a limit.
fn builder(protocol: Option<&[u8]>) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS);
    if protocol == Some(ALPN_HTTP2) { builder.http2_only() } else { builder.http1_only() }
}

#[cfg(test)]
mod tests;
