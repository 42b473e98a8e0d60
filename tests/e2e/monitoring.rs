//! The alerts and the dashboard that we ship, with a real Prometheus and Alertmanager.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::{Alertmanager, Environment, Prometheus, queries, repository, wait};

use crate::Story;
use crate::actions::condition;
use crate::support::{SETTINGS, Stage, admitted, settings, stage, yaml};

pub const STORIES: &[Story] = &[
    Story { name: "untrusted_running_image_is_an_alert_until_it_is_trusted", run: untrusted_running_image_is_an_alert_until_it_is_trusted },
    Story {
        name: "alerts_dashboard_and_guide_name_the_metrics_that_are_served",
        run: alerts_dashboard_and_guide_name_the_metrics_that_are_served,
    },
];

pub const ALONE: &[Story] =
    &[Story { name: "each_container_has_a_series_while_the_settings_say_so", run: each_container_has_a_series_while_the_settings_say_so }];

/// What is served only where the settings ask for it.
const SWITCHED_ON: &[&str] = &[PER_CONTAINER, "bonafide_alerts_total", "bonafide_alerts_queued"];
const PER_CONTAINER: &str = "bonafide_container_image";
const ALERT: &str = "BonafideUntrustedImageRuns";
/// The alert stays for two minutes after its cause.
const RESOLVED: Duration = Duration::from_mins(4);

/// The story's one TrustRoot with the key of this signer and no other.
fn trust_only(stage: &Stage<'_>, signer: &str) -> Result<()> {
    let pem = stage.env.key(signer)?.public_pem;
    stage.operator().apply(&yaml(&[stage.trust_root("release", &json!([{"name": "key", "pem": pem}]))]))
}

/// A pod that is verified, by an enforced policy.
fn trusted_pod(stage: &Stage<'_>) -> Result<()> {
    trust_only(stage, "build")?;
    stage.operator().apply(&yaml(&[stage.release(&["release"], &json!({}))]))?;
    stage.enforce()?;
    admitted(stage.pod("web", &stage.signed("web", &["build"])?.by_tag())?)?;
    reported(stage, "True")
}

fn reported(stage: &Stage<'_>, status: &str) -> Result<()> {
    let report = ["verificationreports.bonafide.dev", "web"];
    stage.namespace.wait_until(&report, |report| condition(report, "Verified", status).is_some()).map(drop)
}

fn untrusted_running_image_is_an_alert_until_it_is_trusted(env: &Environment) -> Result<()> {
    stage(env, "alarmed", |stage| {
        trusted_pod(stage)?;
        let alertmanager = Alertmanager::start()?;
        let prometheus = Prometheus::start(&env.operator.admin_address(), &alertmanager)?;
        let namespace = stage.namespace.name();
        let counted = format!("bonafide_containers{{namespace={namespace:?}, status=\"trusted\"}} == 1");
        wait::until("Prometheus to know the pod", || Ok(prometheus.query(&counted)?.first().map(drop)))?;
        ensure!(!prometheus.fires(ALERT, "namespace", namespace)?, "an alert about a trusted image");

        trust_only(stage, "qa")?;
        reported(stage, "False")?;
        wait::until("the alert to fire", || Ok(prometheus.fires(ALERT, "namespace", namespace)?.then_some(())))?;
        let alert = wait::until("Alertmanager to have the alert", || alertmanager.alert(ALERT, namespace))?;
        ensure!(alert["labels"]["severity"] == "critical", "{alert:#}");
        let summary = format!("Untrusted images run in namespace {namespace}");
        ensure!(alert["annotations"]["summary"] == summary, "{alert:#}");

        trust_only(stage, "build")?;
        reported(stage, "True")?;
        wait::until_within(RESOLVED, "the alert to be resolved", || Ok((!prometheus.fires(ALERT, "namespace", namespace)?).then_some(())))?;
        wait::until("Alertmanager to let the alert go", || Ok(alertmanager.alert(ALERT, namespace)?.is_none().then_some(())))
    })
}

