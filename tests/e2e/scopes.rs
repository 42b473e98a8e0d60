//! Which reports there are: on pods, on workloads, on failures; changed while the operator runs.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::{Environment, wait};

use crate::Story;
use crate::actions::{condition, deployment};
use crate::images_command::{exits, images};
use crate::support::{OPERATOR, SETTINGS, Stage, admitted, settings, stage};

/// The scope is everybody's.
pub const ALONE: &[Story] = &[
    Story { name: "reports_on_workloads_replace_those_on_pods_and_back", run: reports_on_workloads_replace_those_on_pods_and_back },
    Story { name: "of_failures_a_report_stays_until_its_violation_is_over", run: of_failures_a_report_stays_until_its_violation_is_over },
    Story { name: "without_reports_events_still_tell", run: without_reports_events_still_tell },
    Story { name: "open_reports_say_the_same", run: open_reports_say_the_same },
];

const REPORT: &str = "verificationreports.bonafide.dev";

/// Runs a story with these settings, and without any after it.
fn with(env: &Environment, name: &str, settings: &str, body: impl FnOnce(&Stage<'_>) -> Result<()>) -> Result<()> {
    stage(env, name, |stage| {
        set(stage, settings)?;
        let outcome = body(stage);
        stage.operator().delete(&["configmap", SETTINGS])?;
        outcome
    })
}

fn set(stage: &Stage<'_>, settings: &str) -> Result<()> {
    stage.operator().apply(&self::settings(settings).to_string())
}

/// The reports of the story's namespace.
fn reports(stage: &Stage<'_>) -> Result<Vec<Value>> {
    let list: Value = serde_json::from_str(&stage.namespace.kubectl(&["get", REPORT, "-o", "json"])?)?;
    Ok(list["items"].as_array().context("a list")?.clone())
}

fn until(stage: &Stage<'_>, what: &str, holds: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>> {
    wait::until(what, || {
        let reports = reports(stage)?;
        Ok(holds(&reports).then_some(reports))
    })
}

fn is_on_workload(report: &Value) -> bool {
    report["pod"].is_null() && report["workload"]["kind"] == "ReplicaSet"
}

fn reports_on_workloads_replace_those_on_pods_and_back(env: &Environment) -> Result<()> {
    with(env, "on-workloads", "reports: {scope: Workloads}", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"mode": "Audit"}), &stage.verify_all())?;
        let image = stage.signed("web", &["build"])?;
        stage.namespace.apply(&deployment("web", &image.by_tag(), 2).to_string())?;
        let pods = |reports: &[Value], pods: u64| {
            let [report] = reports else { return false };
            is_on_workload(report) && report.pointer("/status/images/0/pods") == Some(&json!(pods))
        };
        let found = until(stage, "one report on two pods", |reports| pods(reports, 2))?;
        let report = found.first().context("the report")?;
        ensure!(condition(report, "Verified", "True").is_some(), "{report:#}");
        let owner = report.pointer("/metadata/ownerReferences/0").context("an owner")?;
        ensure!(owner["kind"] == "ReplicaSet" && owner["name"] == report["workload"]["name"], "{owner:#}");
        ensure!(owner["blockOwnerDeletion"].is_null() && owner["controller"] == false, "{owner:#}");
        let name = report["metadata"]["name"].as_str().context("a name")?;
        ensure!(name.starts_with(&format!("replicaset-{}-", owner["name"].as_str().unwrap_or_default())), "{name}");
        let told = exits(&images(env, &["--namespace", stage.namespace.name(), "--output", "json"])?, 0)?;
        let told: Value = serde_json::from_str(&told)?;
        ensure!(told.pointer("/images/0/pods") == Some(&json!(2)), "{told:#}");

        // A pod that nobody controls has its own.
        admitted(stage.pod("bare", &image.by_tag())?)?;
        until(stage, "a report on a bare pod", |reports| {
            reports.len() == 2 && reports.iter().filter(|report| is_on_workload(report)).count() == 1
        })?;
        stage.namespace.kubectl(&["delete", REPORT, name, OPERATOR, "--wait=false"])?;
        until(stage, "the report to be made anew", |reports| {
            reports.iter().any(|found| is_on_workload(found) && found["metadata"]["uid"] != report["metadata"]["uid"])
        })?;

        set(stage, "reports: {scope: Pods}")?;
        until(stage, "a report per pod", |reports| reports.len() == 3 && reports.iter().all(|report| report["pod"]["uid"].is_string()))?;
        set(stage, "reports: {scope: Workloads}")?;
        until(stage, "a report per workload", |reports| reports.len() == 2)?;
        stage.namespace.kubectl(&["scale", "deployment/web", "--replicas=0"])?;
        until(stage, "the report to go with the last pod", |reports| reports.len() == 1 && !reports.iter().any(is_on_workload)).map(drop)
    })
}

