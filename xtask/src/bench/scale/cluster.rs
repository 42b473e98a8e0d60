//! A cluster full of pods, of which an API server knows everything that a kubelet would tell.

use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use futures::future::try_join_all;
use http::Method;
use serde_json::{Value, json};
use testbed::{
    ControlPlane, Cosign, Format, Image, Images, Key, Namespace, OPERATOR_NAMESPACE, Operator, OperatorOptions, Options, Registry,
    SERVICE_ACCOUNT, install,
};

use super::super::client::{Connection, Endpoint};
use super::super::load::pods_path;
use super::super::stage::Stage;
use super::server::Server;

/// Pods, in as many namespaces; all pods of an image are in one, as those of a Deployment are.
pub(super) const PODS: usize = 10_000;
const NAMESPACES: usize = 20;
/// Different images, all signed.
pub(super) const IMAGES: usize = 500;
const CLIENTS: usize = 16;

/// Everything but the operator.
pub(super) struct Cluster {
    /// The key that has signed all images.
    pub key: String,
    /// A key that has signed nothing.
    pub other_key: String,
    /// Has all images.
    pub registry: Registry,
    server: Server,
    // Its namespaces are not deleted one by one: it ends as a whole.
    plane: ControlPlane,
}

impl Cluster {
    /// Starts it and fills it.
    pub(super) fn start() -> Result<Self> {
        testbed::tools::all()?;
        // The pods name ReplicaSets and nodes that are not there.
        let plane = ControlPlane::start(Options { collect: false, ..Options::default() })?;
        install(plane.kubectl())?;
        let registry = Registry::distribution()?;
        let cosign = Cosign::new()?;
        let (key, other_key) = (cosign.key("build")?, cosign.key("other")?.public_pem);
        let start = Instant::now();
        let images = signed(&registry, &cosign, &key)?;
        println!("    {IMAGES} images signed ({} s)", start.elapsed().as_secs());
        let server = Server::new(Endpoint::read(plane.kubeconfig())?)?;
        let namespaces: Vec<String> = (0..NAMESPACES).map(|number| format!("team-{number}")).collect();
        make_namespaces(&plane, &namespaces)?;
        let start = Instant::now();
        server.block_on(fill(server.endpoint(), &namespaces, &images))?;
        println!("    {PODS} pods with their statuses ({} s)", start.elapsed().as_secs());
        Ok(Self { key: key.public_pem, other_key, registry, server, plane })
    }

    /// Applies a policy that judges all of them, in `Audit` so that nothing stands in the way of what is measured.
    pub(super) fn enforce(&self) -> Result<()> {
        let validator = json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "Validator", "metadata": Stage::metadata("scale"),
            "spec": {"trustRoots": ["scale"], "registry": {"hosts": [{"host": self.registry.host(), "plainHTTP": true}]}, "cosign": {}}});
        let mut policy = Stage::policy("scale", "**", "scale", "Deny");
        if let Some(mode) = policy.pointer_mut("/spec/mode") {
            *mode = json!("Audit");
        }
        let objects = [trust_root(&self.key), validator, policy].map(|object| object.to_string());
        self.operator_namespace().apply(&objects.join("\n---\n")).map(drop)
    }

    /// Has one key alone trusted for all images.
    pub(super) fn trust(&self, key: &str) -> Result<()> {
        self.operator_namespace().apply(&trust_root(key).to_string()).map(drop)
    }

    /// Where policies, and the settings, are.
    pub(super) fn operator_namespace(&self) -> Namespace {
        Namespace::existing(self.plane.kubectl(), OPERATOR_NAMESPACE)
    }

    /// Starts the operator and waits until it is ready.
    pub(super) fn operator(&self, program: &Path) -> Result<Operator> {
        let kubeconfig = self.plane.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)?;
        Operator::start(OperatorOptions::new(program, kubeconfig, self.plane.directory()))
    }

    /// The API server.
    pub(super) fn server(&self) -> &Server {
        &self.server
    }
}