fn alerts_dashboard_and_guide_name_the_metrics_that_are_served(env: &Environment) -> Result<()> {
    stage(env, "measured", |stage| {
        trusted_pod(stage)?;
        let alertmanager = Alertmanager::start()?;
        let prometheus = Prometheus::start(&env.operator.admin_address(), &alertmanager)?;
        wait::until("a scrape", || Ok(prometheus.query("up{job=\"bonafide\"} == 1")?.first().map(drop)))?;
        let served = wait::until("the census of trust data", || {
            let served = families(&env.operator.metrics()?);
            Ok(served.contains_key("bonafide_notary_guns").then_some(served))
        })?;

        let mut guide = documented(&read("docs/monitoring.md")?);
        guide.retain(|name, _| served.contains_key(name) || !SWITCHED_ON.contains(&name.as_str()));
        ensure!(guide == served, "the guide is wrong: {:#?}", difference(&guide, &served));
        for file in ["manifests/monitoring/alerts.yaml", "manifests/monitoring/dashboard.json", "docs/monitoring.md"] {
            let unknown: Vec<_> = named(&read(file)?).into_iter().filter(|name| !is_served(name, &served)).collect();
            ensure!(unknown.is_empty(), "{file} names metrics that nobody serves: {unknown:?}");
        }
        for query in queries(&serde_json::from_str(&read("manifests/monitoring/dashboard.json")?)?) {
            // As Grafana fills them in.
            prometheus.query(&query.replace("$__rate_interval", "1m").replace("$namespace", ".*"))?;
        }
        wait::until("every alert to be evaluated", || {
            let rules = prometheus.rules()?;
            let faulty: Vec<_> = rules.iter().filter(|rule| rule["health"] == "err").collect();
            ensure!(faulty.is_empty(), "{faulty:#?}");
            Ok((!rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok")).then_some(()))
        })
    })
}

fn each_container_has_a_series_while_the_settings_say_so(env: &Environment) -> Result<()> {
    stage(env, "each", |stage| {
        trusted_pod(stage)?;
        let of_pod = format!("{PER_CONTAINER}{{namespace={:?},pod=\"web\",container=\"main\",", stage.namespace.name());
        let line = || Ok::<_, anyhow::Error>(env.operator.metrics()?.lines().find(|line| line.starts_with(&of_pod)).map(str::to_owned));
        ensure!(line()?.is_none(), "nobody has asked for it");
        stage.operator().apply(&settings("metrics: {perContainer: true}").to_string())?;
        let told = wait::until("a series for the container", line);
        let page = families(&env.operator.metrics()?);
        stage.operator().delete(&["configmap", SETTINGS])?;
        let told = told?;
        ensure!(told.contains("digest=\"sha256:") && told.ends_with("status=\"trusted\"} 1"), "{told}");
        ensure!(page.get(PER_CONTAINER) == documented(&read("docs/monitoring.md")?).get(PER_CONTAINER), "the guide is wrong: {page:?}");
        wait::until("the series to be gone", || Ok(line()?.is_none().then_some(())))
    })
}

/// Labels by metric.
type Families = BTreeMap<String, BTreeSet<String>>;

/// What a page of metrics holds; the parts of a histogram are one metric without `le`.
fn families(page: &str) -> Families {
    let mut families = Families::new();
    let histogram = |name: &str| page.contains(&format!("# TYPE {name} histogram"));
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).filter(|base| histogram(base));
        let own = labels.trim_end_matches('}').split("\",").filter_map(|label| Some(label.split_once("=\"")?.0.to_owned()));
        families.entry(base.unwrap_or(name).to_owned()).or_default().extend(own.filter(|label| label != "le"));
    }
    families
}

/// The table of the guide: the metric in the first column, its labels in the second, their values in brackets.
fn documented(guide: &str) -> Families {
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `bonafide_"));
    let row = |row: &str| {
        let (name, rest) = row.split_once("` | ")?;
        let mut labels = rest.split_once('|')?.0.to_owned();
        while let Some((before, (_, after))) = labels.split_once('(').and_then(|(before, rest)| Some((before, rest.split_once(')')?))) {
            labels = format!("{before}{after}");
        }
        Some((format!("bonafide_{name}"), labels.split('`').skip(1).step_by(2).map(str::to_owned).collect()))
    };
    rows.filter_map(row).collect()
}

fn difference<'a>(one: &'a Families, other: &'a Families) -> Vec<(&'a String, &'a BTreeSet<String>)> {
    let only = |these: &'a Families, those: &'a Families| these.iter().filter(|(name, labels)| those.get(*name) != Some(*labels)).collect();
    let (one, other): (Vec<_>, Vec<_>) = (only(one, other), only(other, one));
    one.into_iter().chain(other).collect()
}

/// Every name of a metric of ours in a text.
fn named(text: &str) -> BTreeSet<String> {
    let word = |rest: &str| rest.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect::<String>();
    text.split("bonafide_").skip(1).map(|rest| format!("bonafide_{}", word(rest))).collect()
}

fn is_served(name: &str, served: &Families) -> bool {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
    served.contains_key(name) || served.contains_key(base) || SWITCHED_ON.contains(&name)
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(repository().join(path)).with_context(|| path.to_owned())
}
