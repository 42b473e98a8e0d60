//! `alerting`: who is told what, and how they are reached.
//!
//! Boundary: names of Secrets and ConfigMaps, never their content. Invariant: a receiver has exactly one service, says
//! what it is told, and no secret of it can leave over plain HTTP.

mod check;
mod fields;
mod raw;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

pub use self::raw::{RawAlerting, RawReceiver};
use super::selection::Selection;

/// Who is told what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerting {
    /// The name of this cluster, where several tell the same people.
    pub cluster: Option<Arc<str>>,
    /// Those who are told, each under a name of its own.
    pub receivers: Vec<Arc<Receiver>>,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Occasion {
    /// An object was admitted.
    Admitted,
    /// An object was refused, or could not be judged and was refused for it.
    Refused,
    /// The verdict on a running pod is another than before.
    Changed,
}

/// One who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its name, in logs and metrics.
    pub name: Arc<str>,
    /// What it is told; never empty.
    pub on: BTreeSet<Occasion>,
    /// About which namespaces.
    pub namespaces: Selection,
    /// The time between two messages of a burst.
    pub every: Duration,
    /// Whether an object is admitted only when this receiver took the message.
    pub fail_if_not_sent: bool,
    /// How messages look.
    pub service: Service,
    /// Where they go.
    pub endpoint: Endpoint,
}

/// How messages look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Microsoft Teams.
    Teams,
    /// The alert API of Opsgenie, which Jira Service Management has too.
    Opsgenie {
        /// The priority of alerts.
        priority: Priority,
    },
    /// The API v2 of a Prometheus Alertmanager.
    Alertmanager {
        /// Further labels of every alert.
        labels: BTreeMap<String, String>,
    },
    /// Anything that takes JSON.
    Webhook,
}

/// Opsgenie's priorities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Priority {
    /// Critical.
    P1,
    /// High.
    P2,
    /// Moderate.
    #[default]
    P3,
    /// Low.
    P4,
    /// For information.
    P5,
}

/// Where messages go, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The URL.
    pub address: Address,
    /// Whether the URL may be plain HTTP; there are no secrets then.
    pub plain_http: bool,
    /// The ConfigMap with the authorities to trust, in place of the public ones.
    pub ca_bundle: Option<KeyRef>,
    /// What proves who sends.
    pub proof: Option<Proof>,
    /// Further headers.
    pub headers: Vec<(String, Text)>,
}

/// A URL, written out or secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Written out.
    Url(Url),
    /// In a Secret.
    Secret(KeyRef),
}

/// A text, written out or secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// Written out.
    Literal(String),
    /// In a Secret.
    Secret(KeyRef),
}

/// What goes into the `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A token (RFC 6750).
    Bearer(KeyRef),
    /// `username` and `password` of a Secret with this name (RFC 7617).
    Basic(String),
    /// Opsgenie's own scheme.
    GenieKey(KeyRef),
}

/// A key of a Secret or ConfigMap of the operator namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyRef {
    /// The object's name.
    pub name: String,
    /// The key in its data.
    pub key: String,
}

impl Occasion {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "Admitted",
            Self::Refused => "Refused",
            Self::Changed => "Changed",
        }
    }
}

impl Receiver {
    /// Whether it is told this about this namespace.
    pub fn hears(&self, occasion: Occasion, namespace: &str) -> bool {
        self.on.contains(&occasion) && self.namespaces.contains(namespace)
    }

    /// The Secrets that it names.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let Endpoint { address, plain_http: _, ca_bundle: _, proof, headers } = &self.endpoint;
        let address = match address {
            Address::Url(_) => None,
            Address::Secret(key) => Some(key.name.as_str()),
        };
        let proof = proof.as_ref().map(|proof| match proof {
            Proof::Bearer(key) | Proof::GenieKey(key) => key.name.as_str(),
            Proof::Basic(name) => name,
        });
        let headers = headers.iter().filter_map(|(_, value)| match value {
            Text::Literal(_) => None,
            Text::Secret(key) => Some(key.name.as_str()),
        });
        address.into_iter().chain(proof).chain(headers).collect()
    }

    /// The ConfigMap that it names.
    pub fn config_map(&self) -> Option<&str> {
        self.endpoint.ca_bundle.as_ref().map(|key| key.name.as_str())
    }
}
