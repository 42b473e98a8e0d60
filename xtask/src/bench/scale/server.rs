//! What the API server says of itself, and the reports in it.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::super::client::Endpoint;

const REPORTS: &str = "/apis/bonafide.dev/v1alpha1/verificationreports";
/// Reports in one answer.
const PAGE: usize = 500;

/// A client that connects for each question: between two of them the API server would close a connection.
pub(super) struct Server {
    runtime: Runtime,
    endpoint: Endpoint,
}

/// Counts at one time.
pub(super) struct Reading {
    /// Reports and Events that were written, by anybody.
    pub writes: f64,
    /// The size of etcd's database.
    pub etcd_bytes: f64,
}

/// What all reports say.
#[derive(Default)]
pub(super) struct Reports {
    /// Of verified pods.
    pub verified: usize,
    /// Of pods that are not.
    pub unverified: usize,
    /// The size of all.
    pub bytes: usize,
}

impl Server {
    pub(super) fn new(endpoint: Endpoint) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, endpoint })
    }

    /// Lets `body` use the client.
    pub(super) fn block_on<T>(&self, body: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(body)
    }

    /// Where to connect.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The counts now.
    pub(super) fn read(&self) -> Result<Reading> {
        let text = String::from_utf8(self.get("/metrics")?.to_vec())?;
        let sum = |of: fn(&str) -> bool| -> f64 {
            text.lines().filter(|line| of(line)).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Ok(Reading { writes: sum(is_write), etcd_bytes: sum(|line| line.starts_with("apiserver_storage_size_bytes{")) })
    }

    /// All reports, read in pages.
    pub(super) fn reports(&self) -> Result<Reports> {
        let mut reports = Reports::default();
        let mut next = String::new();
        loop {
            let list: Value = serde_json::from_slice(&self.get(&format!("{REPORTS}?limit={PAGE}&continue={next}"))?)?;
            for report in list.pointer("/items").and_then(Value::as_array).context("no list")? {
                reports.bytes += report.to_string().len();
                match report.pointer("/status/conditions/0/status").and_then(Value::as_str) {
                    Some("True") => reports.verified += 1,
                    Some("False") => reports.unverified += 1,
                    _ => {}
                }
            }
            list.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default().clone_into(&mut next);
            if next.is_empty() {
                return Ok(reports);
            }
        }
    }

    fn get(&self, path: &str) -> Result<Bytes> {
        self.runtime.block_on(async {
            let mut connection = self.endpoint.connect().await?;
            Ok(connection.send(Method::GET, path, "application/json", Bytes::new()).await?.success()?.body)
        })
    }
}

/// A line that counts writes of reports, or of Events.
fn is_write(line: &str) -> bool {
    let verb = |verb: &str| line.contains(&format!("verb=\"{verb}\""));
    let resource = |resource: &str| line.contains(&format!("resource=\"{resource}\""));
    line.starts_with("apiserver_request_total{")
        && (resource("verificationreports") || resource("events"))
        && ["APPLY", "PATCH", "POST", "PUT", "DELETE", "CREATE", "UPDATE"].into_iter().any(verb)
}
