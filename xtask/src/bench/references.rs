//! A million distinct references, offered to the webhook as the API server would, but without etcd in the way.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::client::{Connection, Endpoint};
use super::nowhere;
use super::stage::{Guarded, Stage};
use super::table::Table;
use super::traffic::Baseline;
use super::usage;

/// References in one review; an object may have as many images.
const PER_REVIEW: u32 = 64;
/// About 100,000 and 1,000,000 references: by the first, everything that is bounded is full.
const EARLY: u32 = 1563;
const ALL: u32 = 15_625;
/// Reviews under way at one time, fewer than an API server would have.
const CLIENTS: u32 = 4;
/// One reference in so many has a digest: it costs three requests to its registry instead of one, and leaves a verdict.
const WITH_DIGEST: u32 = 8;
/// What the allocator may keep beside what is in use.
const FLAT: f64 = 8.0;

/// Every reference is of a repository of its own on a registry that has nothing, and is refused.
pub(super) fn references(guarded: &Guarded, _baseline: &Baseline, table: &mut Table) -> Result<()> {
    let stage = &guarded.stage;
    let registry = nowhere::listen()?;
    let namespace = stage.namespace("references")?;
    let spec = json!({"trustRoots": ["main"], "registry": {"hosts": [{"host": registry, "plainHTTP": true}]}, "cosign": {}});
    let metadata = Stage::metadata("references");
    let validator = json!({"apiVersion": "bonafide.dev/v1alpha1", "kind": "Validator", "metadata": metadata, "spec": spec});
    stage.apply(&[validator, Stage::policy("references", "**", "references", "Deny")], "references")?;
    guarded.restart()?;

    let offer = |reviews: Range<u32>| stage.load.block_on(offer(stage.load.endpoint(), namespace.name(), &registry, reviews));
    offer(0..EARLY)?;
    let early = usage::memory(guarded.pid()?, "VmRSS")?;
    offer(EARLY..ALL)?;
    let late = usage::memory(guarded.pid()?, "VmRSS")?;
    let most = usage::memory(guarded.pid()?, "VmHWM")?;
    let what = format!("1,000,000 distinct references offered: memory above that after 100,000 ({late:.1} MiB, at most {most:.1} MiB)");
    table.at_most(&what, "MiB", FLAT, late - early, &format!("{early:.1} MiB"));
    Ok(())
}

/// Sends these reviews; each must be answered, and refused.
async fn offer(cluster: &Endpoint, namespace: &str, registry: &str, reviews: Range<u32>) -> Result<()> {
    let (webhook, path) = webhook(&mut cluster.connect().await?).await?;
    let share = |client: u32| reviews.clone().filter(move |number| number % CLIENTS == client);
    let clients = (0..CLIENTS).map(async |client| {
        let mut connection = webhook.connect().await?;
        for number in share(client) {
            let answer = connection.send(Method::POST, &path, "application/json", review(namespace, registry, number)).await?.success()?;
            let answer: Value = serde_json::from_slice(&answer.body)?;
            ensure!(answer.pointer("/response/allowed") == Some(&false.into()), "review {number} was admitted: {answer}");
        }
        Ok::<_, anyhow::Error>(())
    });
    futures::future::try_join_all(clients).await.map(|_| ())
}

/// Where the API server is told to find the mutating webhook for objects.
async fn webhook(cluster: &mut Connection) -> Result<(Endpoint, String)> {
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    let answer = cluster.send(Method::GET, path, "application/json", Bytes::new()).await?.success()?;
    let list: Value = serde_json::from_slice(&answer.body)?;
    let config = list.pointer("/items/0/webhooks/0/clientConfig").context("no mutating webhook")?;
    let text = |name: &str| config.get(name).and_then(Value::as_str).with_context(|| format!("a webhook without {name}"));
    let url = text("url")?.strip_prefix("https://").context("a webhook without TLS")?;
    let (authority, path) = url.split_once('/').context("a webhook without a path")?;
    Ok((Endpoint::anonymous(authority, &STANDARD.decode(text("caBundle")?)?)?, format!("/{path}?timeout=10s")))
}

fn review(namespace: &str, registry: &str, number: u32) -> Bytes {
    let first = number * PER_REVIEW;
    let containers: Vec<Value> = (first..first + PER_REVIEW)
        .map(|reference| json!({"name": format!("c{reference}"), "image": image(registry, reference)}))
        .collect();
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "many", "namespace": namespace}, "spec": {"containers": containers}});
    let request = json!({"uid": format!("{number}"), "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"}, "name": "many", "namespace": namespace, "operation": "CREATE",
        "userInfo": {"username": "bench"}, "object": object, "dryRun": false});
    Bytes::from(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string())
}

fn image(registry: &str, number: u32) -> String {
    match number % WITH_DIGEST {
        0 => format!("{registry}/r{number}/app@sha256:{number:064x}"),
        _ => format!("{registry}/r{number}/app:v1"),
    }
}
