//! Prometheus and Alertmanager on loopback, with the alerts that we ship. Both end with their values.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::directory::{Directory, repository};
use crate::ports::free_port;
use crate::process::Process;
use crate::tools::{ALERTMANAGER, PROMETHEUS};
use crate::wait;

/// Keeps what Prometheus sends; nobody is notified.
#[derive(Debug)]
pub struct Alertmanager(Server);

/// Scrapes and evaluates every second: what a rule waits for takes as long as anywhere.
#[derive(Debug)]
pub struct Prometheus(Server);

/// One value of an instant vector, with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The labels, as an object.
    pub labels: Value,
    /// The value.
    pub value: f64,
}

#[derive(Debug)]
struct Server {
    address: String,
    _process: Process,
    _directory: Directory,
}

impl Alertmanager {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let config = json!({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]});
        let mut command = Command::new(ALERTMANAGER.path()?);
        // Without a cluster of Alertmanagers.
        command.arg("--cluster.listen-address=");
        Ok(Self(Server::start("alertmanager", command, &config, "--storage.path")?))
    }

    /// Where alerts are sent to.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The alerts that fire.
    pub fn alerts(&self) -> Result<Vec<Value>> {
        match self.0.get("/api/v2/alerts", &[("active", "true")])? {
            Value::Array(alerts) => Ok(alerts),
            other => bail!("Alertmanager's alerts are no list: {other}"),
        }
    }

    /// The alert of this name about a namespace, if it fires.
    pub fn alert(&self, name: &str, namespace: &str) -> Result<Option<Value>> {
        let has = |alert: &Value, label: &str, value: &str| alert.pointer(label).and_then(Value::as_str) == Some(value);
        let ours = |alert: &Value| has(alert, "/labels/alertname", name) && has(alert, "/labels/namespace", namespace);
        Ok(self.alerts()?.into_iter().find(ours))
    }
}

impl Prometheus {
    /// Starts one with our alerts that scrapes one operator, given by its admin address.
    pub fn start(operator: &str, alertmanager: &Alertmanager) -> Result<Self> {
        let of = |address: &str| json!([{"targets": [address]}]);
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [repository().join("manifests/monitoring/alerts.yaml")],
            "scrape_configs": [{"job_name": "bonafide", "honor_labels": true, "static_configs": of(operator)}],
            "alerting": {"alertmanagers": [{"static_configs": of(&alertmanager.0.address)}]},
        });
        let command = Command::new(PROMETHEUS.path()?);
        Ok(Self(Server::start("prometheus", command, &config, "--storage.tsdb.path")?))
    }

    /// Where it answers queries, also those of a page in a browser.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// What an expression says now.
    pub fn query(&self, expression: &str) -> Result<Vec<Sample>> {
        let answer = self.0.get("/api/v1/query", &[("query", expression)]).with_context(|| expression.to_owned())?;
        let result = answer.pointer("/data/result").and_then(Value::as_array).with_context(|| format!("no result: {answer}"))?;
        result.iter().map(|sample| Sample::read(sample).with_context(|| format!("no vector: {sample}"))).collect()
    }

    /// Whether an alert fires that has this label.
    pub fn fires(&self, alert: &str, label: &str, value: &str) -> Result<bool> {
        let firing = format!("ALERTS{{alertname={alert:?}, alertstate=\"firing\", {label}={value:?}}}");
        Ok(!self.query(&firing)?.is_empty())
    }

    /// The alerts that it has loaded, as its API shows them.
    pub fn rules(&self) -> Result<Vec<Value>> {
        let answer = self.0.get("/api/v1/rules", &[])?;
        let groups = answer.pointer("/data/groups").and_then(Value::as_array).context("no groups")?;
        Ok(groups.iter().filter_map(|group| group.get("rules")?.as_array()).flatten().cloned().collect())
    }
}

impl Sample {
    fn read(sample: &Value) -> Option<Self> {
        let value = sample.pointer("/value/1")?.as_str()?.parse().ok()?;
        Some(Self { labels: sample.get("metric")?.clone(), value })
    }
}

impl Server {
    /// JSON is YAML, so the configuration is written as such.
    fn start(name: &str, mut command: Command, config: &Value, data: &str) -> Result<Self> {
        let directory = Directory::temporary()?;
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("config.yml"), format!("{config:#}"))?;
        let address = format!("127.0.0.1:{}", free_port()?);
        command.arg("--config.file").arg(path("config.yml")).arg(data).arg(path("data"));
        command.args(["--web.listen-address", &address, "--log.level", "warn"]);
        let process = Self::ready(name, command, &path(&format!("{name}.log")), &address)?;
        Ok(Self { address, _process: process, _directory: directory })
    }

    fn ready(name: &str, command: Command, log: &Path, address: &str) -> Result<Process> {
        let mut process = Process::start(name, command, log)?;
        let url = format!("http://{address}/-/ready");
        wait::until(&format!("{name} to be ready"), || {
            process.check_alive()?;
            Ok(ureq::get(&url).call().ok().map(|_| ()))
        })?;
        Ok(process)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let request = ureq::get(&format!("{}{path}", self.url())).query_pairs(query.iter().copied());
        // The body of an error says what is wrong with the expression.
        let mut answer = request.config().http_status_as_error(false).build().call()?;
        let (status, text) = (answer.status(), answer.body_mut().read_to_string()?);
        if !status.is_success() {
            bail!("{path} answered {status}: {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }
}

/// The queries of rules or of a dashboard: texts called `expr`, wherever they are.
pub fn queries(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let own = members.get("expr").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(queries)).collect()
        }
        Value::Array(items) => items.iter().flat_map(queries).collect(),
        _ => vec![],
    }
}
