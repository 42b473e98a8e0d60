//! Receivers as they are written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{KeyRef, Occasion, Priority};
use crate::settings::raw::RawSelection;

/// `alerting`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RawAlerting {
    /// The name of this cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Those who are told.
    pub receivers: Vec<RawReceiver>,
}

/// One who is told; exactly one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawReceiver {
    /// Its name.
    pub name: String,
    /// What it is told.
    pub on: Vec<Occasion>,
    /// About which namespaces; absent: all.
    #[serde(default)]
    pub namespaces: RawSelection,
    /// The time between two messages of a burst.
    #[serde(default = "every")]
    pub every: String,
    /// Whether an object is admitted only when it took the message.
    #[serde(default)]
    pub fail_if_not_sent: bool,
    /// An incoming webhook of Slack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<RawChat>,
    /// A workflow of Microsoft Teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<RawChat>,
    /// The alert API of Opsgenie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opsgenie: Option<RawOpsgenie>,
    /// A Prometheus Alertmanager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanager: Option<RawAlertmanager>,
    /// Anything that takes JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<RawWebhook>,
}

fn every() -> String {
    "10s".to_owned()
}

/// `slack` and `teams`, whose URLs are secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawChat {
    /// The URL.
    pub url_secret_ref: KeyRef,
    /// The authorities to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<RawCaBundle>,
}

/// `opsgenie`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawOpsgenie {
    /// What comes before `/v2/alerts`.
    #[serde(default = "opsgenie_url")]
    pub url: String,
    /// The key of an API integration.
    pub api_key_secret_ref: KeyRef,
    /// The priority of alerts.
    #[serde(default)]
    pub priority: Priority,
    /// The authorities to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<RawCaBundle>,
}

fn opsgenie_url() -> String {
    "https://api.opsgenie.com".to_owned()
}

/// `alertmanager`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawAlertmanager {
    /// What comes before `/api/v2/alerts`.
    pub url: String,
    /// Whether the URL may be plain HTTP.
    #[serde(default, rename = "plainHTTP")]
    pub plain_http: bool,
    /// The authorities to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<RawCaBundle>,
    /// A token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_secret_ref: Option<KeyRef>,
    /// User name and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic_auth_secret_ref: Option<RawName>,
    /// Further labels of every alert.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// `webhook`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawWebhook {
    /// The URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The URL, where it is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<KeyRef>,
    /// Whether the URL may be plain HTTP.
    #[serde(default, rename = "plainHTTP")]
    pub plain_http: bool,
    /// The authorities to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<RawCaBundle>,
    /// A token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_secret_ref: Option<KeyRef>,
    /// User name and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic_auth_secret_ref: Option<RawName>,
    /// Further headers.
    #[serde(default)]
    pub headers: Vec<RawHeader>,
}

/// One header; exactly one of the two values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its value, where it is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_secret_ref: Option<KeyRef>,
}

/// `caBundle`, as everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawCaBundle {
    /// The PEM text.
    pub config_map_key_ref: KeyRef,
}

/// An object by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawName {
    /// The object's name.
    pub name: String,
}
