//! What people load into Prometheus and Grafana: the alerts wait as long as they should, by Prometheus' own tool; no copy
//! differs from its source; the dashboard can be drawn; and the guide explains every alert.
//!
//! That the metrics exist is a story of e2e: only the operator that runs knows what it serves.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a failed assertion is how a test fails")]

mod dashboard;

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use testbed::{repository, tools};

const ALERTS: &str = "manifests/monitoring/alerts.yaml";
const TESTS: &str = "tests/monitoring/alerts.yaml";
const SCRAPE: &str = "manifests/monitoring/scrape.yaml";
const POD_MONITOR: &str = "manifests/monitoring/operator/pod-monitor.yaml";
const GUIDE: &str = "docs/monitoring.md";

#[test]
fn prometheus_takes_the_alerts_and_the_scrape_configuration() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", ALERTS]);
    promtool(&["check", "config", "--lint=all", "--lint-fatal", SCRAPE]);
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    promtool(&["test", "rules", TESTS]);
    let tests = yaml(TESTS);
    let tests = tests["tests"].as_array().expect("tests");
    assert_eq!(tests[0]["name"], "a healthy installation is silent");
    for (name, _) in alerts() {
        assert!(tests.iter().any(|test| fires(test, &name)), "no test fires {name}");
    }
}

/// Whether a test expects this alert to fire.
fn fires(test: &Value, alert: &str) -> bool {
    let list = |name: &str| test[name].as_array().into_iter().flatten();
    let by_expression = list("promql_expr_test").any(|case| {
        let samples = case["exp_samples"].as_array().cloned().unwrap_or_default();
        let named = |text: &Value| text.as_str().is_some_and(|text| text.contains(&format!("alertname=\"{alert}\"")));
        !samples.is_empty() && (named(&case["expr"]) || samples.iter().any(|sample| named(&sample["labels"])))
    });
    by_expression || list("alert_rule_test").any(|case| case["alertname"] == alert && case["exp_alerts"].is_array())
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do() {
    for (name, alert) in alerts() {
        let text = |pointer: &str| alert.pointer(pointer).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        assert!(["critical", "warning"].contains(&text("/labels/severity").as_str()), "{name} has no severity");
        assert!(!text("/annotations/summary").is_empty(), "{name} has no summary");
        assert!(text("/annotations/description").len() > 100, "{name} does not say what to do");
    }
}

#[test]
fn the_guide_explains_exactly_the_alerts_that_there_are() {
    let guide = read(GUIDE);
    let explained: Vec<&str> = guide.lines().filter_map(|line| line.strip_prefix("### Bonafide")).collect();
    let there: Vec<String> = alerts().into_iter().map(|(name, _)| name.replacen("Bonafide", "", 1)).collect();
    assert_eq!(explained, there);
}

#[test]
fn what_scrapes_names_the_job_as_the_alerts_do_and_leaves_labels_alone() {
    let scrape = &yaml(SCRAPE)["scrape_configs"][0];
    assert_eq!((&scrape["job_name"], &scrape["honor_labels"]), (&"bonafide".into(), &true.into()));
    let monitor = yaml(POD_MONITOR);
    let deployment = yaml("manifests/deploy/10-deployment.yaml");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let job = monitor["spec"]["jobLabel"].as_str().expect("a label");
    assert_eq!(labels[job], "bonafide");
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    assert_eq!(endpoint["honorLabels"], true);
    // Both find the pods and the port of the Deployment.
    assert_eq!(monitor["spec"]["selector"]["matchLabels"], *labels);
    assert_eq!(monitor["metadata"]["namespace"], deployment["metadata"]["namespace"]);
    let ports = deployment["spec"]["template"]["spec"]["containers"][0]["ports"].as_array().expect("ports");
    assert!(ports.iter().any(|port| port["name"] == endpoint["port"]));
    assert_eq!(scrape["relabel_configs"][0]["regex"], endpoint["port"]);
    assert_eq!(scrape["kubernetes_sd_configs"][0]["namespaces"]["names"][0], deployment["metadata"]["namespace"]);
}

#[test]
fn the_prometheus_operator_gets_the_same_alerts() {
    let rule = yaml("manifests/monitoring/operator/prometheus-rule.yaml");
    assert_eq!((&rule["kind"], &rule["spec"]), (&"PrometheusRule".into(), &yaml(ALERTS)));
}

/// All alerts by name, in the order of the file.
fn alerts() -> Vec<(String, Value)> {
    let groups = yaml(ALERTS);
    let groups = groups["groups"].as_array().expect("groups").clone();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone());
    let alerts: Vec<_> = rules.map(|rule| (rule["alert"].as_str().expect("an alert").to_owned(), rule)).collect();
    assert!(alerts.len() >= 16, "alerts are not found any more");
    assert_eq!(alerts.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), alerts.len(), "an alert is there twice");
    alerts
}

/// Runs it in the repository; a failure shows what it printed.
fn promtool(arguments: &[&str]) {
    let program = tools::PROMTOOL.path().expect("promtool");
    let output = Command::new(program).args(arguments).current_dir(repository()).output().expect("promtool runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).expect("YAML")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).expect("a readable file")
}
