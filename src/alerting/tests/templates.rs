//! What each service gets, field by field, and that hostile text stays text in all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::stage::{DIGEST, admitted, changed, refused};
use crate::alerting::Alert;
use crate::alerting::queue::{CAPACITY, Load};
use crate::alerting::template::{Posting, posting};
use crate::settings::{Priority, Service};

fn load(alerts: impl IntoIterator<Item = Alert>) -> Load {
    Load { alerts: alerts.into_iter().map(|alert| Arc::new(alert.fit())).collect(), missed: 0 }
}

fn opsgenie() -> Service {
    Service::Opsgenie { priority: Priority::P2 }
}

fn alertmanager() -> Service {
    Service::Alertmanager { labels: BTreeMap::from([("team".to_owned(), "platform".to_owned())]) }
}

fn every() -> [Service; 5] {
    [Service::Slack, Service::Teams, opsgenie(), alertmanager(), Service::Webhook]
}

fn body(service: &Service, load: &Load) -> Value {
    posting(service, Some("prod"), load).body
}

/// The texts of a Slack message, block by block.
fn slack(load: &Load) -> Vec<String> {
    let body = body(&Service::Slack, load);
    let text = |block: &Value| block.pointer("/text/text").or(block.pointer("/elements/0/text")).unwrap().as_str().unwrap().to_owned();
    body["blocks"].as_array().unwrap().iter().map(text).collect()
}

/// The text runs of a Teams message.
fn teams(load: &Load) -> Vec<String> {
    let body = body(&Service::Teams, load);
    let card = &body["attachments"][0]["content"];
    card["body"].as_array().unwrap().iter().map(|block| block["inlines"][0]["text"].as_str().unwrap().to_owned()).collect()
}

const REFUSED: [&str; 3] = [
    "Refused: Pod shop/web (NoSignature)",
    "registry.example.com/apps/web:v1 (policy bonafide-system/production, rule \"apps\"): NoSignature: no signature found",
    "cluster prod, 1970-01-01T00:00:00Z",
];

#[test]
fn people_read_what_happened_to_which_object_and_why() {
    assert_eq!(slack(&load([refused("web")])), REFUSED);
    assert_eq!(teams(&load([refused("web")])), REFUSED);
    let back = load([changed("web", true)]);
    let trusted = format!("registry.example.com/apps/web:v1 {DIGEST} (policy bonafide-system/production, rule \"apps\"): Trusted");
    assert_eq!(slack(&back), ["Verified again: Pod shop/web", &trusted, REFUSED[2]]);
    assert_eq!(teams(&load([admitted("web")]))[0], "Admitted: Pod shop/web");
    assert_eq!(teams(&load([changed("web", false)]))[0], "Not verified: Pod shop/web (NoSignature)");
}

#[test]
fn slack_and_teams_get_the_envelopes_that_they_take() {
    let message = body(&Service::Slack, &load([refused("web")]));
    assert_eq!(message["text"], REFUSED[0]);
    assert_eq!([&message["mrkdwn"], &message["unfurl_links"], &message["unfurl_media"]], [&json!(false), &json!(false), &json!(false)]);
    let kinds: Vec<_> = message["blocks"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["header", "section", "context"]);
    let message = body(&Service::Teams, &load([refused("web")]));
    assert_eq!(message["type"], "message");
    let attachment = &message["attachments"][0];
    assert_eq!([&attachment["contentType"], &attachment["contentUrl"]], [&json!("application/vnd.microsoft.card.adaptive"), &Value::Null]);
    assert_eq!([&attachment["content"]["type"], &attachment["content"]["version"]], ["AdaptiveCard", "1.4"]);
    let color = |load: &Load| body(&Service::Teams, load)["attachments"][0]["content"]["body"][0]["inlines"][0]["color"].clone();
    assert_eq!([color(&load([refused("web")])), color(&load([changed("web", true)]))], ["Attention", "Good"]);
}