fn of_failures_a_report_stays_until_its_violation_is_over(env: &Environment) -> Result<()> {
    with(env, "on-failures", "reports: {scope: Failures, keepClosed: 20s}", |stage| {
        stage.trust(&["build", "qa"])?;
        stage.verified_by("build", &json!({"mode": "Audit"}))?;
        admitted(stage.pod("web", &stage.signed("web", &["build"])?.by_tag())?)?;
        admitted(stage.pod("stranger", &stage.unsigned("stranger")?.by_tag())?)?;
        until(stage, "only the stranger to be reported", |reports| {
            reports.len() == 1 && reports.iter().all(|report| report["metadata"]["name"] == "stranger")
        })?;
        stage.verified_by("qa", &json!({"mode": "Audit"}))?;
        let violation = |report: &Value| report.pointer("/status/violations/0").cloned().unwrap_or_default();
        let opened = stage.namespace.wait_until(&[REPORT, "web"], |report| violation(report)["reason"] == "UntrustedSigner")?;
        ensure!(violation(&opened)["opened"].is_string() && violation(&opened)["closed"].is_null(), "{opened:#}");
        stage.verified_by("build", &json!({"mode": "Audit"}))?;
        let closed = stage.namespace.wait_until(&[REPORT, "web"], |report| violation(report)["closed"].is_string())?;
        ensure!(
            condition(&closed, "Verified", "True").is_some() && violation(&closed)["opened"] == violation(&opened)["opened"],
            "{closed:#}"
        );
        stage.namespace.wait_absent(&[REPORT, "web"])?;
        ensure!(stage.namespace.get(&[REPORT, "stranger"])?.is_some(), "it is still one");
        Ok(())
    })
}

fn without_reports_events_still_tell(env: &Environment) -> Result<()> {
    with(env, "unreported-pods", "reports: {scope: Off}", |stage| {
        stage.trust(&["build"])?;
        stage.policy("policy", &json!({"mode": "Audit"}), &stage.verify_all())?;
        admitted(stage.pod("stranger", &stage.unsigned("stranger")?.by_tag())?)?;
        wait::until("an Event", || {
            let events: Value = serde_json::from_str(&stage.namespace.kubectl(&["get", "events.events.k8s.io", "-o", "json"])?)?;
            let mut events = events["items"].as_array().into_iter().flatten();
            Ok(events.any(|event| event["reason"] == "NoSignature" && event["regarding"]["name"] == "stranger").then_some(()))
        })?;
        ensure!(reports(stage)?.is_empty(), "a report");
        set(stage, "reports: {scope: Pods}")?;
        stage.namespace.wait_until(&[REPORT, "stranger"], |report| condition(report, "Verified", "False").is_some()).map(drop)
    })
}

