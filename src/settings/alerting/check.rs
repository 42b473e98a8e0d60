//! From receivers as they are written to receivers that can be used, or to every mistake in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::raw::{RawAlertmanager, RawCaBundle, RawChat, RawHeader, RawName, RawOpsgenie, RawWebhook};
use super::{Address, Alerting, Endpoint, KeyRef, Occasion, Proof, RawAlerting, RawReceiver, Receiver, Service, Text, fields};
use crate::settings::checked::duration;
use crate::settings::mistake::Mistake;
use crate::settings::selection::Selection;

const MOST_RECEIVERS: usize = 32;
const MOST_HEADERS: usize = 16;
const MOST_LABELS: usize = 16;
const MOST_CLUSTER: usize = 63;
const LEAST_EVERY: Duration = Duration::from_secs(1);
const MOST_EVERY: Duration = Duration::from_hours(1);

/// Where mistakes go, with the field that they are in.
struct At<'a> {
    path: String,
    mistakes: &'a mut Vec<Mistake>,
}

impl At<'_> {
    fn wrong(&mut self, field: &str, what: &str) {
        self.mistakes.push(Mistake::new(format!("{}.{field}", self.path), what));
    }

    fn unless(&mut self, holds: bool, field: &str, what: &str) {
        if !holds {
            self.wrong(field, what);
        }
    }
}

impl Alerting {
    /// Checks all of it; what is wrong is added to `mistakes`, and the answer is of no use then.
    pub(in crate::settings) fn check(raw: RawAlerting, mistakes: &mut Vec<Mistake>) -> Self {
        let RawAlerting { cluster, receivers } = raw;
        let shown = |name: &String| !name.is_empty() && name.len() <= MOST_CLUSTER && name.chars().all(|c| c.is_ascii_graphic());
        if !cluster.as_ref().is_none_or(shown) {
            mistakes.push(Mistake::new("alerting.cluster", format!("must be 1 to {MOST_CLUSTER} letters, without blanks")));
        }
        if receivers.len() > MOST_RECEIVERS {
            mistakes.push(Mistake::new("alerting.receivers", format!("has more than {MOST_RECEIVERS} entries")));
        }
        let mut names = BTreeSet::new();
        let mut checked = Vec::new();
        for (at, receiver) in receivers.into_iter().enumerate() {
            let mut place = At { path: format!("alerting.receivers[{at}]"), mistakes };
            place.unless(names.insert(receiver.name.clone()), "name", "is the name of another receiver too");
            checked.extend(self::receiver(receiver, &mut place).map(Arc::new));
        }
        Self { cluster: cluster.map(Arc::from), receivers: checked }
    }
}

fn receiver(raw: RawReceiver, at: &mut At<'_>) -> Option<Receiver> {
    let RawReceiver { name, on, namespaces, every, fail_if_not_sent, slack, teams, opsgenie, alertmanager, webhook } = raw;
    at.unless(fields::is_receiver(&name), "name", "must be lower-case letters, digits and dashes, at most 63");
    at.unless(!on.is_empty(), "on", "must name at least one of Admitted, Refused, Changed");
    let on: BTreeSet<_> = on.into_iter().collect();
    at.unless(!fail_if_not_sent || on.contains(&Occasion::Admitted), "failIfNotSent", "means something only with Admitted in on");
    let every = duration(&every, &format!("{}.every", at.path), LEAST_EVERY, MOST_EVERY, at.mistakes);
    let namespaces = Selection::parse(namespaces, &format!("{}.namespaces", at.path), at.mistakes);
    let services = [
        slack.map(|raw| (Service::Slack, Some(chat(raw, "slack", at)))),
        teams.map(|raw| (Service::Teams, Some(chat(raw, "teams", at)))),
        opsgenie.map(|raw| self::opsgenie(raw, at)),
        alertmanager.map(|raw| self::alertmanager(raw, at)),
        webhook.map(|raw| (Service::Webhook, self::webhook(raw, at))),
    ];
    let mut services = services.into_iter().flatten();
    let (Some((service, endpoint)), None) = (services.next(), services.next()) else {
        let what = "has exactly one of slack, teams, opsgenie, alertmanager and webhook";
        at.mistakes.push(Mistake::new(at.path.clone(), what));
        return None;
    };
    Some(Receiver { name: name.into(), on, namespaces, every, fail_if_not_sent, service, endpoint: endpoint? })
}

fn chat(raw: RawChat, service: &str, at: &mut At<'_>) -> Endpoint {
    let RawChat { url_secret_ref, ca_bundle } = raw;
    let address = Address::Secret(key(url_secret_ref, &format!("{service}.urlSecretRef"), at));
    Endpoint { address, plain_http: false, ca_bundle: bundle(ca_bundle, service, at), proof: None, headers: vec![] }
}

fn opsgenie(raw: RawOpsgenie, at: &mut At<'_>) -> (Service, Option<Endpoint>) {
    let RawOpsgenie { url, api_key_secret_ref, priority, ca_bundle } = raw;
    let proof = Proof::GenieKey(key(api_key_secret_ref, "opsgenie.apiKeySecretRef", at));
    let ca_bundle = bundle(ca_bundle, "opsgenie", at);
    let endpoint = base(&url, false, "opsgenie.url", at).map(|url| Endpoint {
        address: Address::Url(url),
        plain_http: false,
        ca_bundle,
        proof: Some(proof),
        headers: vec![],
    });
    (Service::Opsgenie { priority }, endpoint.and_then(|endpoint| guarded(endpoint, "opsgenie", at)))
}

