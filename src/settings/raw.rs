//! The settings as they are written. Every field has a default, and an unknown one is a mistake.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::mistake::SettingsError;

/// Longer than anybody writes; the API server takes no ConfigMap above 1 MiB anyway.
pub(super) const MOST_BYTES: usize = 512 * 1024;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawSettings {
    /// A log level, or a list such as `bonafide=debug,kube=warn`; absent: the one of `--log-level`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
    /// What is written of what runs.
    pub reports: RawReports,
    /// How what runs is verified.
    pub verification: RawVerification,
    /// How much at most.
    pub limits: RawLimits,
    /// What is counted.
    pub metrics: RawMetrics,
    /// Who is told what.
    pub alerting: super::alerting::RawAlerting,
}

/// `reports`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawReports {
    /// Which reports there are: `Pods`, `Workloads`, `Failures` or `Off`.
    pub scope: super::Scope,
    /// Whether the same content is also written as Reports of openreports.io.
    pub open_reports: bool,
    /// For how long a violation that is over is still listed.
    pub keep_closed: String,
}

/// `verification`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawVerification {
    /// How old a verdict on what runs gets.
    pub interval: String,
    /// The namespaces whose pods are verified while they run.
    pub namespaces: RawSelection,
}

/// Names, in which `*` stands for any run of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawSelection {
    /// Only these; empty: all.
    pub include: Vec<String>,
    /// None of these, even when included.
    pub exclude: Vec<String>,
}

/// `limits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawLimits {
    /// Reports and Events that are written in a second.
    pub report_writes_per_second: u32,
    /// Requests that each registry host gets in a second.
    pub registry_requests_per_second: RawRegistryRates,
}

/// `limits.registryRequestsPerSecond`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawRegistryRates {
    /// For hosts that have no limit of their own; absent: as many as the registry answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<u32>,
    /// By `host` or `host:port`.
    pub hosts: BTreeMap<String, u32>,
}

/// `metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawMetrics {
    /// Whether each container has series of its own.
    pub per_container: bool,
}

impl RawSettings {
    /// Reads a whole text, whose values are not checked yet.
    pub fn read(text: &str) -> Result<Self, SettingsError> {
        if text.len() > MOST_BYTES {
            return Err(SettingsError::TooLong(MOST_BYTES));
        }
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|error| SettingsError::Unreadable(error.to_string()))
    }
}

impl Default for RawReports {
    fn default() -> Self {
        Self { scope: super::Scope::Pods, open_reports: false, keep_closed: "1h".to_owned() }
    }
}

impl Default for RawVerification {
    fn default() -> Self {
        Self { interval: "5m".to_owned(), namespaces: RawSelection::default() }
    }
}

impl Default for RawLimits {
    fn default() -> Self {
        Self { report_writes_per_second: 200, registry_requests_per_second: RawRegistryRates::default() }
    }
}
