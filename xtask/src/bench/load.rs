//! Pods made by many clients at once, and how long each took.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::client::{Connection, Endpoint};
use super::figures::percentile;

/// Makes and deletes pods; each pod of its life has a name of its own.
pub(super) struct Load {
    runtime: Runtime,
    endpoint: Endpoint,
    made: AtomicUsize,
}

/// How a run went; every pod was admitted.
pub(super) struct Run {
    /// One per pod, ascending.
    pub latencies: Vec<Duration>,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Run {
    /// The median latency.
    pub(super) fn p50(&self) -> Duration {
        percentile(&self.latencies, 50)
    }

    /// 99 of 100 pods took at most this.
    pub(super) fn p99(&self) -> Duration {
        percentile(&self.latencies, 99)
    }

    /// Pods per second.
    pub(super) fn throughput(&self) -> f64 {
        u32::try_from(self.latencies.len()).map_or(0.0, f64::from) / self.took.as_secs_f64()
    }
}

impl Load {
    /// One thread: the load is light beside what it causes, and both cores are for that.
    pub(super) fn new(endpoint: Endpoint) -> Result<Self> {
        Ok(Self { runtime: Builder::new_current_thread().enable_all().build()?, endpoint, made: AtomicUsize::new(0) })
    }

    /// Lets `body` use the client.
    pub(super) fn block_on<T>(&self, body: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(body)
    }

    /// Where to connect.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// `clients` that together make `count` pods of these images as fast as each gets its answers.
    pub(super) fn pods(&self, namespace: &str, images: &[String], clients: usize, count: usize) -> Result<Run> {
        let first = self.made.fetch_add(count, Ordering::Relaxed);
        let pods: Vec<Bytes> = (first..first + count).map(|number| pod(&format!("pod-{number}"), images)).collect();
        self.runtime.block_on(run(&self.endpoint, &pods_path(namespace), pods, clients))
    }

    /// Makes one pod.
    pub(super) fn pod(&self, namespace: &str, images: &[String]) -> Result<Duration> {
        self.pods(namespace, images, 1, 1).map(|run| run.took)
    }

    /// Deletes all pods of a namespace at once, and lets whoever watches them come to rest.
    pub(super) fn clear(&self, namespace: &str) -> Result<()> {
        self.block_on(async {
            let mut connection = self.endpoint.connect().await?;
            let path = format!("{}?gracePeriodSeconds=0", pods_path(namespace));
            connection.send(Method::DELETE, &path, "application/json", Bytes::new()).await?.success()?;
            rest().await;
            Ok(())
        })
    }

    /// Waits until those who watch pods have probably come to rest.
    pub(super) fn rest(&self) {
        self.runtime.block_on(rest());
    }
}

/// The collection of a namespace's pods.
pub(super) fn pods_path(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

/// A pod as users write it, one container per image.
pub(super) fn pod(name: &str, images: &[String]) -> Bytes {
    let container = |(number, image): (usize, &String)| {
        json!({"name": format!("c{number}"), "image": image, "ports": [{"containerPort": 8080}],
               "env": [{"name": "LOG_LEVEL", "value": "info"}], "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}})
    };
    let containers: Vec<Value> = images.iter().enumerate().map(container).collect();
    let metadata = json!({"name": name, "labels": {"app": "bench", "part": "web"}});
    Bytes::from(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}).to_string())
}

async fn rest() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

async fn run(endpoint: &Endpoint, path: &str, pods: Vec<Bytes>, clients: usize) -> Result<Run> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(endpoint.connect().await?);
    }
    let shared = Arc::new((AtomicUsize::new(0), pods, path.to_owned()));
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for connection in connections {
        tasks.spawn(client(connection, shared.clone()));
    }
    let mut latencies = Vec::new();
    while let Some(of_one) = tasks.join_next().await {
        latencies.extend(of_one??);
    }
    let took = start.elapsed();
    latencies.sort_unstable();
    ensure!(latencies.len() == shared.1.len(), "{} of {} pods were made", latencies.len(), shared.1.len());
    Ok(Run { latencies, took })
}

async fn client(mut connection: Connection, shared: Arc<(AtomicUsize, Vec<Bytes>, String)>) -> Result<Vec<Duration>> {
    let (next, pods, path) = &*shared;
    let mut latencies = Vec::new();
    while let Some(pod) = pods.get(next.fetch_add(1, Ordering::Relaxed)) {
        let start = Instant::now();
        let answer = connection.create(path, pod.clone()).await?;
        latencies.push(start.elapsed());
        answer.success().context("a pod was not made")?;
    }
    Ok(latencies)
}