fn alertmanager(raw: RawAlertmanager, at: &mut At<'_>) -> (Service, Option<Endpoint>) {
    let RawAlertmanager { url, plain_http, ca_bundle, bearer_token_secret_ref, basic_auth_secret_ref, labels } = raw;
    let proof = proof(bearer_token_secret_ref, basic_auth_secret_ref, "alertmanager", at);
    let ca_bundle = bundle(ca_bundle, "alertmanager", at);
    let url = base(&url, plain_http, "alertmanager.url", at);
    self::labels(&labels, at);
    let endpoint = url.map(|url| {
        let plain_http = url.scheme() == "http";
        Endpoint { address: Address::Url(url), plain_http, ca_bundle, proof, headers: vec![] }
    });
    (Service::Alertmanager { labels }, endpoint.and_then(|endpoint| guarded(endpoint, "alertmanager", at)))
}

fn webhook(raw: RawWebhook, at: &mut At<'_>) -> Option<Endpoint> {
    let RawWebhook { url, url_secret_ref, plain_http, ca_bundle, bearer_token_secret_ref, basic_auth_secret_ref, headers } = raw;
    let proof = proof(bearer_token_secret_ref, basic_auth_secret_ref, "webhook", at);
    let ca_bundle = bundle(ca_bundle, "webhook", at);
    let headers = self::headers(headers, proof.is_some(), at);
    let (address, plain_http) = match (url, url_secret_ref) {
        (Some(text), None) => match fields::url(&text, plain_http) {
            Ok(url) => (Address::Url(url.clone()), url.scheme() == "http"),
            Err(what) => {
                at.wrong("webhook.url", what);
                return None;
            }
        },
        (None, Some(reference)) => {
            at.unless(!plain_http, "webhook.plainHTTP", "is not for a secret URL, which must be https");
            (Address::Secret(key(reference, "webhook.urlSecretRef", at)), false)
        }
        (Some(_), Some(_)) | (None, None) => {
            at.wrong("webhook", "has exactly one of url and urlSecretRef");
            return None;
        }
    };
    guarded(Endpoint { address, plain_http, ca_bundle, proof, headers }, "webhook", at)
}

/// No secret leaves over plain HTTP.
fn guarded(endpoint: Endpoint, service: &str, at: &mut At<'_>) -> Option<Endpoint> {
    let secret = endpoint.proof.is_some() || endpoint.headers.iter().any(|(_, value)| matches!(value, Text::Secret(_)));
    let plain = matches!(&endpoint.address, Address::Url(url) if url.scheme() == "http");
    at.unless(!(plain && secret), service, "sends a secret, so its URL must be https");
    (!(plain && secret)).then_some(endpoint)
}

/// A URL that a path is appended to.
fn base(text: &str, plain_http: bool, field: &str, at: &mut At<'_>) -> Option<Url> {
    let checked = fields::url(text, plain_http);
    match checked {
        Ok(url) if url.query().is_none() => Some(url),
        Ok(_) => {
            at.wrong(field, "has a query, but a path is appended to it");
            None
        }
        Err(what) => {
            at.wrong(field, what);
            None
        }
    }
}

fn proof(bearer: Option<KeyRef>, basic: Option<RawName>, service: &str, at: &mut At<'_>) -> Option<Proof> {
    at.unless(bearer.is_none() || basic.is_none(), service, "has at most one of bearerTokenSecretRef and basicAuthSecretRef");
    if let Some(reference) = bearer {
        return Some(Proof::Bearer(key(reference, &format!("{service}.bearerTokenSecretRef"), at)));
    }
    let RawName { name } = basic?;
    at.unless(fields::is_subdomain(&name), &format!("{service}.basicAuthSecretRef"), "is no name of a Secret");
    Some(Proof::Basic(name))
}

fn headers(raw: Vec<RawHeader>, has_proof: bool, at: &mut At<'_>) -> Vec<(String, Text)> {
    at.unless(raw.len() <= MOST_HEADERS, "webhook.headers", "has more than 16 entries");
    let mut headers = Vec::new();
    for (number, RawHeader { name, value, value_secret_ref }) in raw.into_iter().enumerate() {
        let field = format!("webhook.headers[{number}]");
        at.unless(fields::is_header(&name), &field, "is no header that can be set");
        at.unless(!(has_proof && name.eq_ignore_ascii_case("authorization")), &field, "is given by the credentials already");
        match (value, value_secret_ref) {
            (Some(value), None) => {
                at.unless(!fields::is_secret(&name), &field, "is a secret, which belongs into valueSecretRef");
                at.unless(fields::is_value(&value), &field, "has a value that no header can have");
                headers.push((name, Text::Literal(value)));
            }
            (None, Some(reference)) => headers.push((name, Text::Secret(key(reference, &field, at)))),
            (Some(_), Some(_)) | (None, None) => at.wrong(&field, "has exactly one of value and valueSecretRef"),
        }
    }
    headers
}

fn labels(labels: &BTreeMap<String, String>, at: &mut At<'_>) {
    at.unless(labels.len() <= MOST_LABELS, "alertmanager.labels", "has more than 16 entries");
    for (name, value) in labels {
        at.unless(fields::is_label(name, value), &format!("alertmanager.labels[{name}]"), "is no label that can be added, or has no value");
    }
}

fn bundle(raw: Option<RawCaBundle>, service: &str, at: &mut At<'_>) -> Option<KeyRef> {
    raw.map(|RawCaBundle { config_map_key_ref }| key(config_map_key_ref, &format!("{service}.caBundle.configMapKeyRef"), at))
}

fn key(key: KeyRef, field: &str, at: &mut At<'_>) -> KeyRef {
    at.unless(fields::is_key(&key), field, "is no name and key that a Secret or ConfigMap can have");
    key
}
