//! What two calls and a patch cost when the webhook does nothing: the difference to it is ours.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::client::{Connection, Endpoint};
use super::stage::Guarded;
use super::table::Table;
use super::traffic::{self, Baseline};
use super::yes;

/// The configurations that the operator made, pointed at a webhook that does nothing; the operator is gone then.
pub(super) fn floor(guarded: &Guarded, baseline: &Baseline, table: &mut Table) -> Result<()> {
    let stage = &guarded.stage;
    let (address, certificate) = yes::listen(&stage.pinned)?;
    guarded.end()?;
    stage.load.block_on(point_at(stage.load.endpoint(), &address, &certificate))?;
    traffic::beside(stage, &stage.hot, baseline, "by a webhook that only says yes", table)
}

async fn point_at(cluster: &Endpoint, address: &str, certificate: &str) -> Result<()> {
    let mut connection = cluster.connect().await?;
    for (kind, path) in [("mutatingwebhookconfigurations", yes::MUTATE), ("validatingwebhookconfigurations", "/validate")] {
        let config = json!({"url": format!("https://{address}{path}"), "caBundle": STANDARD.encode(certificate)});
        redirect(&mut connection, kind, &config).await?;
    }
    Ok(())
}

async fn redirect(connection: &mut Connection, kind: &str, client_config: &Value) -> Result<()> {
    let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}");
    let answer = connection.send(Method::GET, &path, "application/json", Bytes::new()).await?.success()?;
    let mut list: Value = serde_json::from_slice(&answer.body)?;
    let found = list.pointer_mut("/items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    ensure!(!found.is_empty(), "there are no {kind}");
    for mut configuration in found {
        for webhook in configuration.pointer_mut("/webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(config) = webhook.pointer_mut("/clientConfig") {
                *config = client_config.clone();
            }
        }
        let name = configuration.pointer("/metadata/name").and_then(Value::as_str).context("a configuration without a name")?;
        let path = format!("{path}/{name}");
        connection.send(Method::PUT, &path, "application/json", configuration.to_string().into()).await?.success()?;
    }
    Ok(())
}
