//! Reading from an API server that counts what it is asked.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::super::read::{PAGE, Scope, read};
use super::{report, said};

/// Answers a path and the parameters that were asked for.
type Answer = dyn Fn(&str, &str) -> (u16, Value) + Send + Sync;

fn server(answer: impl Fn(&str, &str) -> (u16, Value) + Send + Sync + 'static) -> (Client, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, answer): (_, Arc<Answer>) = (asked.clone(), Arc::new(answer));
    let service = tower::service_fn(move |request: Request<Body>| {
        let uri = request.uri().clone();
        log.lock().unwrap().push(uri.to_string());
        let (code, body) = answer(uri.path(), uri.query().unwrap_or_default());
        let body = Body::from(body.to_string().into_bytes());
        async move { Ok::<_, std::convert::Infallible>(Response::builder().status(code).body(body).unwrap()) }
    });
    (Client::new(service, "default"), asked)
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    (code, json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "no"}))
}

fn list(items: &[Value], token: &str) -> (u16, Value) {
    (
        200,
        json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "List", "metadata": {"resourceVersion": "1", "continue": token}, "items": items}),
    )
}

/// Reports on so many pods from the one at this place, of two images.
fn pods(from: usize, count: usize) -> Vec<Value> {
    let pod = |at: usize| report("shop", &format!("pod-{at}"), &[said(&format!("web:v{}", at % 2), None, "Trusted")]);
    (from..from + count).map(|at| serde_json::to_value(pod(at)).unwrap()).collect()
}

fn parameter(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Ten thousand reports by pages.
fn page(query: &str) -> (u16, Value) {
    assert_eq!(parameter(query, "limit"), Some(PAGE.to_string()));
    let from: usize = parameter(query, "continue").map_or(0, |token| token.parse().unwrap());
    let next = from + PAGE as usize;
    list(&pods(from, PAGE as usize), &if next < 10_000 { next.to_string() } else { String::new() })
}

#[tokio::test]
async fn ten_thousand_reports_are_read_in_pages() {
    let (client, asked) = server(|path, query| {
        assert_eq!(path, "/apis/bonafide.dev/v1alpha1/verificationreports");
        page(query)
    });
    let found = read(&client, &Scope::Everywhere).await.unwrap();
    assert_eq!((found.reports, found.inventory.rows(&[]).len()), (10_000, 2));
    assert_eq!(asked.lock().unwrap().len(), 10_000 / PAGE as usize);
}

#[tokio::test]
async fn a_list_that_grows_too_old_is_read_again_and_counts_once() {
    let young = Mutex::new(true);
    let (client, _) = server(move |_, query| {
        let expires = query.contains("continue=1000") && std::mem::replace(&mut *young.lock().unwrap(), false);
        if expires { failure(410, "Expired") } else { page(query) }
    });
    assert_eq!(read(&client, &Scope::Everywhere).await.unwrap().reports, 10_000);
}

#[tokio::test]
async fn a_list_that_always_grows_too_old_is_an_error_in_the_end() {
    let (client, asked) = server(|_, query| if query.contains("continue") { failure(410, "Expired") } else { page(query) });
    assert!(read(&client, &Scope::Everywhere).await.unwrap_err().to_string().contains("410"));
    assert_eq!(asked.lock().unwrap().len(), 6);
}

/// A cluster of three namespaces, whose reports may be listed in these.
fn tenant(allowed: &'static [&'static str]) -> Client {
    let (client, _) = server(move |path, _| {
        let name = |name: &&str| json!({"metadata": {"name": name}});
        match path {
            "/api/v1/namespaces" => list(&["a", "b", "c"].iter().map(name).collect::<Vec<_>>(), ""),
            path => match path.split('/').nth(5).filter(|namespace| allowed.contains(namespace)) {
                Some(namespace) => list(&[serde_json::to_value(report(namespace, "pod", &[said("web", None, "Trusted")])).unwrap()], ""),
                None => failure(403, "Forbidden"),
            },
        }
    });
    client
}

#[tokio::test]
async fn without_rights_on_the_cluster_the_namespaces_that_may_be_listed_are_shown() {
    let found = read(&tenant(&["a", "c"]), &Scope::WhereAllowed).await.unwrap();
    let rows = found.inventory.rows(&[]);
    let (_, runs) = rows.first().unwrap();
    assert_eq!(runs.namespaces.keys().collect::<Vec<_>>(), ["a", "c"]);
}

#[tokio::test]
async fn what_may_not_be_listed_is_an_error_that_says_what_to_do() {
    let error = async |client: &Client, scope: Scope| read(client, &scope).await.unwrap_err().to_string();
    let client = tenant(&["a"]);
    assert!(error(&client, Scope::Everywhere).await.contains("name one with --namespace"));
    assert!(error(&client, Scope::Namespace("b".to_owned())).await.contains("in namespace b"));
    assert!(error(&tenant(&[]), Scope::WhereAllowed).await.contains("in any namespace"));
    let (client, _) = server(|_, _| failure(403, "Forbidden"));
    assert!(error(&client, Scope::WhereAllowed).await.contains("name one with --namespace"));
}

#[tokio::test]
async fn a_cluster_without_bonafide_and_a_broken_one_are_told_apart() {
    let (client, _) = server(|_, _| failure(404, "NotFound"));
    let error = read(&client, &Scope::WhereAllowed).await.unwrap_err().to_string();
    assert!(error.contains("not installed"), "{error}");
    let (client, _) = server(|_, _| failure(500, "InternalError"));
    let error = read(&client, &Scope::WhereAllowed).await.unwrap_err().to_string();
    assert!(error.ends_with("500 no"), "{error}");
}