/// As much of the kind as its users rely on.
fn open_reports_kind() -> Value {
    let open = |properties: Value| json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": properties});
    let text = || json!({"type": "string"});
    let integer = || json!({"type": "integer"});
    let outcome = json!({"type": "string", "enum": ["pass", "fail", "warn", "error", "skip"]});
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let result = json!({"type": "object", "required": ["policy"], "properties": {
        "source": text(), "policy": text(), "rule": text(), "category": text(), "result": outcome, "scored": {"type": "boolean"},
        "message": text(), "properties": texts, "timestamp": {"type": "object", "properties": {"seconds": integer(), "nanos": integer()}}}});
    let summary: serde_json::Map<String, Value> =
        ["pass", "fail", "warn", "error", "skip"].map(|key| (key.to_owned(), integer())).into_iter().collect();
    let schema = json!({"type": "object", "properties": {
        "source": text(), "scope": open(json!({"kind": text()})), "summary": {"type": "object", "properties": summary},
        "results": {"type": "array", "items": result}}});
    let version = json!({"name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "reports.openreports.io"},
           "spec": {"group": "openreports.io", "scope": "Namespaced", "versions": [version],
                    "names": {"kind": "Report", "listKind": "ReportList", "plural": "reports", "singular": "report", "shortNames": ["reps"]}}})
}

const OPEN: &str = "reports.openreports.io";

fn open_reports_say_the_same(env: &Environment) -> Result<()> {
    with(env, "open-reports", "reports: {openReports: false}", |stage| {
        stage.operator().apply(&open_reports_kind().to_string())?;
        stage.operator().wait(&["--for=condition=Established", "crd/reports.openreports.io"])?;
        let role = testbed::repository().join("manifests/rbac/optional/open-reports.yaml");
        stage.operator().kubectl(&["apply", "--server-side", "-f", &role.display().to_string()])?;
        set(stage, "reports: {openReports: true}")?;
        stage.trust(&["build", "qa"])?;
        stage.verified_by("build", &json!({"mode": "Audit"}))?;
        admitted(stage.pod("web", &stage.signed("web", &["build"])?.by_tag())?)?;
        let pod = stage.namespace.get(&["pod", "web"])?.context("the pod")?;
        let name = format!("bonafide-{}", pod["metadata"]["uid"].as_str().context("a uid")?);
        let says =
            |result: &str| stage.namespace.wait_until(&[OPEN, &name], |report| report.pointer("/results/0/result") == Some(&json!(result)));
        let good = says("pass")?;
        let of = |report: &Value, pointer: &str| report.pointer(pointer).cloned().unwrap_or_default();
        ensure!(of(&good, "/source") == "bonafide" && of(&good, "/scope/uid") == pod["metadata"]["uid"], "{good:#}");
        ensure!(of(&good, "/summary") == json!({"pass": 1, "fail": 0, "warn": 0, "error": 0, "skip": 0}), "{good:#}");
        let report = stage.namespace.get(&[REPORT, "web"])?.context("our report")?;
        ensure!(of(&good, "/results/0/properties/image") == of(&report, "/status/images/0/image"), "{good:#}");
        stage.verified_by("qa", &json!({"mode": "Audit"}))?;
        let bad = says("fail")?;
        let id = "/results/0/properties/resultID";
        ensure!(of(&bad, id).is_string() && of(&bad, id) == of(&good, id), "the ID of a result stays: {bad:#}");

        let lie = json!([{"op": "replace", "path": "/results/0/result", "value": "pass"}]).to_string();
        stage.namespace.kubectl(&["patch", OPEN, &name, "--type=json", "-p", &lie])?;
        says("fail")?;
        stage.namespace.kubectl(&["delete", OPEN, &name, "--wait=false"])?;
        let uid = of(&bad, "/metadata/uid");
        stage.namespace.wait_until(&[OPEN, &name], |report| of(report, "/metadata/uid") != uid)?;
        set(stage, "reports: {openReports: false}")?;
        stage.namespace.wait_absent(&[OPEN, &name])?;
        ensure!(stage.namespace.get(&[REPORT, "web"])?.is_some(), "ours stays");
        Ok(())
    })
}
