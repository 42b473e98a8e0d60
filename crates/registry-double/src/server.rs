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
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    State,
    respond::respond,
    script::Reception,
    tls::Acceptors,
    wire::{Wire, Wired},
};

pub(crate) async fn run(listener: TcpListener, acceptors: Option<Acceptors>, state: Arc<Mutex<State>>) {
    let own = listener.local_addr().expect("a bound socket has an address");
    let scheme = if acceptors.is_some() { "https" } else { "http" };
    let origin = format!("{scheme}://{own}");
    // Connections end with the server.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let reception = state.lock().expect("no request panicked").reception;
        connections.spawn(receive(stream, reception, acceptors.clone(), origin.clone(), Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn receive(stream: TcpStream, reception: Reception, acceptors: Option<Acceptors>, origin: String, state: Arc<Mutex<State>>) {
    let acceptor = match (reception, acceptors) {
        (Reception::Silent, _) => return std::future::pending().await,
        (Reception::Closed, _) => return,
        (_, None) | (Reception::WithoutTls, _) => return connection(stream, origin, state).await,
        (Reception::Honest, Some(acceptors)) => acceptors.honest,
        (Reception::CertificateOfAnotherHost, Some(acceptors)) => acceptors.other_host,
        (Reception::ExpiredCertificate, Some(acceptors)) => acceptors.expired,
    };
    // A client that does not trust us hangs up here.
    if let Ok(stream) = acceptor.accept(stream).await {
        connection(stream, origin, state).await;
    }
}

async fn connection<S>(stream: S, origin: String, state: Arc<Mutex<State>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let wire = Wire::default();
    let service = service_fn(|request| {
        let (origin, state, wire) = (origin.clone(), Arc::clone(&state), wire.clone());
        async move { respond(request, &origin, &state, &wire).await.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
    });
    let stream = Wired::new(stream, wire.clone());
    // Broken connections are part of the play.
    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}
