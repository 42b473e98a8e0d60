//! The accept loop: plain TCP or TLS, one task per connection.

use std::{
    io,
    sync::{Arc, Mutex},
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{State, respond::respond};

pub(crate) async fn run(listener: TcpListener, acceptor: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    let own = listener.local_addr().expect("a bound socket has an address");
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    let origin = format!("{scheme}://{own}");
    // Connections end with the server.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, origin, state) = (acceptor.clone(), origin.clone(), Arc::clone(&state));
        connections.spawn(async move {
            match acceptor {
                None => connection(stream, origin, state).await,
                Some(acceptor) => {
                    // A client that does not trust us hangs up here.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        connection(stream, origin, state).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection<S>(stream: S, origin: String, state: Arc<Mutex<State>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let (origin, state) = (origin.clone(), Arc::clone(&state));
        async move { respond(request, &origin, &state).await.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
    });
    // Broken connections are part of the play.
    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}
