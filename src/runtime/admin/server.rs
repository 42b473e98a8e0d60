//! The accept loop under the admin routes: plain HTTP, and what a connection may cost.
//!
//! Invariant: each request carries the peer of its connection, taken from the socket; no peer keeps a connection for ever
//! or takes all of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::Filter;
use warp::reply::Reply;

use crate::peers::{Peers, Seat};
use crate::results::Peer;

/// The kubelet, Prometheus, some people.
const MAX_CONNECTIONS: usize = 256;
/// A browser opens six; many people may come by one port-forward or proxy.
const MAX_PER_PEER: usize = 64;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Whoever wants more connects again; Prometheus and kubelets do without noticing.
const LIFETIME: Duration = Duration::from_mins(2);
/// Time to end what is being sent.
const DRAIN: Duration = Duration::from_secs(5);
/// Accepting fails when file descriptors run out; only time helps then.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

/// Serves until cancelled.
pub(super) async fn serve<F>(listener: TcpListener, routes: F, cancel: CancellationToken)
where
    F: Filter<Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
{
    let service = TowerToHyperService::new(warp::service(routes));
    let (slots, peers) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), Peers::new(MAX_PER_PEER));
    let connections = TaskTracker::new();
    while let Some(accepted) = cancel.run_until_cancelled(accept(&listener, &slots)).await {
        let (stream, peer, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept an admin connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
                continue;
            }
        };
        let Some(seat) = peers.seat(peer) else { continue };
        connections.spawn(connection(stream, peer, service.clone(), cancel.clone(), (slot, seat)));
    }
    connections.close();
    connections.wait().await;
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> std::io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer.ip(), slot))
}

async fn connection<S, B>(stream: TcpStream, peer: IpAddr, service: S, cancel: CancellationToken, _place: (OwnedSemaphorePermit, Seat))
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let with_peer = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        service.call(request)
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), with_peer));
    let ended = tokio::select! {
        result = connection.as_mut() => Ok(result),
        () = cancel.cancelled() => Err(()),
        () = tokio::time::sleep(LIFETIME) => Err(()),
    };
    let result = if let Ok(result) = ended {
        result
    } else {
        connection.as_mut().graceful_shutdown();
        let Ok(result) = tokio::time::timeout(DRAIN, connection).await else { return };
        result
    };
    if let Err(error) = result {
        tracing::debug!(%error, %peer, "an admin connection failed");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A server that tells the peer of a request.
    async fn server() -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, cancel) = (listener.local_addr().unwrap(), CancellationToken::new());
        let routes = warp::ext::optional::<Peer>().map(|peer: Option<Peer>| format!("{peer:?}"));
        let task = tokio::spawn(serve(listener, routes, cancel.clone()));
        (address, cancel, task)
    }

    async fn answer(stream: &mut TcpStream, head: &str) -> String {
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_request_carries_the_peer_of_its_connection_whatever_it_says() {
        let (address, ..) = server().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 10.0.0.7\r\nconnection: close\r\n\r\n";
        assert!(answer(&mut stream, head).await.ends_with("Some(Peer(127.0.0.1))"));
    }

    #[tokio::test]
    async fn a_peer_that_took_all_its_connections_gets_no_further_one() {
        let (address, ..) = server().await;
        let mut held = Vec::new();
        for _ in 0..MAX_PER_PEER {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        let mut further = TcpStream::connect(address).await.unwrap();
        assert_eq!(further.read(&mut [0]).await.unwrap_or(0), 0, "a connection too many is closed");
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_come_to_its_end_is_not_waited_for() {
        let (address, ..) = server().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let begun = tokio::time::Instant::now();
        // Ends only because the server closes the connection.
        answer(&mut stream, "GET / HTTP/1.1\r\nhost: x\r\n").await;
        assert!(begun.elapsed() <= HEAD_TIMEOUT * 2, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn it_ends_when_it_is_told_to_although_a_peer_keeps_its_connection() {
        let (address, cancel, task) = server().await;
        let _held = TcpStream::connect(address).await.unwrap();
        cancel.cancel();
        tokio::time::timeout(DRAIN * 2, task).await.unwrap().unwrap();
    }
}
