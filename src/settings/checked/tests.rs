#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::settings::raw::MOST_BYTES;

fn said(text: &str) -> String {
    Settings::parse(text).unwrap_err().to_string()
}

#[test]
fn an_empty_text_is_the_defaults_and_they_have_no_mistake() {
    for text in ["", "\n", "{}", "reports: {}"] {
        assert_eq!(Settings::parse(text), Ok(Settings::default()), "{text:?}");
    }
    let Settings { reports, verification, limits, .. } = Settings::default();
    assert_eq!((reports.scope, reports.keep_closed), (Scope::Pods, Duration::from_hours(1)));
    assert_eq!((verification.interval, limits.report_writes_per_second), (Duration::from_mins(5), 200));
}

#[test]
fn every_field_is_read() {
    let text = "
logLevel: bonafide=debug
reports: {scope: Workloads, openReports: true, keepClosed: 2h}
verification: {interval: 1m 30s, namespaces: {include: ['team-*'], exclude: [team-x]}}
limits: {reportWritesPerSecond: 50, registryRequestsPerSecond: {default: 100, hosts: {'registry.example.com': 5}}}
metrics: {perContainer: true}
";
    let settings = Settings::parse(text).unwrap();
    assert_eq!(settings.log_level.as_deref(), Some("bonafide=debug"));
    assert_eq!(settings.reports, Reports { scope: Scope::Workloads, open_reports: true, keep_closed: Duration::from_hours(2) });
    assert_eq!(settings.verification.interval, Duration::from_secs(90));
    assert!(settings.verification.namespaces.contains("team-a") && !settings.verification.namespaces.contains("team-x"));
    let hosts = [("registry.example.com".parse().unwrap(), 5)].into();
    let registry_requests_per_second = RegistryRates { default: Some(100), hosts };
    let rates = oci::RequestRates::from(&registry_requests_per_second);
    assert_eq!(
        (rates.default, rates.hosts.into_iter().collect::<Vec<_>>()),
        (NonZeroU32::new(100), vec![("registry.example.com".parse().unwrap(), NonZeroU32::new(5).unwrap())])
    );
    assert_eq!(settings.limits, Limits { report_writes_per_second: 50, registry_requests_per_second });
    assert!(settings.metrics.per_container);
}

#[test]
fn what_is_misspelt_is_named_with_its_place() {
    let unknown = said("reports:\n  scoop: Pods\n");
    assert!(unknown.contains("scoop") && unknown.contains("line 2"), "{unknown}");
    let other = said("reports: {scope: Everything}");
    assert!(other.contains("Everything") && other.contains("Workloads"), "{other}");
    assert!(said("reports: [").contains("line 1"));
    assert!(!said("just text").is_empty());
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = "
logLevel: '=='
reports: {keepClosed: a while}
verification: {interval: 1s, namespaces: {include: [Shop]}}
limits: {reportWritesPerSecond: 0, registryRequestsPerSecond: {default: 0, hosts: {'https://r.io': 5}}}
";
    let said = said(text);
    let paths = [
        "logLevel",
        "reports.keepClosed",
        "verification.interval",
        "verification.namespaces.include[0]",
        "limits.reportWritesPerSecond",
        "limits.registryRequestsPerSecond.default",
        "limits.registryRequestsPerSecond.hosts[https://r.io]",
    ];
    for path in paths {
        assert!(said.contains(&format!("{path}: ")), "{path} in {said}");
    }
    assert_eq!(said.matches("; ").count() + 1, paths.len(), "{said}");
}

#[test]
fn a_text_that_unfolds_without_end_is_refused() {
    assert_eq!(Settings::parse(&" ".repeat(MOST_BYTES + 1)), Err(SettingsError::TooLong(MOST_BYTES)));
    let bomb = "a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\n";
    assert!(Settings::parse(bomb).is_err());
}
