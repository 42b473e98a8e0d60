#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::settings::Settings;

fn parse(receivers: &str) -> Result<Alerting, String> {
    let text = format!("alerting: {{receivers: [{receivers}]}}");
    Settings::parse(&text).map(|settings| settings.alerting).map_err(|error| error.to_string())
}

fn one(receiver: &str) -> Receiver {
    Receiver::clone(&parse(receiver).unwrap().receivers[0])
}

fn key(name: &str, key: &str) -> KeyRef {
    KeyRef { name: name.to_owned(), key: key.to_owned() }
}

#[test]
fn every_service_is_read_with_all_of_its_fields() {
    let text = "
alerting:
  cluster: prod
  receivers:
  - name: ops
    on: [Refused, Changed]
    every: 30s
    namespaces: {exclude: ['dev-*']}
    slack: {urlSecretRef: {name: alerting, key: slack}}
  - {name: teams, on: [Changed], teams: {urlSecretRef: {name: alerting, key: teams}, caBundle: {configMapKeyRef: {name: ca, key: ca.crt}}}}
  - {name: duty, on: [Changed], opsgenie: {url: 'https://api.eu.opsgenie.com', apiKeySecretRef: {name: alerting, key: genie}, priority: P1}}
  - {name: am, on: [Changed], alertmanager: {url: 'http://am.monitoring.svc:9093', plainHTTP: true, labels: {team: platform}}}
  - name: siem
    on: [Admitted, Refused]
    failIfNotSent: true
    webhook:
      url: https://siem.example.com/hook?tenant=a
      basicAuthSecretRef: {name: siem}
      headers: [{name: X-Source, value: bonafide}, {name: X-Key, valueSecretRef: {name: keys, key: siem}}]
";
    let Alerting { cluster, receivers } = Settings::parse(text).unwrap().alerting;
    assert_eq!(cluster.as_deref(), Some("prod"));
    let names: Vec<_> = receivers.iter().map(|receiver| &*receiver.name).collect();
    assert_eq!(names, ["ops", "teams", "duty", "am", "siem"]);
    let [ops, teams, duty, am, siem] = [0, 1, 2, 3, 4].map(|at| receivers[at].clone());
    assert_eq!((ops.every, &ops.service), (Duration::from_secs(30), &Service::Slack));
    assert!(ops.hears(Occasion::Refused, "shop") && !ops.hears(Occasion::Refused, "dev-1") && !ops.hears(Occasion::Admitted, "shop"));
    assert_eq!(ops.endpoint.address, Address::Secret(key("alerting", "slack")));
    assert_eq!((teams.secrets(), teams.config_map()), (BTreeSet::from(["alerting"]), Some("ca")));
    assert_eq!(duty.service, Service::Opsgenie { priority: Priority::P1 });
    assert_eq!(duty.endpoint.proof, Some(Proof::GenieKey(key("alerting", "genie"))));
    assert_eq!(am.service, Service::Alertmanager { labels: [("team".to_owned(), "platform".to_owned())].into() });
    assert!(am.endpoint.plain_http && !siem.endpoint.plain_http);
    assert!(siem.fail_if_not_sent && siem.every == Duration::from_secs(10));
    assert_eq!(siem.secrets(), BTreeSet::from(["keys", "siem"]));
}

#[test]
fn opsgenie_is_reached_where_most_accounts_are() {
    let receiver = one("{name: a, on: [Changed], opsgenie: {apiKeySecretRef: {name: s, key: k}}}");
    assert_eq!(receiver.endpoint.address, Address::Url("https://api.opsgenie.com".parse().unwrap()));
    assert_eq!(receiver.service, Service::Opsgenie { priority: Priority::P3 });
}

