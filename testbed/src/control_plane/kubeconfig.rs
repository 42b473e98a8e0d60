//! Kubeconfig files: whom to be, at which API server.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::kubectl::Kubectl;

/// Writes a kubeconfig with a bearer token; the certificate authority is PEM.
pub(super) fn write(path: &Path, server: &str, authority: &[u8], token: &str) -> Result<()> {
    // The data form travels: the file works wherever it is copied to.
    let authority = STANDARD.encode(authority);
    write_entries(path, &json!({"server": server, "certificate-authority-data": authority}), token)
}

/// Asks for a token of a service account, valid for a day, and writes a kubeconfig for the same cluster with it.
pub fn write_for_service_account(admin: &Kubectl, namespace: &str, name: &str, path: &Path) -> Result<()> {
    let token = admin.run(&["create", "token", name, "-n", namespace, "--duration=24h"])?;
    let view = admin.run(&["config", "view", "--raw", "--flatten", "--minify", "-o", "json"])?;
    let view: Value = serde_json::from_str(&view)?;
    let cluster = view.pointer("/clusters/0/cluster").context("the administrator's kubeconfig names no cluster")?;
    write_entries(path, cluster, token.trim())
}

fn write_entries(path: &Path, cluster: &Value, token: &str) -> Result<()> {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": "testbed", "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "testbed"}}],
    });
    // JSON is YAML.
    std::fs::write(path, serde_json::to_string_pretty(&config)?).with_context(|| format!("cannot write {}", path.display()))
}
