//! The settings as they are used, and how a text becomes them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use oci::Host;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::alerting::Alerting;
use super::mistake::{Mistake, SettingsError};
use super::raw::{RawLimits, RawRegistryRates, RawReports, RawSettings, RawVerification};
use super::selection::Selection;

const MOST_HOSTS: usize = 256;
/// More than a registry or an API server is to be asked.
const MOST_PER_SECOND: u32 = 10_000;
const DAY: Duration = Duration::from_hours(24);

/// Everything that can change while the operator runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which log lines are written; absent: what the command line says.
    pub log_level: Option<String>,
    /// What is written of what runs.
    pub reports: Reports,
    /// How what runs is verified.
    pub verification: Verification,
    /// How much at most.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Metrics,
    /// Who is told what.
    pub alerting: Alerting,
}

/// What is written of what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reports {
    /// Which reports there are.
    pub scope: Scope,
    /// Whether the same content is also written as Reports of openreports.io.
    pub open_reports: bool,
    /// For how long a violation that is over is still listed.
    pub keep_closed: Duration,
}

/// Which reports there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// One per pod.
    #[default]
    Pods,
    /// One per controller that owns pods.
    Workloads,
    /// One per pod that is not verified.
    Failures,
    /// None.
    Off,
}

/// How what runs is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// How old a verdict gets.
    pub interval: Duration,
    /// The namespaces whose pods are verified while they run.
    pub namespaces: Selection,
}

/// How much at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Reports and Events that are written in a second; at least 1.
    pub report_writes_per_second: u32,
    /// Requests to registries.
    pub registry_requests_per_second: RegistryRates,
}

/// Requests that a registry host gets in a second; each at least 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryRates {
    /// For hosts without a limit of their own; absent: none.
    pub default: Option<u32>,
    /// By host.
    pub hosts: BTreeMap<Host, u32>,
}

impl RegistryRates {
    /// That of one host; nothing where none is set.
    pub fn of(&self, host: &Host) -> Option<u32> {
        self.hosts.get(host).copied().or(self.default)
    }
}

impl From<&RegistryRates> for oci::RequestRates {
    fn from(RegistryRates { default, hosts }: &RegistryRates) -> Self {
        let hosts = hosts.iter().filter_map(|(host, rate)| Some((host.clone(), NonZeroU32::new(*rate)?)));
        Self { default: default.and_then(NonZeroU32::new), hosts: hosts.collect() }
    }
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Whether each container has series of its own.
    pub per_container: bool,
}

impl Settings {
    /// Reads a whole text; nothing of it counts when anything is wrong. An empty one is the defaults.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        Self::check(RawSettings::read(text)?)
    }

    /// Checks what was read.
    pub fn check(raw: RawSettings) -> Result<Self, SettingsError> {
        let mut mistakes = Vec::new();
        let settings = Self::of(raw, &mut mistakes);
        if mistakes.is_empty() { Ok(settings) } else { Err(SettingsError::Mistakes(mistakes)) }
    }

    fn of(raw: RawSettings, mistakes: &mut Vec<Mistake>) -> Self {
        let RawSettings { log_level, reports, verification, limits, metrics, alerting } = raw;
        if log_level.as_deref().is_some_and(|level| level.is_empty() || EnvFilter::builder().parse(level).is_err()) {
            mistakes.push(Mistake::new(
                "logLevel",
                "is neither a level (error, warn, info, debug, trace) nor a list such as bonafide=debug,kube=warn",
            ));
        }
        Self {
            log_level,
            reports: self::reports(&reports, mistakes),
            verification: self::verification(verification, mistakes),
            limits: self::limits(&limits, mistakes),
            metrics: Metrics { per_container: metrics.per_container },
            alerting: Alerting::check(alerting, mistakes),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(RawSettings::default(), &mut Vec::new())
    }
}

fn reports(raw: &RawReports, mistakes: &mut Vec<Mistake>) -> Reports {
    let keep_closed = duration(&raw.keep_closed, "reports.keepClosed", Duration::ZERO, 7 * DAY, mistakes);
    Reports { scope: raw.scope, open_reports: raw.open_reports, keep_closed }
}

fn verification(raw: RawVerification, mistakes: &mut Vec<Mistake>) -> Verification {
    let interval = duration(&raw.interval, "verification.interval", Duration::from_secs(10), DAY, mistakes);
    Verification { interval, namespaces: Selection::parse(raw.namespaces, "verification.namespaces", mistakes) }
}

fn limits(raw: &RawLimits, mistakes: &mut Vec<Mistake>) -> Limits {
    let report_writes_per_second = rate(raw.report_writes_per_second, "limits.reportWritesPerSecond", mistakes);
    Limits { report_writes_per_second, registry_requests_per_second: rates(&raw.registry_requests_per_second, mistakes) }
}

fn rates(raw: &RawRegistryRates, mistakes: &mut Vec<Mistake>) -> RegistryRates {
    const PATH: &str = "limits.registryRequestsPerSecond";
    let default = raw.default.map(|value| rate(value, &format!("{PATH}.default"), mistakes));
    if raw.hosts.len() > MOST_HOSTS {
        mistakes.push(Mistake::new(format!("{PATH}.hosts"), format!("has more than {MOST_HOSTS} entries")));
    }
    let mut hosts = BTreeMap::new();
    for (name, value) in &raw.hosts {
        let path = format!("{PATH}.hosts[{name}]");
        let value = rate(*value, &path, mistakes);
        match name.parse() {
            Ok(host) => drop(hosts.insert(host, value)),
            Err(_) => mistakes.push(Mistake::new(path, "is not a registry host such as registry.example.com or 127.0.0.1:5000")),
        }
    }
    RegistryRates { default, hosts }
}

fn rate(value: u32, path: &str, mistakes: &mut Vec<Mistake>) -> u32 {
    if !(1..=MOST_PER_SECOND).contains(&value) {
        mistakes.push(Mistake::new(path, format!("must be between 1 and {MOST_PER_SECOND}")));
    }
    value
}

pub(super) fn duration(text: &str, path: &str, least: Duration, most: Duration, mistakes: &mut Vec<Mistake>) -> Duration {
    match humantime::parse_duration(text) {
        Ok(duration) if (least..=most).contains(&duration) => duration,
        Ok(_) => {
            let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
            mistakes.push(Mistake::new(path, format!("must be between {least} and {most}")));
            Duration::ZERO
        }
        Err(_) => {
            mistakes.push(Mistake::new(path, "is not a duration such as 30s, 5m or 1h 30m"));
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests;
