//! A webhook that says yes to everything at once and pins one image: the least that two calls and a patch can cost.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The path whose answers carry the patch.
pub(super) const MUTATE: &str = "/mutate";

/// Listens on a free port for as long as this process lives; answers where, and its certificate (PEM).
pub(super) fn listen(pinned: &str) -> Result<(String, String)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let here = listener.local_addr()?.to_string();
    let issued = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let key = issued.signing_key.serialize_der().try_into().map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?.with_no_client_auth();
    let mut config = config.with_single_cert(vec![issued.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let patch = json!([{"op": "replace", "path": "/spec/containers/0/image", "value": pinned}]).to_string();
    let patch: Arc<str> = STANDARD.encode(patch).into();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let serve = move || runtime.block_on(accept(listener, Arc::new(config).into(), patch));
    thread::Builder::new().name("yes".to_owned()).spawn(serve).context("cannot start a thread")?;
    Ok((here, issued.cert.pem()))
}

async fn accept(listener: std::net::TcpListener, tls: TlsAcceptor, patch: Arc<str>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, tls.clone(), patch.clone()));
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, patch: Arc<str>) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |request| answer(request, patch.clone()));
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, patch: Arc<str>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mutates = request.uri().path() == MUTATE;
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let review: Value = serde_json::from_slice(&body).unwrap_or_default();
    let uid = review.pointer("/request/uid");
    let response = if mutates {
        json!({"uid": uid, "allowed": true, "patchType": "JSONPatch", "patch": &*patch})
    } else {
        json!({"uid": uid, "allowed": true})
    };
    let answer = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    let mut answer = Response::new(Full::from(answer.to_string()));
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(answer)
}