fn trust_root(key: &str) -> Value {
    Stage::trust_root("scale", &json!({"name": "key", "pem": key}))
}

/// One signing for all: cosign signs an index and everything in it.
fn signed(registry: &Registry, cosign: &Cosign, key: &Key) -> Result<Vec<Image>> {
    let repository = format!("{}/scale", registry.host());
    let images = Images::new()?;
    let numbers: Vec<usize> = (0..IMAGES).collect();
    let push = |numbers: &[usize]| -> Result<Vec<Image>> {
        numbers.iter().map(|number| images.push(&format!("{repository}:v{number}"), &format!("image {number}"))).collect()
    };
    let pushed = thread::scope(|scope| -> Result<Vec<Image>> {
        let threads: Vec<_> = numbers.chunks(IMAGES.div_ceil(4)).map(|numbers| scope.spawn(|| push(numbers))).collect();
        let pushed = threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread has ended"))?);
        Ok(pushed.collect::<Result<Vec<_>>>()?.concat())
    })?;
    let index = images.push_index_of(&format!("{repository}:all"), &pushed)?;
    cosign.sign_with(key, &index, Format::Bundle, &["--recursive"])?;
    Ok(pushed)
}

fn make_namespaces(plane: &ControlPlane, names: &[String]) -> Result<()> {
    let namespace = |name: &String| {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"bench": "scale"}}}).to_string()
    };
    let objects: Vec<String> = names.iter().map(namespace).collect();
    Namespace::existing(plane.kubectl(), OPERATOR_NAMESPACE).apply(&objects.join("\n---\n"))?;
    for name in names {
        testbed::wait::until("the default service account", || plane.kubectl().get(&["serviceaccount", "default", "-n", name]))?;
    }
    Ok(())
}

/// Clients that make pods and then tell of each what a kubelet would.
async fn fill(endpoint: &Endpoint, namespaces: &[String], images: &[Image]) -> Result<()> {
    let clients = (0..CLIENTS).map(async |client| {
        let mut connection = endpoint.connect().await?;
        for number in (client..PODS).step_by(CLIENTS) {
            let which = number % IMAGES;
            let (image, namespace) = images.get(which).zip(namespaces.get(which % NAMESPACES)).context("no such image")?;
            run(&mut connection, namespace, image, number).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    try_join_all(clients).await.map(|_| ())
}

async fn run(connection: &mut Connection, namespace: &str, image: &Image, number: usize) -> Result<()> {
    let path = pods_path(namespace);
    let workload = format!("app-{}-5d8f9c7b6d", number % IMAGES);
    let name = format!("{workload}-{number:05}");
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": workload, "uid": format!("0b7e6f3a-1111-4222-8333-{:012}", number % IMAGES), "controller": true});
    let container = json!({"name": "main", "image": image.by_tag(), "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "ports": [{"containerPort": 8080}], "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}});
    let labels = json!({"app": workload, "pod-template-hash": "5d8f9c7b6d"});
    let metadata = json!({"name": name, "labels": labels, "ownerReferences": [owner]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": format!("node-{}", number % 100), "containers": [container]}});
    connection.create(&path, Bytes::from(pod.to_string())).await?.success().context("a pod was not made")?;
    let status = status(image);
    connection
        .send(Method::PATCH, &format!("{path}/{name}/status"), "application/merge-patch+json", status.to_string().into())
        .await?
        .success()?;
    Ok(())
}

fn status(image: &Image) -> Value {
    let time = "2026-01-01T00:00:00Z";
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": time});
    let conditions: Vec<Value> =
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition).into();
    let container = json!({"name": "main", "image": image.by_tag(), "imageID": image.by_digest(), "ready": true, "started": true, "restartCount": 0,
        "containerID": "containerd://0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "state": {"running": {"startedAt": time}}});
    json!({"status": {"phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}], "startTime": time, "qosClass": "Burstable",
        "conditions": conditions, "containerStatuses": [container]}})
}
