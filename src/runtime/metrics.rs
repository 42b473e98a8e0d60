//! Metrics in the Prometheus text format. Every label has a closed set of values, except the registry host, which is
//! one that the settings of cluster-wide validators name, or `other`.

mod state;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oci::{Host, RequestOutcome};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::admission::{AdmissionObserver, Outcome, Pass};
use crate::controllers::WatchErrors;
use crate::evaluate::{CacheOutcome, Observer};
use crate::policy::Reason;

pub(super) use self::state::State;

/// From a warm verdict to the deadline.
const SECONDS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 8.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    webhook: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WebhookLabels {
    webhook: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CacheLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RegistryLabels {
    host: String,
    outcome: &'static str,
}

/// Everything that is counted as it happens.
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<WebhookLabels, Histogram>,
    verdicts: Family<CacheLabels, Counter>,
    verification_seconds: Histogram,
    registry_requests: Family<RegistryLabels, Counter>,
    known_hosts: Mutex<BTreeSet<Host>>,
    /// Certificates that could not be served.
    pub unreadable_certificates: Counter,
    /// States of trust data that are gone, or were put back to older ones.
    pub notary_state_lost: Counter,
    /// Whether the written settings are in force.
    pub settings_usable: Gauge,
    /// Settings that could not be used.
    pub settings_refused: Counter,
    /// Errors of the watches that policies are made from.
    pub watch_errors: WatchErrors,
}

impl Metrics {
    /// Metrics, registered.
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(histogram),
            verdicts: Family::default(),
            verification_seconds: histogram(),
            registry_requests: Family::default(),
            known_hosts: Mutex::default(),
            unreadable_certificates: Counter::default(),
            notary_state_lost: Counter::default(),
            settings_usable: Gauge::default(),
            settings_refused: Counter::default(),
            watch_errors: WatchErrors::default(),
        };
        registry.register("admission_requests", "Admission requests by outcome and first reason", metrics.requests.clone());
        registry.register("admission_seconds", "Time to answer an admission request", metrics.request_seconds.clone());
        registry.register("requirement_verdicts", "Verdicts on requirements, from the cache or found out", metrics.verdicts.clone());
        registry.register("verification_seconds", "Time to find out a verdict that was not cached", metrics.verification_seconds.clone());
        registry.register("registry_requests", "Requests to registries by host and outcome", metrics.registry_requests.clone());
        let unreadable = metrics.unreadable_certificates.clone();
        registry.register("unreadable_certificates", "Certificates that were read but could not be served", unreadable);
        let lost = metrics.notary_state_lost.clone();
        registry.register("notary_state_lost", "States of trust data that are gone, or were put back to older ones", lost);
        let help = "Whether the written settings are in force: 0 while they cannot be used and former ones stay";
        registry.register("settings_usable", help, metrics.settings_usable.clone());
        registry.register("settings_refused", "Settings that were written and could not be used", metrics.settings_refused.clone());
        let errors = metrics.watch_errors.clone();
        registry.register("watch_errors", "Errors while policies, validators, trust roots and namespaces were watched", errors);
        Arc::new(metrics)
    }

    /// Hosts that cluster-wide settings name; all others share one label (security rule 28).
    pub fn know_hosts(&self, hosts: BTreeSet<Host>) {
        *self.known_hosts.lock().unwrap_or_else(PoisonError::into_inner) = hosts;
    }

    /// A request went to a registry.
    pub fn registry_request(&self, host: &Host, outcome: RequestOutcome) {
        let known = self.known_hosts.lock().unwrap_or_else(PoisonError::into_inner).contains(host);
        let host = if known { host.to_string() } else { "other".to_owned() };
        self.registry_requests.get_or_create(&RegistryLabels { host, outcome: outcome.as_str() }).inc();
    }
}

/// The page that a scrape reads.
pub(super) fn render(registry: &Registry) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    text::encode(&mut page, registry)?;
    Ok(page)
}

impl AdmissionObserver for Metrics {
    fn answered(&self, pass: Pass, outcome: Outcome, reason: Option<Reason>, took: Duration) {
        let webhook = match pass {
            Pass::Mutate => "mutate",
            Pass::Validate => "validate",
        };
        let outcome = match outcome {
            Outcome::Skipped => "skipped",
            Outcome::Admitted => "admitted",
            Outcome::Refused => "refused",
            Outcome::Fault => "fault",
        };
        let reason = reason.map_or("none", Reason::as_str);
        self.requests.get_or_create(&RequestLabels { webhook, outcome, reason }).inc();
        self.request_seconds.get_or_create(&WebhookLabels { webhook }).observe(took.as_secs_f64());
    }
}

impl Observer for Metrics {
    fn answered(&self, from: CacheOutcome, took: Duration) {
        let outcome = match from {
            CacheOutcome::Hit => "hit",
            CacheOutcome::Miss => "miss",
        };
        self.verdicts.get_or_create(&CacheLabels { outcome }).inc();
        if from == CacheOutcome::Miss {
            self.verification_seconds.observe(took.as_secs_f64());
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_no_setting_names_share_one_label() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        metrics.know_hosts(["r.example.com".parse().unwrap()].into());
        for number in 0..100 {
            metrics.registry_request(&format!("r{number}.evil.example").parse().unwrap(), RequestOutcome::Success);
        }
        metrics.registry_request(&"r.example.com".parse().unwrap(), RequestOutcome::Success);
        let page = render(&registry).unwrap();
        assert!(!page.contains("evil"), "{page}");
        let series = page.lines().filter(|line| line.starts_with("registry_requests_total")).collect::<Vec<_>>();
        assert!(series.len() == 2 && series.iter().any(|line| line.contains("\"other\"") && line.ends_with(" 100")), "{series:?}");
    }
}
