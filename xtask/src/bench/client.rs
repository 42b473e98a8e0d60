//! A client of the API server, and of the webhook in its place, that costs little beside them: one kept HTTP/1.1 connection per simulated client.
//!
//! kubectl takes longer to start than a pod takes to be made, and a client library would be measured along.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where a server is and as whom it is asked.
#[derive(Clone)]
pub(super) struct Endpoint {
    authority: String,
    name: ServerName<'static>,
    tls: TlsConnector,
    authorization: Option<String>,
}

/// A connection that is kept.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    authorization: Option<String>,
}

/// What the server said.
pub(super) struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The body, whole.
    pub body: Bytes,
}

impl Endpoint {
    /// Reads a kubeconfig of the testbed, which is JSON with a token and an authority in it.
    pub(super) fn read(kubeconfig: &Path) -> Result<Self> {
        let config: Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
        let text =
            |pointer: &str| config.pointer(pointer).and_then(Value::as_str).with_context(|| format!("a kubeconfig without {pointer}"));
        let authority = text("/clusters/0/cluster/server")?.strip_prefix("https://").context("an API server without TLS")?;
        let pem = STANDARD.decode(text("/clusters/0/cluster/certificate-authority-data")?)?;
        let token = text("/users/0/user/token")?;
        Ok(Self { authorization: Some(format!("Bearer {token}")), ..Self::anonymous(authority, &pem)? })
    }

    /// A server at HOST:PORT whose certificate these authorities (PEM) vouch for; it is not told who asks.
    pub(super) fn anonymous(authority: &str, authorities: &[u8]) -> Result<Self> {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).to_owned();
        let name = ServerName::try_from(host)?;
        Ok(Self { name, tls: connector(authorities)?, authority: authority.to_owned(), authorization: None })
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(&self.authority).await.with_context(|| format!("cannot reach {}", self.authority))?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(self.name.clone(), stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its end shows in the next request.
        tokio::spawn(connection);
        Ok(Connection { sender, authority: self.authority.clone(), authorization: self.authorization.clone() })
    }
}

impl Connection {
    /// Sends a request and reads the whole answer, whatever its status.
    pub(super) async fn send(&mut self, method: Method, path: &str, content_type: &str, body: Bytes) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.authority);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.header(header::CONTENT_TYPE, content_type);
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(body))?).await?;
        let status = answer.status();
        Ok(Answer { status, body: answer.into_body().collect().await?.to_bytes() })
    }

    /// Creates an object at a collection's path.
    pub(super) async fn create(&mut self, path: &str, object: Bytes) -> Result<Answer> {
        self.send(Method::POST, path, "application/json", object).await
    }

    /// Changes an object by a merge patch, which must succeed.
    pub(super) async fn patch(&mut self, path: &str, change: &Value) -> Result<()> {
        let answer = self.send(Method::PATCH, path, "application/merge-patch+json", change.to_string().into()).await?;
        answer.success().map(|_| ())
    }
}

impl Answer {
    /// The answer, unless it is a failure.
    pub(super) fn success(self) -> Result<Self> {
        ensure!(self.status.is_success(), "{}: {}", self.status, String::from_utf8_lossy(&self.body));
        Ok(self)
    }
}

fn connector(authority: &[u8]) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into())
}
