//! Microsoft Teams: an Adaptive Card, as workflows take it ("when a Teams webhook request is received").
//!
//! Invariant: what others wrote is in text runs, the one element of a card that is never read as Markdown.

use serde_json::{Value, json};

use super::super::queue::Load;
use super::words;

/// Teams takes 28 KiB in all, and a letter can take six bytes in JSON.
const MOST_TITLE: usize = 200;
const MOST_TEXT: usize = 3000;
const MOST_LINES: usize = 32;

pub(super) fn body(cluster: Option<&str>, load: &Load) -> Value {
    let color = if words::is_good(load) { "Good" } else { "Attention" };
    let title =
        json!({"type": "TextRun", "text": cut(&words::title(load), MOST_TITLE), "weight": "Bolder", "size": "Medium", "color": color});
    let mut body = vec![block(&title)];
    let mut left = MOST_TEXT;
    for line in words::lines(load).iter().take(MOST_LINES) {
        let line = cut(line, left);
        left = left.saturating_sub(line.chars().count());
        if !line.is_empty() {
            body.push(block(&json!({"type": "TextRun", "text": line})));
        }
    }
    let time = load.alerts.first().map(|alert| super::time(alert)).unwrap_or_default();
    let context = cluster.map_or(time.clone(), |cluster| format!("cluster {cluster}, {time}"));
    body.push(block(&json!({"type": "TextRun", "text": context, "isSubtle": true, "size": "Small"})));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "msteams": {"width": "Full"}, "body": body,
    });
    let attachment = json!({"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card});
    json!({"type": "message", "attachments": [attachment]})
}

fn block(run: &Value) -> Value {
    json!({"type": "RichTextBlock", "inlines": [run]})
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
