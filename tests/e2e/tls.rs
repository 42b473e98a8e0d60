//! HTTP/1.1 over TLS by hand: a stranger who calls the webhook, and a second webhook that the API server calls.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// One connection to a server on 127.0.0.1, over which any number of requests go.
pub struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    /// Connects to `https://127.0.0.1:PORT`, trusting one authority (PEM).
    pub fn open(url: &str, authority: &str) -> Result<Self> {
        let address = url.strip_prefix("https://").context("an https URL")?.split('/').next().unwrap_or_default();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1")?)?;
        Ok(Self(StreamOwned::new(connection, TcpStream::connect(address)?)))
    }

    /// Sends a request and answers status and body.
    pub fn request(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.write_all(head.as_bytes())?;
        self.0.write_all(body.as_bytes())?;
        self.answer()
    }

    /// Announces a body of this length, sends none, and answers status and body.
    pub fn announce(&mut self, path: &str, length: usize) -> Result<(u16, String)> {
        write!(self.0, "POST {path} HTTP/1.1\r\nHost: webhook\r\nContent-Length: {length}\r\n\r\n")?;
        self.answer()
    }

    fn answer(&mut self) -> Result<(u16, String)> {
        self.0.flush()?;
        let (line, body) = read_message(&mut self.0)?.context("the connection was closed")?;
        Ok((line.split(' ').nth(1).context("a status")?.parse()?, body))
    }
}

/// First line and body of a request or an answer; none at the end of the connection.
fn read_message(stream: &mut impl Read) -> Result<Option<(String, String)>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return if head.is_empty() { Ok(None) } else { bail!("the connection was closed in the middle") };
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head)?;
    let (line, fields) = head.split_once("\r\n").context("a first line")?;
    let length = fields.lines().filter_map(|field| field.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map(|(_, value)| value.parse()).transpose()?.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Some((line.to_owned(), String::from_utf8(body)?)))
}

/// What a second webhook does to a pod: the number of the call, from one on, and the pod give a JSON patch.
type Mutate = dyn Fn(u32, &Value) -> Value + Send + Sync;

/// A mutating webhook on loopback. Its thread ends with this process.
pub struct Webhook {
    /// Where the API server calls it.
    pub url: String,
    /// Its authority, as `caBundle` wants it.
    pub ca_bundle: String,
    /// How often it was called.
    pub calls: Arc<AtomicU32>,
}

impl Webhook {
    /// Starts one.
    pub fn start(mutate: impl Fn(u32, &Value) -> Value + Send + Sync + 'static) -> Result<Self> {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certified.cert.der().clone()], key)?);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("https://{}/mutate", listener.local_addr()?);
        let (calls, mutate) = (Arc::new(AtomicU32::new(0)), Arc::new(mutate));
        let counted = calls.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, calls, mutate) = (config.clone(), counted.clone(), mutate.clone());
                thread::spawn(move || serve(stream, config, &calls, &*mutate));
            }
        });
        Ok(Self { url, ca_bundle: STANDARD.encode(certified.cert.pem()), calls })
    }
}

/// Calls of one server are answered one after the other, so that their numbers mean something.
static TURN: Mutex<()> = Mutex::new(());

fn serve(stream: TcpStream, config: Arc<ServerConfig>, calls: &AtomicU32, mutate: &Mutate) -> Result<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config)?, stream);
    while let Some((_, body)) = read_message(&mut stream)? {
        let review: Value = serde_json::from_str(&body)?;
        let patch = {
            let _turn = TURN.lock();
            let call = calls.fetch_add(1, Ordering::SeqCst) + 1;
            mutate(call, &review["request"]["object"]).to_string()
        };
        let response = json!({"uid": review["request"]["uid"], "allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(patch)});
        let answer = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).to_string();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())?;
        stream.flush()?;
    }
    Ok(())
}
