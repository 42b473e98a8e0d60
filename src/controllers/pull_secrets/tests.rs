#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

/// A path below `/api/v1/namespaces/` with the status and body under it.
type Object = (&'static str, fn() -> (u16, Value));

/// Answers like an API server that holds these objects; everything else is not found.
struct ApiServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl ApiServer {
    async fn with(objects: &'static [Object]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = seen.clone();
                let answer = service_fn(move |request: Request<_>| {
                    let _: &Request<hyper::body::Incoming> = &request;
                    let path = request.uri().path().trim_start_matches("/api/v1/namespaces/").to_owned();
                    let found = objects.iter().find(|(object, _)| *object == path).map_or_else(|| status(404, "NotFound"), |(_, it)| it());
                    seen.lock().unwrap().push(path);
                    async move { Ok::<_, Infallible>(Response::builder().status(found.0).body(found.1.to_string()).unwrap()) }
                });
                tokio::spawn(async move {
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { address, asked, task }
    }

    fn reader(&self) -> PullSecretReader {
        let config = kube::Config::new(format!("http://{}", self.address).parse().unwrap());
        PullSecretReader::new(Client::try_from(config).unwrap())
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn status(code: u16, reason: &str) -> (u16, Value) {
    (code, json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "message": reason, "reason": reason, "code": code}))
}

fn secret(host: &str) -> (u16, Value) {
    let config = json!({"auths": {host: {"username": "u", "password": "p"}}}).to_string();
    let data = json!({".dockerconfigjson": STANDARD.encode(config)});
    let metadata = json!({"name": "x"});
    (200, json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/dockerconfigjson", "data": data}))
}

fn account(secrets: &[&str]) -> (u16, Value) {
    let secrets: Vec<_> = secrets.iter().map(|name| json!({"name": name})).collect();
    (200, json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "x"}, "imagePullSecrets": secrets}))
}

fn serves(keyring: &Keyring, host: &str) -> bool {
    !keyring.lookup(&format!("{host}/x").parse().unwrap()).is_empty()
}

fn written(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn the_secrets_of_the_object_and_of_its_service_account_are_joined() {
    let server = ApiServer::with(&[
        ("shop/secrets/own", || secret("own.io")),
        ("shop/secrets/inherited", || secret("inherited.io")),
        ("shop/serviceaccounts/robot", || account(&["inherited", "own"])),
    ])
    .await;
    let object = server.reader().for_object("shop", written(&["own"]), Some("robot".to_owned()));
    let keyring = object.keyring().await.unwrap();
    assert!(serves(&keyring, "own.io") && serves(&keyring, "inherited.io"));
    assert_eq!(server.asked(), ["shop/secrets/inherited", "shop/secrets/own", "shop/serviceaccounts/robot"]);
}

#[tokio::test]
async fn an_object_without_a_service_account_has_the_default_one() {
    let server = ApiServer::with(&[("shop/secrets/a", || secret("a.io")), ("shop/serviceaccounts/default", || account(&["a"]))]).await;
    for none in [None, Some(String::new())] {
        let keyring = server.reader().for_object("shop", vec![], none).keyring().await.unwrap();
        assert!(serves(&keyring, "a.io"));
    }
}

#[tokio::test]
async fn a_missing_secret_is_passed_over() {
    let server = ApiServer::with(&[("shop/secrets/a", || secret("a.io"))]).await;
    let keyring = server.reader().for_object("shop", written(&["missing", "a"]), None).keyring().await.unwrap();
    assert!(serves(&keyring, "a.io"));
}

#[tokio::test]
async fn a_secret_that_may_not_be_read_is_a_fault_that_names_the_role() {
    let server = ApiServer::with(&[("shop/secrets/a", || secret("a.io")), ("shop/secrets/closed", || status(403, "Forbidden"))]).await;
    let fault = server.reader().for_object("shop", written(&["a", "closed"]), None).keyring().await.unwrap_err();
    assert_eq!(fault, Fault::Forbidden { secret: ObjectName::new("shop", "closed"), role: "bonafide-pull-secrets" });
}

#[tokio::test]
async fn a_failing_api_server_is_a_fault_and_is_asked_again() {
    let server = ApiServer::with(&[("shop/secrets/a", || status(500, "InternalError"))]).await;
    let reader = server.reader();
    for _ in 0..2 {
        assert_eq!(reader.for_object("shop", written(&["a"]), None).keyring().await.unwrap_err(), Fault::ApiServer);
    }
    assert_eq!(server.asked().iter().filter(|path| *path == "shop/secrets/a").count(), 2);
}

#[tokio::test]
async fn simultaneous_and_later_readers_share_one_request() {
    let server = ApiServer::with(&[("shop/secrets/a", || secret("a.io"))]).await;
    let reader = server.reader();
    let object = reader.for_object("shop", written(&["a"]), None);
    let other = reader.for_object("shop", written(&["a"]), None);
    let answers = join_all([object.keyring(), other.keyring(), object.keyring()]).await;
    assert!(answers.iter().all(|answer| serves(answer.as_ref().unwrap(), "a.io")));
    assert!(reader.for_object("shop", written(&["a"]), None).keyring().await.is_ok());
    assert_eq!(server.asked(), ["shop/secrets/a", "shop/serviceaccounts/default"]);
}

#[tokio::test]
async fn nothing_is_read_before_it_is_asked_for() {
    let server = ApiServer::with(&[]).await;
    drop(server.reader().for_object("shop", written(&["a"]), None));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_name_reaches_no_other_path_of_the_api() {
    let server = ApiServer::with(&[("bank/secrets/a", || secret("a.io"))]).await;
    let names = ["", "..", "../../bank/secrets/a", "other/regcred", "a?watch=1", "a%2fb"];
    let object = server.reader().for_object("shop", written(&names), Some("../../bank/secrets/a".to_owned()));
    assert!(object.keyring().await.unwrap().is_empty());
    assert!(server.asked().is_empty());
}

#[test]
fn names_are_read_once_in_their_order_and_not_without_limit() {
    let mut names = written(&["b", "a", "b"]);
    names.extend((0..1_000).map(|n| format!("n{n}")));
    let chosen = secret_names("shop", names.iter());
    assert_eq!(chosen.len(), MOST_SECRETS);
    assert!(chosen.starts_with(&["b", "a", "n0"].map(|name| ObjectName::new("shop", name))));
}
