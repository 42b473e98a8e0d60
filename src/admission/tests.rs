#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod alerts;
mod http;
mod objects;
mod places;
mod resources;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::{BoxFuture, FutureExt, ready};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{AdmissionObserver, Bodies, Gate, Outcome, Pass, Routes, Surroundings, Traffic, routes};
use crate::alerting::Alerts;
use crate::evaluate::{CacheOutcome, Evaluator, Fault, MemoryStateStore, NoPullSecrets, Observer, PullSecrets};
use crate::index::Snapshot;
use crate::policy::{Labels, Reason};
use crate::testing::{World, client};

/// A cluster that knows one namespace, `fresh`, which the snapshot does not know, and fails for `unreadable`.
struct Around;

impl Surroundings for Around {
    fn labels<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<Option<Labels>, Fault>> {
        let labels = [("tier".to_owned(), "production".to_owned())].into();
        ready(match namespace {
            "fresh" => Ok(Some(labels)),
            "unreadable" => Err(Fault::ApiServer),
            _ => Ok(None),
        })
        .boxed()
    }

    fn pull_secrets(&self, _: &str, _: Vec<String>, _: Option<String>) -> Box<dyn PullSecrets> {
        Box::new(NoPullSecrets)
    }
}

struct Silent;

impl Observer for Silent {
    fn answered(&self, _: CacheOutcome, _: Duration) {}
}

impl AdmissionObserver for Silent {
    fn answered(&self, _: Pass, _: Outcome, _: Option<Reason>, _: Duration) {}
}

/// The webhook of a world, as the API server meets it.
struct Webhook {
    routes: Routes,
    /// Keep the channels open.
    _snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    _segment: watch::Sender<Option<Arc<str>>>,
}

impl Webhook {
    fn of(world: &World) -> Self {
        Self::with(Some(Arc::new(world.snapshot())))
    }

    fn with(snapshot: Option<Arc<Snapshot>>) -> Self {
        Self::telling(snapshot, Alerts::default())
    }

    fn telling(snapshot: Option<Arc<Snapshot>>, alerts: Alerts) -> Self {
        let (snapshots, read) = watch::channel(snapshot);
        let (segment, segment_read) = watch::channel(Some(Arc::from("secret")));
        let evaluator = Evaluator::new(client(), Arc::new(Silent), Arc::new(MemoryStateStore::default()));
        let gate = Gate {
            snapshots: read,
            evaluator,
            surroundings: Arc::new(Around),
            observer: Arc::new(Silent),
            traffic: Traffic::default(),
            alerts,
        };
        let routes =
            Routes { gate: Arc::new(gate), segment: segment_read, operator_namespace: "bonafide-system".into(), bodies: Bodies::default() };
        Self { routes, _snapshots: snapshots, _segment: segment }
    }

    async fn post(&self, path: &str, body: &[u8]) -> (u16, String) {
        let request = warp::test::request().method("POST").path(path).body(body);
        let response = request.reply(&routes(self.routes.clone())).await;
        (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
    }

    async fn review(&self, hook: &str, request: &Value) -> Value {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        let (status, body) = self.post(&format!("/secret/{hook}"), review.to_string().as_bytes()).await;
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["response"]["uid"], request["uid"]);
        answer["response"].clone()
    }

    async fn mutate(&self, request: &Value) -> Value {
        self.review("mutate", request).await
    }

    async fn validate(&self, request: &Value) -> Value {
        self.review("validate", request).await
    }
}

/// A request to create a pod in `shop`.
fn create(spec: &Value) -> Value {
    request("CREATE", "pods", &json!({"metadata": {"name": "p"}, "spec": spec}), None)
}

fn update(old: &Value, new: &Value) -> Value {
    request("UPDATE", "pods", &json!({"spec": new}), Some(&json!({"spec": old})))
}

fn request(operation: &str, resource: &str, object: &Value, old: Option<&Value>) -> Value {
    let group = match resource {
        "pods" | "replicationcontrollers" => "",
        "jobs" | "cronjobs" => "batch",
        _ => "apps",
    };
    json!({
        "uid": "u-1", "kind": {"group": group, "version": "v1", "kind": "Any"}, "operation": operation, "namespace": "shop",
        "resource": {"group": group, "version": "v1", "resource": resource}, "object": object, "oldObject": old
    })
}

fn container(name: &str, image: &str) -> Value {
    json!({"name": name, "image": image})
}

/// A pod spec with one container called `main`.
fn main(image: &str) -> Value {
    json!({"containers": [container("main", image)]})
}

fn allowed(response: &Value) -> bool {
    response["allowed"].as_bool().unwrap()
}

fn message(response: &Value) -> &str {
    response["status"]["message"].as_str().unwrap_or_default()
}

/// The patch's paths with their new texts.
fn patch(response: &Value) -> Vec<(String, String)> {
    let Some(patch) = response["patch"].as_str() else { return vec![] };
    let operations: Vec<Value> = serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    operations.iter().map(|operation| (text(&operation["path"]), text(&operation["value"]))).collect()
}
