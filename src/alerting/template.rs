//! How a message looks to each service.
//!
//! Boundary: a load in, a path and JSON out. Invariant: JSON is built as values, never as text; what images, signers and
//! servers say stays text in every service, and no message exceeds what its service takes.

mod alertmanager;
mod opsgenie;
mod slack;
mod teams;
mod webhook;
mod words;

use chrono::{SecondsFormat, Utc};
use serde_json::Value;

use super::Alert;
use super::queue::Load;
use crate::settings::Service;

/// One request: what is appended to the receiver's URL, and the body.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Posting {
    pub(super) path: String,
    pub(super) body: Value,
}

impl Posting {
    fn to_url(body: Value) -> Self {
        Self { path: String::new(), body }
    }
}

/// The request that tells this.
pub(super) fn posting(service: &Service, cluster: Option<&str>, load: &Load) -> Posting {
    match service {
        Service::Slack => Posting::to_url(slack::body(cluster, load)),
        Service::Teams => Posting::to_url(teams::body(cluster, load)),
        Service::Opsgenie { priority } => opsgenie::posting(*priority, cluster, load),
        Service::Alertmanager { labels } => alertmanager::posting(labels, cluster, load, Utc::now()),
        Service::Webhook => Posting::to_url(webhook::body(cluster, load)),
    }
}

fn time(alert: &Alert) -> String {
    alert.time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