#[test]
fn a_digest_counts_by_reason_names_a_few_and_says_what_is_left_out() {
    let mut burst =
        load((0..30).map(|number| refused(&format!("web-{number}"))).chain((0..7).map(|number| changed(&format!("job-{number}"), false))));
    burst.missed = 12;
    for texts in [slack(&burst), teams(&burst)] {
        let text = texts.join("\n");
        assert!(text.starts_with("37 alerts: 7 not verified, 30 refused"), "{text}");
        for line in ["30 x Refused: NoSignature", "7 x Not verified: NoSignature", "Refused: Pod shop/web-9 (NoSignature)", "and 27 more"] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!text.contains("web-10"), "{text}");
        assert!(text.contains("12 further alerts are not told, because too many came at once."), "{text}");
    }
}

#[test]
fn opsgenie_joins_what_is_about_one_object_and_closes_it_when_it_is_good() {
    let of = |alert: Alert| posting(&opsgenie(), Some("prod"), &load([alert]));
    let opened = of(changed("web", false));
    assert_eq!(opened.path, "/v2/alerts");
    let field = |name: &str| opened.body[name].clone();
    assert_eq!(field("message"), "Not verified: Pod shop/web (NoSignature)");
    assert_eq!([field("priority"), field("source"), field("entity")], ["P2", "bonafide", "Pod shop/web"]);
    assert_eq!(field("tags"), json!(["bonafide", "Changed"]));
    assert_eq!(field("details"), json!({"cluster": "prod", "namespace": "shop", "kind": "Pod", "name": "web", "reason": "NoSignature"}));
    let alias = field("alias").as_str().unwrap().to_owned();
    assert!(alias.len() <= 512 && alias.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{alias}");
    let closed = of(changed("web", true));
    assert_eq!(closed.path, format!("/v2/alerts/{alias}/close?identifierType=alias"));
    assert_eq!(closed.body["source"], "bonafide");
    let other_pod = Alert { uid: Some("another".to_owned()), ..changed("web", false) };
    assert_ne!(of(other_pod).body["alias"], alias.as_str(), "a pod of the same name is another pod");
    assert_ne!(of(refused("web")).body["alias"], alias.as_str(), "what was refused is another matter");
    assert_ne!(posting(&opsgenie(), Some("test"), &load([changed("web", false)])).body["alias"], alias.as_str(), "another cluster");
}

#[test]
fn alertmanager_knows_firing_and_resolved_as_one_alert() {
    let of = |alert: Alert| {
        let Posting { path, body } = posting(&alertmanager(), Some("prod"), &load([alert]));
        assert_eq!(path, "/api/v2/alerts");
        body[0].clone()
    };
    let (firing, resolved) = (of(changed("web", false)), of(changed("web", true)));
    let labels = json!({
        "alertname": "BonafideUnverified", "cluster": "prod", "namespace": "shop", "kind": "Pod", "name": "web", "uid": "uid-of-web", "team": "platform",
    });
    assert_eq!([&firing["labels"], &resolved["labels"]], [&labels, &labels]);
    assert_eq!(firing["annotations"]["summary"], "Not verified: Pod shop/web (NoSignature)");
    assert_eq!(firing["annotations"]["reason"], "NoSignature");
    let time = |alert: &Value, field: &str| alert[field].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let now = chrono::Utc::now();
    assert!(time(&firing, "endsAt") > now && time(&resolved, "endsAt") <= now);
    assert!(time(&resolved, "startsAt") < time(&resolved, "endsAt"));
    let moment = of(refused("web"));
    assert_eq!(moment["labels"]["alertname"], "BonafideRefused");
    assert!(time(&moment, "endsAt") > now, "it is to be seen");
    let mut flood = load([refused("a"), refused("b")]);
    flood.missed = 3;
    let alerts = body(&alertmanager(), &flood);
    assert_eq!(alerts.as_array().unwrap().len(), 3, "nothing is joined: {alerts}");
    assert_eq!(alerts[2]["labels"], json!({"alertname": "BonafideAlertsDropped", "cluster": "prod", "team": "platform"}));
}

#[test]
fn the_generic_body_has_everything_in_documented_fields() {
    let message = body(&Service::Webhook, &load([refused("web"), changed("job", true)]));
    assert_eq!([&message["version"], &message["cluster"], &message["missed"]], [&json!("1"), &json!("prod"), &json!(0)]);
    let first = json!({
        "occasion": "Refused", "time": "1970-01-01T00:00:00Z", "namespace": "shop", "kind": "Pod", "name": "web", "good": false,
        "reason": "NoSignature", "message": "", "moreImages": 0,
        "images": [{
            "image": "registry.example.com/apps/web:v1", "policy": "bonafide-system/production", "rule": "apps", "status": "Untrusted",
            "reason": "NoSignature", "message": "no signature found",
        }],
    });
    assert_eq!(message["alerts"][0], first);
    assert_eq!([&message["alerts"][1]["uid"], &message["alerts"][1]["images"][0]["digest"]], ["uid-of-job", DIGEST]);
}

/// Every text that others choose, in an alert of its own.
fn with(text: &str) -> Alert {
    let mut alert = Alert { uid: Some("u".to_owned()), ..changed(text, false) };
    (alert.namespace, alert.message) = (text.to_owned(), text.to_owned());
    let image = &mut alert.images[0];
    (image.image, image.message, image.rule) = (text.to_owned(), text.to_owned(), Some(text.to_owned()));
    alert
}

#[test]
fn hostile_names_stay_text() {
    let hostile =
        "<!channel> <https://evil|x> &lt; *b* _i_ `c` [x](javascript:1) **bold** {\"a\":1}\", \"b\": \"\u{202e}\u{1b}[2J\nnew line";
    for service in every() {
        let sent = body(&service, &load([with(hostile)])).to_string();
        for raw in ["\u{202e}", "\u{1b}", "\\u001b", "\\nnew line"] {
            assert!(!sent.contains(raw), "{service:?}: {raw:?} is in {sent}");
        }
        assert!(serde_json::from_str::<Value>(&sent).is_ok());
    }
    for text in slack(&load([with(hostile)])) {
        assert!(!text.contains('<') && !text.contains('>'), "{text}");
        let entities = ["&amp;", "&lt;", "&gt;"];
        assert!(text.match_indices('&').all(|(at, _)| entities.iter().any(|entity| text[at..].starts_with(entity))), "{text}");
    }
    let message = body(&Service::Slack, &load([with(hostile)]));
    assert!(!message["text"].as_str().unwrap().contains('<'), "{message}");
    assert!(!message.to_string().contains("\"mrkdwn\",\"text\""), "{message}");
    let card = body(&Service::Teams, &load([with(hostile)]))["attachments"][0]["content"]["body"].clone();
    for block in card.as_array().unwrap() {
        assert_eq!([&block["type"], &block["inlines"][0]["type"]], ["RichTextBlock", "TextRun"], "Markdown is read in everything else");
    }
}

#[test]
fn no_message_exceeds_what_its_service_takes() {
    let long = "<ä\u{1f600}".repeat(20_000);
    let most = (0..CAPACITY).map(|_| with(&long));
    let mut all = load(most);
    all.missed = u64::MAX;
    for load in [load([with(&long)]), all] {
        for text in slack(&load).iter().skip(1) {
            assert!(text.chars().count() <= 3000, "{}", text.chars().count());
        }
        assert!(slack(&load)[0].chars().count() <= 150);
        let size = body(&Service::Teams, &load).to_string().len();
        assert!(size <= 28 * 1024, "{size}");
        let message = posting(&opsgenie(), Some("prod"), &load).body;
        let length = |field: &str| message[field].as_str().unwrap().chars().count();
        assert!(length("message") <= 130 && length("description") <= 15_000 && length("entity") <= 512, "{message}");
    }
    let batch = load((0..200).map(|_| with(&long)));
    for service in [Service::Webhook, alertmanager()] {
        let size = body(&service, &batch).to_string().len();
        assert!(size < 2 * 1024 * 1024, "{service:?}: {size}");
    }
}

#[test]
fn many_images_are_counted_beyond_the_first() {
    let mut alert = refused("web");
    alert.images = (0..40).map(|_| alert.images[0].clone()).collect();
    let sent = body(&Service::Webhook, &load([alert.clone()]));
    assert_eq!((sent["alerts"][0]["images"].as_array().unwrap().len(), &sent["alerts"][0]["moreImages"]), (16, &json!(24)));
    assert!(slack(&load([alert]))[1].ends_with("and 24 more"));
}
