//! Alertmanager: each alert by itself; what is joined and how often it is told is Alertmanager's business.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::Alert;
use super::super::queue::Load;
use super::{Posting, words};
use crate::settings::Occasion;

/// An admission or refusal is over at once; it stays for so long, to be seen.
const MOMENT: TimeDelta = TimeDelta::minutes(5);
/// A pod that is not verified is told again before this time is over.
const STANDS: TimeDelta = TimeDelta::minutes(5);

pub(super) fn posting(labels: &BTreeMap<String, String>, cluster: Option<&str>, load: &Load, now: DateTime<Utc>) -> Posting {
    let mut alerts: Vec<Value> = load.alerts.iter().map(|alert| one(labels, cluster, alert, now)).collect();
    if load.missed > 0 {
        alerts.push(missed(labels, cluster, load, now));
    }
    Posting { path: "/api/v2/alerts".to_owned(), body: Value::Array(alerts) }
}

fn one(labels: &BTreeMap<String, String>, cluster: Option<&str>, alert: &Alert, now: DateTime<Utc>) -> Value {
    let name = match alert.occasion {
        Occasion::Admitted => "BonafideAdmitted",
        Occasion::Refused => "BonafideRefused",
        Occasion::Changed => "BonafideUnverified",
    };
    let mut all = common(labels, cluster, name);
    all.extend([("namespace".to_owned(), &*alert.namespace), ("kind".to_owned(), &*alert.kind), ("name".to_owned(), &*alert.name)]);
    // Labels say which alert it is, so that nothing that changes from firing to resolved may be one.
    if let Some(uid) = alert.uid.as_deref().filter(|_| alert.occasion == Occasion::Changed) {
        all.insert("uid".to_owned(), uid);
    }
    let description = words::lines(&Load::of(std::sync::Arc::new(alert.clone()))).join("\n");
    let annotations = json!({"summary": words::headline(alert), "description": description, "reason": alert.reason});
    let ends = match (alert.occasion, alert.good) {
        (Occasion::Changed, false) => now + STANDS,
        (Occasion::Changed, true) => now,
        (Occasion::Admitted | Occasion::Refused, _) => now + MOMENT,
    };
    // What is resolved began before it ended.
    let starts = if ends <= now { now - TimeDelta::seconds(1) } else { alert.time.min(now) };
    json!({"labels": all, "annotations": annotations, "startsAt": stamp(starts), "endsAt": stamp(ends)})
}

fn missed(labels: &BTreeMap<String, String>, cluster: Option<&str>, load: &Load, now: DateTime<Utc>) -> Value {
    let count = load.missed;
    let annotations = json!({"summary": format!("{count} alerts are not told, because too many came at once")});
    json!({
        "labels": common(labels, cluster, "BonafideAlertsDropped"), "annotations": annotations,
        "startsAt": stamp(now), "endsAt": stamp(now + MOMENT),
    })
}

fn common<'a>(labels: &'a BTreeMap<String, String>, cluster: Option<&'a str>, name: &'a str) -> BTreeMap<String, &'a str> {
    let own = labels.iter().map(|(name, value)| (name.clone(), value.as_str()));
    let cluster = cluster.map(|cluster| ("cluster".to_owned(), cluster));
    own.chain(cluster).chain([("alertname".to_owned(), name)]).collect()
}

fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
