// Reason: a test that cannot go on should panic where it stands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as ClientStream;
use warp::Filter;

use super::*;

type Pair = (Arc<CertifiedKey>, CertificateDer<'static>);

struct Running {
    address: SocketAddr,
    certificate: watch::Sender<Option<Arc<CertifiedKey>>>,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    entered: Arc<Notify>,
    release: Arc<Notify>,
}

fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let der = made.cert.der().clone();
    (Arc::new(CertifiedKey::from_der(vec![der.clone()], key, &aws_lc_rs::default_provider()).unwrap()), der)
}

/// Routes: `/ok` answers, `/panic` panics, `/wait` answers when released.
async fn start(certificate: Option<Arc<CertifiedKey>>, drain: Duration) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = watch::channel(certificate);
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, gate) = (Arc::clone(&entered), Arc::clone(&release));
    let wait = warp::path("wait").then(move || {
        let (inside, gate) = (Arc::clone(&inside), Arc::clone(&gate));
        async move {
            inside.notify_one();
            gate.notified().await;
            "waited"
        }
    });
    let panics = warp::path("panic").map(|| -> &'static str { panic!("as told") });
    let routes = warp::path("ok").map(|| "fine").or(panics).or(wait);
    let shutdown = CancellationToken::new();
    let service = warp::service(routes);
    let server = tokio::spawn(serve(listener, tls_config(receiver).unwrap(), service, shutdown.clone(), drain));
    Running { address, certificate: sender, shutdown, server, entered, release }
}

async fn connect(address: SocketAddr, trusted: &CertificateDer<'static>, protocol: &[u8]) -> std::io::Result<ClientStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn get(address: SocketAddr, trusted: &CertificateDer<'static>, path: &str) -> std::io::Result<String> {
    let mut stream = connect(address, trusted, b"http/1.1").await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection() {
    let ((first, first_der), (second, second_der)) = (pair(), pair());
    let running = start(Some(first), Duration::ZERO).await;
    assert!(get(running.address, &first_der, "/ok").await.unwrap().ends_with("fine"));
    running.certificate.send(Some(second)).unwrap();
    assert!(get(running.address, &second_der, "/ok").await.unwrap().ends_with("fine"));
    assert!(get(running.address, &first_der, "/ok").await.is_err());
}

#[tokio::test]
async fn without_a_certificate_there_is_no_handshake_but_a_later_one_serves() {
    let (key, der) = pair();
    let running = start(None, Duration::ZERO).await;
    assert!(get(running.address, &der, "/ok").await.is_err());
    running.certificate.send(Some(key)).unwrap();
    assert!(get(running.address, &der, "/ok").await.unwrap().ends_with("fine"));
}

#[tokio::test]
async fn both_versions_of_http_are_offered() {
    let (key, der) = pair();
    let running = start(Some(key), Duration::ZERO).await;
    let mut stream = connect(running.address, &der, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(ALPN_HTTP2));
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "the server's SETTINGS frame");
}

#[tokio::test]
async fn an_api_server_with_hundreds_of_connections_gets_one_more() {
    let (key, der) = pair();
    let running = start(Some(key), Duration::ZERO).await;
    let mut open = Vec::new();
    for _ in 0..300 {
        open.push(TcpStream::connect(running.address).await.unwrap());
    }
    assert!(get(running.address, &der, "/ok").await.unwrap().ends_with("fine"));
}

#[tokio::test]
async fn a_panicking_request_takes_nobody_along() {
    let (key, der) = pair();
    let running = start(Some(key), Duration::ZERO).await;
    assert!(!get(running.address, &der, "/panic").await.unwrap_or_default().contains("200"));
    assert!(get(running.address, &der, "/ok").await.unwrap().ends_with("fine"));
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_disturbs_nobody() {
    let (key, der) = pair();
    let running = start(Some(key), Duration::ZERO).await;
    let mut stranger = TcpStream::connect(running.address).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(get(running.address, &der, "/ok").await.unwrap().ends_with("fine"));
}

#[tokio::test]
async fn an_open_request_is_answered_after_shutdown_began() {
    let (key, der) = pair();
    let running = start(Some(key), Duration::from_mins(1)).await;
    let address = running.address;
    let request = tokio::spawn(async move { get(address, &der, "/wait").await });
    running.entered.notified().await;
    running.shutdown.cancel();
    running.release.notify_one();
    assert!(request.await.unwrap().unwrap().ends_with("waited"));
    running.server.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_up_the_shutdown() {
    let (key, der) = pair();
    let running = start(Some(key), Duration::from_millis(1)).await;
    let address = running.address;
    let request = tokio::spawn(async move { get(address, &der, "/wait").await });
    running.entered.notified().await;
    running.shutdown.cancel();
    running.server.await.unwrap();
    assert!(!request.await.unwrap().unwrap_or_default().contains("waited"));
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_shutdown() {
    let (key, der) = pair();
    let running = start(Some(key), Duration::from_mins(1)).await;
    let mut idle = connect(running.address, &der, b"http/1.1").await.unwrap();
    idle.write_all(b"GET /ok HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    running.shutdown.cancel();
    // Less than the time that an idle connection has for its next request.
    tokio::time::timeout(HEAD_TIMEOUT / 2, running.server).await.expect("drained before the deadline").unwrap();
}
