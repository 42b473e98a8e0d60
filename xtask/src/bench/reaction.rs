//! How soon a change is enforced: from sending it to the first pod that is judged by it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};
use testbed::OPERATOR_NAMESPACE;

use super::client::Connection;
use super::figures::{millis, percentile};
use super::load::{Load, pod, pods_path};
use super::stage::{Guarded, Stage};
use super::table::Table;
use super::traffic::Baseline;

const PATIENCE: Duration = Duration::from_mins(1);

/// A policy that allows what no rule matches, or denies it.
pub(super) fn policy(guarded: &Guarded, _baseline: &Baseline, table: &mut Table) -> Result<()> {
    const LABEL: &str = "policy";
    let stage = &guarded.stage;
    let namespace = stage.namespace(LABEL)?;
    stage.apply(&[Stage::policy(LABEL, "registry.example.com/**", "main", "Allow")], LABEL)?;
    let path = format!("/apis/bonafide.dev/v1alpha1/namespaces/{OPERATOR_NAMESPACE}/imagepolicies/{LABEL}");
    let change = |refuse: bool| json!({"spec": {"unmatched": if refuse { "Deny" } else { "Allow" }}});
    let probe = Probe { namespace: namespace.name(), image: &stage.hot };
    let delays = probe.toggle(&stage.load, &path, 40, change)?;
    let what = format!("policy change to enforcement: p95 (p50 {:.0} ms)", millis(percentile(&delays, 50)));
    table.at_most(&what, "ms", 100.0, millis(percentile(&delays, 95)), "-");
    Ok(())
}

/// The key of the only signer in a Secret, or another one.
pub(super) fn key(guarded: &Guarded, _baseline: &Baseline, table: &mut Table) -> Result<()> {
    const LABEL: &str = "key";
    let stage = &guarded.stage;
    let namespace = stage.namespace(LABEL)?;
    let other = stage.cosign.key("other")?.public_pem;
    let data = |pem: &str| json!({"cosign.pub": STANDARD.encode(pem)});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": Stage::metadata(LABEL), "data": data(&stage.key.public_pem)});
    let key = json!({"name": "key", "secretKeyRef": {"name": LABEL, "key": "cosign.pub"}});
    let objects = [secret, Stage::trust_root(LABEL, &key), stage.validator(LABEL), Stage::policy(LABEL, "**", LABEL, "Deny")];
    stage.apply(&objects, LABEL)?;
    let path = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/secrets/{LABEL}");
    let change = |refuse: bool| json!({"data": data(if refuse { &other } else { &stage.key.public_pem })});
    let probe = Probe { namespace: namespace.name(), image: &stage.hot };
    let delays = probe.toggle(&stage.load, &path, 20, change)?;
    let what = format!("key Secret changed to enforcement: p95 (p50 {:.0} ms)", millis(percentile(&delays, 50)));
    table.at_most(&what, "ms", 2000.0, millis(percentile(&delays, 95)), "-");
    Ok(())
}

/// A pod that is asked for again and again, never made.
struct Probe<'a> {
    namespace: &'a str,
    image: &'a str,
}

impl Probe<'_> {
    /// Changes an object so that the pod is refused, then so that it is admitted, and so on; the delays of the refusals,
    /// ascending.
    fn toggle(&self, load: &Load, path: &str, times: usize, change: impl Fn(bool) -> Value) -> Result<Vec<Duration>> {
        load.block_on(async {
            let mut connection = load.endpoint().connect().await?;
            self.until(&mut connection, false).await?;
            let mut delays = Vec::new();
            for _ in 0..times {
                let start = Instant::now();
                connection.patch(path, &change(true)).await?;
                self.until(&mut connection, true).await?;
                delays.push(start.elapsed());
                connection.patch(path, &change(false)).await?;
                self.until(&mut connection, false).await?;
            }
            delays.sort_unstable();
            Ok(delays)
        })
    }

    /// Asks until the answer is as it should become.
    async fn until(&self, connection: &mut Connection, refused: bool) -> Result<()> {
        let path = format!("{}?dryRun=All", pods_path(self.namespace));
        let pod = pod("probe", &[self.image.to_owned()]);
        let start = Instant::now();
        loop {
            let answer = connection.create(&path, pod.clone()).await?;
            if (answer.status == StatusCode::FORBIDDEN) == refused {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "the change was not enforced: {}", String::from_utf8_lossy(&answer.body));
        }
    }
}
