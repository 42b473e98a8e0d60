//! Opsgenie: one alert per object, under an alias by which it is joined and closed.

use std::collections::BTreeMap;

use oci::Digest;
use serde_json::json;

use super::super::queue::{Load, closes};
use super::{Posting, words};
use crate::settings::Priority;

/// Opsgenie cuts or refuses what is longer.
const MOST_MESSAGE: usize = 130;
const MOST_DESCRIPTION: usize = 15_000;
const MOST_NOTE: usize = 25_000;
const MOST_ENTITY: usize = 512;
/// Of the hash; nobody can choose a subject so that two have one alias.
const ALIAS: usize = 40;

pub(super) fn posting(priority: Priority, cluster: Option<&str>, load: &Load) -> Posting {
    let description = words::lines(load).join("\n");
    let alias = alias(cluster, load);
    if let [alert] = load.alerts.as_slice()
        && closes(alert)
    {
        let note = cut(&format!("{}\n{description}", words::title(load)), MOST_NOTE);
        let path = format!("/v2/alerts/{alias}/close?identifierType=alias");
        return Posting { path, body: json!({"source": "bonafide", "note": note}) };
    }
    let mut details: BTreeMap<&str, &str> = cluster.map(|cluster| ("cluster", cluster)).into_iter().collect();
    let mut tags = vec!["bonafide"];
    let mut entity = String::new();
    if let [alert] = load.alerts.as_slice() {
        details.extend([
            ("namespace", alert.namespace.as_str()),
            ("kind", alert.kind.as_str()),
            ("name", alert.name.as_str()),
            ("reason", alert.reason.as_str()),
        ]);
        tags.push(alert.occasion.as_str());
        entity = format!("{} {}/{}", alert.kind, alert.namespace, alert.name);
    }
    let body = json!({
        "message": cut(&words::title(load), MOST_MESSAGE), "description": cut(&description, MOST_DESCRIPTION), "alias": alias,
        "source": "bonafide", "entity": cut(&entity, MOST_ENTITY), "priority": priority, "tags": tags, "details": details,
    });
    Posting { path: "/v2/alerts".to_owned(), body }
}

/// A flood has an alias of its own, under which further floods are joined until somebody closes it.
fn alias(cluster: Option<&str>, load: &Load) -> String {
    let subject = match load.alerts.as_slice() {
        [alert] => alert.subject(),
        _ => "flood".to_owned(),
    };
    let hash = Digest::of(format!("{}/{subject}", cluster.unwrap_or_default()).as_bytes());
    format!("bonafide-{}", hash.hex().get(..ALIAS).unwrap_or_default())
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
