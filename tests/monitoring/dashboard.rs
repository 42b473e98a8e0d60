//! The dashboard is one that Grafana can draw, and every query is one that Prometheus understands.

use std::collections::BTreeSet;

use serde_json::Value;
use testbed::queries;

use crate::{promtool, read};

const DASHBOARD: &str = "manifests/monitoring/dashboard.json";
/// Columns of Grafana's grid.
const WIDTH: u64 = 24;

fn dashboard() -> Value {
    serde_json::from_str(&read(DASHBOARD)).expect("JSON")
}

fn panels(dashboard: &Value) -> Vec<Value> {
    dashboard["panels"].as_array().expect("panels").clone()
}

#[test]
fn panels_have_a_title_a_place_of_their_own_and_something_to_show() {
    let dashboard = dashboard();
    assert!(dashboard["uid"].is_string() && dashboard["title"].is_string() && dashboard["schemaVersion"].is_u64());
    let panels = panels(&dashboard);
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len(), "an id is there twice");
    let mut taken = BTreeSet::new();
    for panel in &panels {
        let title = panel["title"].as_str().expect("a title");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a place"));
        assert!(w > 0 && h > 0 && x + w <= WIDTH, "{title} is outside of the grid");
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
            assert!(taken.insert(cell), "{title} covers another panel at {cell:?}");
        }
        let known = ["row", "stat", "timeseries", "table"].contains(&panel["type"].as_str().unwrap_or_default());
        assert!(known, "{title} is of an unknown type");
        assert_eq!(panel["targets"].as_array().is_none_or(Vec::is_empty), panel["type"] == "row", "{title}");
    }
}

#[test]
fn every_query_can_be_parsed_and_asks_the_chosen_data_source() {
    let dashboard = dashboard();
    let mut queries = 0;
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries += 1;
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
            promtool(&["--experimental", "promql", "format", &filled_in(target["expr"].as_str().expect("a query"))]);
        }
    }
    assert!(queries > 20, "queries are not found any more");
}

#[test]
fn every_variable_that_a_query_uses_is_defined() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let defined: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().expect("a name")).collect();
    assert_eq!(defined, ["datasource", "namespace"]);
    for query in queries(&dashboard) {
        let rest = filled_in(&query);
        assert!(!rest.contains('$'), "{rest}");
    }
}

/// A query as Grafana sends it when all namespaces are chosen.
fn filled_in(query: &str) -> String {
    query.replace("$__rate_interval", "2m").replace("$namespace", ".*")
}
