//! What a request leaves behind: in the operator's log, the API server's audit log, and the pod's report.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{Environment, wait};

use crate::Story;
use crate::support::{admitted, refused, stage};

pub const STORIES: &[Story] = &[
    Story { name: "request_is_followed_by_its_uid_from_log_to_audit_log_to_report", run: request_is_followed_by_its_uid },
    Story { name: "hostile_image_is_one_escaped_line_of_log_and_audit_log", run: hostile_image_is_one_escaped_line },
];

/// The API server writes the webhook's name before the keys of its annotations.
const WEBHOOK: &str = "pods.bonafide.dev/";

fn request_is_followed_by_its_uid(env: &Environment) -> Result<()> {
    stage(env, "traced", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = stage.signed("web", &["build"])?;
        admitted(stage.pod("web", &image.by_tag())?)?;
        let namespace = stage.namespace.name();
        let annotations = annotations(env, |event| is_about(event, namespace, "web"))?;
        let annotation = |key: &str| annotations.get(&format!("{WEBHOOK}{key}")).and_then(Value::as_str).context(key.to_owned());
        ensure!(annotation("verdict")? == "admitted" && annotation("images")?.contains(&image.digest), "{annotations:?}");

        let line = line(env.operator.log(), |line| line["uid"] == annotation("uid").unwrap_or_default())?;
        ensure!(line["pass"] == "Validate" && line["outcome"] == "Admitted" && line["name"] == "web", "{line:#}");
        ensure!(line["namespace"] == namespace && line["object"] == annotation("object")?, "{line:#}");

        let report = stage.namespace.wait_until(&["verificationreports.bonafide.dev", "web"], |_| true)?;
        ensure!(report["pod"]["uid"] == annotation("object")?, "{report:#}");
        Ok(())
    })
}

fn hostile_image_is_one_escaped_line(env: &Environment) -> Result<()> {
    stage(env, "hostile-text", |stage| {
        stage.trust(&["build"])?;
        stage.enforce()?;
        let image = "r.example.com/a\u{1b}[2J\n{\"outcome\": \"Admitted\"}";
        let denial = refused(stage.pod("web", image)?, &["ImageInvalid"])?;
        ensure!(!denial.contains('\u{1b}'), "{denial:?}");
        let namespace = stage.namespace.name();
        let line = line(env.operator.log(), |line| line["namespace"] == namespace && line["outcome"] == "Refused")?;
        let shown = line["images"].as_str().unwrap_or_default();
        ensure!(shown.contains("r.example.com/a") && !shown.contains('\u{1b}') && !shown.contains('\n'), "{line:#}");
        let annotations = annotations(env, |event| event["objectRef"]["namespace"] == namespace)?;
        let told = annotations.values().filter_map(Value::as_str).collect::<Vec<_>>().concat();
        ensure!(told.contains("refused") && !told.contains('\u{1b}'), "{annotations:?}");
        Ok(())
    })
}

fn is_about(event: &Value, namespace: &str, name: &str) -> bool {
    event["objectRef"]["namespace"] == namespace && event["objectRef"]["name"] == name && event["verb"] == "create"
}

/// The annotations of an event of the audit log, which is written a moment after the answer.
fn annotations(env: &Environment, wanted: impl Fn(&Value) -> bool) -> Result<serde_json::Map<String, Value>> {
    let event = line(&env.control_plane.audit_log(), |event| wanted(event) && event["annotations"].is_object())?;
    event["annotations"].as_object().cloned().context("annotations")
}

/// The first line of a file of JSON lines that is wanted.
fn line(path: &Path, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    wait::until(&format!("a line of {}", path.display()), || {
        let lines = std::fs::read_to_string(path)?;
        Ok(lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| wanted(line)))
    })
}