/// Each text has one mistake, which is told with its place.
#[test]
fn each_mistake_is_told_with_its_place() {
    let hook = "webhook: {url: 'https://a.example.com'}";
    for (receivers, path, what) in [
        ("{name: a, on: [Changed]}".to_owned(), "receivers[0]", "exactly one of"),
        (format!("{{name: a, on: [Changed], {hook}, slack: {{urlSecretRef: {{name: s, key: k}}}}}}"), "receivers[0]", "exactly one of"),
        (format!("{{name: a, on: [], {hook}}}"), "receivers[0].on", "at least one"),
        (format!("{{name: Ops Team, on: [Changed], {hook}}}"), "receivers[0].name", "lower-case"),
        (format!("{{name: a, on: [Changed], {hook}}}, {{name: a, on: [Changed], {hook}}}"), "receivers[1].name", "another receiver"),
        (format!("{{name: a, on: [Changed], every: 100ms, {hook}}}"), "receivers[0].every", "between"),
        (format!("{{name: a, on: [Changed], namespaces: {{include: [A]}}, {hook}}}"), "receivers[0].namespaces.include[0]", "namespace"),
        (format!("{{name: a, on: [Refused], failIfNotSent: true, {hook}}}"), "receivers[0].failIfNotSent", "Admitted"),
        ("{name: a, on: [Changed], webhook: {}}".to_owned(), "receivers[0].webhook", "exactly one of url"),
        ("{name: a, on: [Changed], webhook: {url: 'nonsense'}}".to_owned(), "receivers[0].webhook.url", "URL"),
        ("{name: a, on: [Changed], webhook: {url: 'ftp://a.example.com'}}".to_owned(), "receivers[0].webhook.url", "https"),
        ("{name: a, on: [Changed], webhook: {url: 'http://a.example.com'}}".to_owned(), "receivers[0].webhook.url", "plainHTTP"),
        ("{name: a, on: [Changed], webhook: {url: 'https://u:p@a.example.com'}}".to_owned(), "receivers[0].webhook.url", "user"),
        ("{name: a, on: [Changed], alertmanager: {url: 'https://a.example.com/?x=1'}}".to_owned(), "receivers[0].alertmanager.url", "query"),
        (
            "{name: a, on: [Changed], alertmanager: {url: 'https://a.example.com', labels: {namespace: x}}}".to_owned(),
            "receivers[0].alertmanager.labels[namespace]",
            "label",
        ),
        ("{name: a, on: [Changed], slack: {urlSecretRef: {name: ../x, key: k}}}".to_owned(), "receivers[0].slack.urlSecretRef", "Secret"),
        (
            "{name: a, on: [Changed], webhook: {url: 'https://a.example.com', headers: [{name: Host, value: x}]}}".to_owned(),
            "receivers[0].webhook.headers[0]",
            "header",
        ),
        (
            "{name: a, on: [Changed], webhook: {url: 'https://a.example.com', headers: [{name: Authorization, value: x}]}}".to_owned(),
            "receivers[0].webhook.headers[0]",
            "valueSecretRef",
        ),
        (
            "{name: a, on: [Changed], webhook: {url: 'https://a.example.com', headers: [{name: X-A, value: \"a\\nb\"}]}}".to_owned(),
            "receivers[0].webhook.headers[0]",
            "value",
        ),
        (
            "{name: a, on: [Changed], webhook: {url: 'https://a.example.com', bearerTokenSecretRef: {name: s, key: k}, basicAuthSecretRef: {name: s}}}"
                .to_owned(),
            "receivers[0].webhook",
            "at most one",
        ),
    ] {
        let error = parse(&receivers).unwrap_err();
        assert!(error.contains(path) && error.contains(what) && !error.contains("; "), "{receivers}\n{error}");
    }
}

#[test]
fn what_nobody_knows_is_refused() {
    for receiver in [
        "{name: a, on: [Changed], slack: {url: 'https://hooks.example.com/T/B/x'}}",
        "{name: a, on: [Deleted], webhook: {url: 'https://a.example.com'}}",
        "{name: a, on: [Changed], webhok: {url: 'https://a.example.com'}}",
        "{on: [Changed], webhook: {url: 'https://a.example.com'}}",
    ] {
        assert!(parse(receiver).is_err(), "{receiver}");
    }
    assert!(Settings::parse("alerting: {cluster: 'a b', receivers: []}").is_err());
    let many = (0..33).map(|number| format!("{{name: a{number}, on: [Changed], webhook: {{url: 'https://a.example.com'}}}}"));
    assert!(parse(&many.collect::<Vec<_>>().join(", ")).unwrap_err().contains("more than 32"));
}

#[test]
fn loopback_needs_no_word_for_plain_http() {
    for url in ["http://127.0.0.1:9093", "http://localhost:9093", "http://[::1]:9093"] {
        let receiver = one(&format!("{{name: a, on: [Changed], alertmanager: {{url: '{url}'}}}}"));
        assert!(receiver.endpoint.plain_http, "{url}");
    }
    assert!(parse("{name: a, on: [Changed], alertmanager: {url: 'http://localhost.example.com:9093'}}").is_err());
}
