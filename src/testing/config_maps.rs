//! An API server that has ConfigMaps and nothing else, inside of the process: versions, preconditions, label selectors.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use serde_json::{Value, json};

/// What the validation of ConfigMaps allows.
const MOST_BYTES: usize = 1024 * 1024;

/// Cheap to clone; all clones and clients see the same objects.
#[derive(Clone, Default)]
pub(crate) struct ConfigMaps(Arc<Mutex<Inner>>);

type Act = Box<dyn FnOnce(&ConfigMaps) + Send>;

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, ConfigMap>,
    version: u64,
    asked: Vec<String>,
    /// Run before the next writes, one for each: another replica that is faster.
    before_writes: VecDeque<Act>,
    down: bool,
    silent: bool,
}

impl ConfigMaps {
    pub(crate) fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request| server.clone().answer(request));
        kube::Client::new(service, "default")
    }

    pub(crate) fn get(&self, name: &str) -> Option<ConfigMap> {
        self.0.lock().unwrap().objects.get(name).cloned()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().objects.keys().cloned().collect()
    }

    /// As an administrator would, by hand.
    pub(crate) fn put(&self, object: ConfigMap) {
        let mut inner = self.0.lock().unwrap();
        inner.store(object);
    }

    pub(crate) fn delete(&self, name: &str) {
        self.0.lock().unwrap().objects.remove(name);
    }

    pub(crate) fn before_write(&self, act: impl FnOnce(&ConfigMaps) + Send + 'static) {
        self.0.lock().unwrap().before_writes.push_back(Box::new(act));
    }

    /// Answers with 500 from now on, or not any more.
    pub(crate) fn set_down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    /// Never answers again.
    pub(crate) fn fall_silent(&self) {
        self.0.lock().unwrap().silent = true;
    }

    /// Method and kind of each request since the last question: `GET`, `META`, `LIST`, `POST`, `PUT`.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, std::convert::Infallible> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect_bytes().await.unwrap();
        if self.0.lock().unwrap().silent {
            std::future::pending::<()>().await;
        }
        let is_write = parts.method == Method::POST || parts.method == Method::PUT;
        if is_write && parts.uri.path().contains("/configmaps") {
            let act = self.0.lock().unwrap().before_writes.pop_front();
            if let Some(act) = act {
                act(&self);
            }
        }
        if parts.uri.path().ends_with("/selfsubjectreviews") {
            let review = json!({"metadata": {}, "status": {"userInfo": {"username": "administrator"}}});
            return Ok(Response::new(Body::from(review.to_string().into_bytes())));
        }
        let name = parts.uri.path().rsplit_once("/configmaps").expect("a path of ConfigMaps").1.trim_start_matches('/').to_owned();
        let accept = parts.headers.get("accept").map_or("", |accept| accept.to_str().unwrap());
        let is_metadata = accept.contains("PartialObjectMetadata");
        let selector = parts.uri.query().unwrap_or_default().split('&').find_map(|part| part.strip_prefix("labelSelector="));
        let mut inner = self.0.lock().unwrap();
        let kind = match (&parts.method, name.is_empty(), is_metadata) {
            (&Method::GET, true, _) => "LIST",
            (&Method::GET, false, true) => "META",
            (method, ..) => method.as_str(),
        };
        inner.asked.push(kind.to_owned());
        let (code, answer) = if inner.down {
            status(500, "InternalError")
        } else {
            match kind {
                "LIST" => inner.list(selector.unwrap_or_default(), is_metadata),
                "POST" => inner.create(serde_json::from_slice(&bytes).unwrap()),
                "PUT" => inner.replace(serde_json::from_slice(&bytes).unwrap()),
                "META" => inner.objects.get(&name).map_or_else(|| status(404, "NotFound"), |object| (200, metadata(object))),
                _ => inner.objects.get(&name).map_or_else(|| status(404, "NotFound"), |object| (200, json!(object))),
            }
        };
        Ok(Response::builder().status(code).body(Body::from(answer.to_string().into_bytes())).unwrap())
    }
}

impl Inner {
    fn store(&mut self, mut object: ConfigMap) -> ConfigMap {
        self.version += 1;
        object.metadata.resource_version = Some(self.version.to_string());
        object.metadata.uid.get_or_insert_with(|| format!("uid-{}", self.version));
        self.objects.insert(object.metadata.name.clone().unwrap(), object.clone());
        object
    }

    fn create(&mut self, object: ConfigMap) -> (u16, Value) {
        if self.objects.contains_key(object.metadata.name.as_ref().unwrap()) {
            return status(409, "AlreadyExists");
        }
        if bytes(&object) > MOST_BYTES { status(422, "Invalid") } else { (201, json!(self.store(object))) }
    }

    fn replace(&mut self, object: ConfigMap) -> (u16, Value) {
        let Some(stored) = self.objects.get(object.metadata.name.as_ref().unwrap()) else { return status(404, "NotFound") };
        if stored.metadata.resource_version != object.metadata.resource_version {
            return status(409, "Conflict");
        }
        if bytes(&object) > MOST_BYTES { status(422, "Invalid") } else { (200, json!(self.store(object))) }
    }

    fn list(&self, selector: &str, is_metadata: bool) -> (u16, Value) {
        let selector = selector.replace("%2F", "/").replace("%3D", "=");
        let chosen = self.objects.values().filter(|object| {
            let labels = object.metadata.labels.clone().unwrap_or_default();
            match selector.split_once('=') {
                Some((key, value)) => labels.get(key).is_some_and(|label| label == value),
                None => selector.is_empty() || labels.contains_key(&selector),
            }
        });
        let items: Vec<Value> = chosen.map(|object| if is_metadata { metadata(object) } else { json!(object) }).collect();
        (200, json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {}, "items": items}))
    }
}

fn metadata(object: &ConfigMap) -> Value {
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object.metadata})
}

fn bytes(object: &ConfigMap) -> usize {
    object.binary_data.iter().flatten().map(|(_, value)| value.0.len()).sum()
}

fn status(code: u16, reason: &str) -> (u16, Value) {
    (code, json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "message": reason, "reason": reason, "code": code}))
}
