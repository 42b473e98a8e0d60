//! Slack: blocks of plain text, so that nothing in them is a link, a mention or an emoji.

use serde_json::{Value, json};

use super::super::queue::Load;
use super::words;

/// Slack refuses messages whose parts are longer.
const MOST_HEADER: usize = 150;
const MOST_SECTION: usize = 3000;
const MOST_CONTEXT: usize = 300;

pub(super) fn body(cluster: Option<&str>, load: &Load) -> Value {
    let title = words::title(load);
    let mut blocks = vec![json!({"type": "header", "text": plain(&title, MOST_HEADER)})];
    let lines = words::lines(load).join("\n");
    if !lines.is_empty() {
        blocks.push(json!({"type": "section", "text": plain(&lines, MOST_SECTION)}));
    }
    let time = load.alerts.first().map(|alert| super::time(alert)).unwrap_or_default();
    let context = cluster.map_or(time.clone(), |cluster| format!("cluster {cluster}, {time}"));
    blocks.push(json!({"type": "context", "elements": [plain(&context, MOST_CONTEXT)]}));
    // The text is what notifications show.
    json!({"text": escaped(&title, MOST_HEADER), "mrkdwn": false, "unfurl_links": false, "unfurl_media": false, "blocks": blocks})
}

fn plain(text: &str, most: usize) -> Value {
    json!({"type": "plain_text", "text": escaped(text, most), "emoji": false})
}

/// Slack's three control characters as entities; cut between them, before it gets too long.
fn escaped(text: &str, most: usize) -> String {
    let mut escaped = String::new();
    let mut length = 0;
    for letter in text.chars() {
        let piece = match letter {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            letter => letter.to_string(),
        };
        length += piece.chars().count();
        if length >= most {
            escaped.push('…');
            break;
        }
        escaped.push_str(&piece);
    }
    escaped
}
