//! A load in words: a title and lines, the same for every service that people read.

use std::collections::BTreeMap;

use super::super::Alert;
use super::super::queue::Load;
use crate::settings::Occasion;

/// Objects that a digest names.
const MOST_EXAMPLES: usize = 10;
/// Reasons that a digest counts by themselves.
const MOST_REASONS: usize = 10;
/// The reason that goes without saying.
const TRUSTED: &str = "Trusted";

/// `Refused: Pod shop/web (NoSignature)`, or what a digest is about.
pub(super) fn title(load: &Load) -> String {
    if let [alert] = load.alerts.as_slice() {
        return headline(alert);
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for alert in &load.alerts {
        *counts.entry(verb(alert)).or_default() += 1;
    }
    let counted: Vec<_> = counts.into_iter().map(|(verb, count)| format!("{count} {}", lower(verb))).collect();
    format!("{} alerts: {}", load.alerts.len(), counted.join(", "))
}

/// What there is to say below the title.
pub(super) fn lines(load: &Load) -> Vec<String> {
    let mut lines = match load.alerts.as_slice() {
        [alert] => details(alert),
        alerts => digest(alerts.iter().map(AsRef::as_ref)),
    };
    match load.missed {
        0 => {}
        1 => lines.push("1 further alert is not told, because too many came at once.".to_owned()),
        missed => lines.push(format!("{missed} further alerts are not told, because too many came at once.")),
    }
    lines
}

/// Whether all of it ended well.
pub(super) fn is_good(load: &Load) -> bool {
    load.missed == 0 && load.alerts.iter().all(|alert| alert.good)
}

/// One line about one object.
pub(super) fn headline(alert: &Alert) -> String {
    let reason = if alert.reason == TRUSTED { String::new() } else { format!(" ({})", alert.reason) };
    format!("{}: {} {}/{}{reason}", verb(alert), alert.kind, alert.namespace, alert.name)
}

fn verb(alert: &Alert) -> &'static str {
    match (alert.occasion, alert.good) {
        (Occasion::Admitted, _) => "Admitted",
        (Occasion::Refused, _) => "Refused",
        (Occasion::Changed, false) => "Not verified",
        (Occasion::Changed, true) => "Verified again",
    }
}

fn lower(verb: &str) -> String {
    let mut letters = verb.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn details(alert: &Alert) -> Vec<String> {
    let mut lines: Vec<String> = Some(&alert.message).filter(|message| !message.is_empty()).cloned().into_iter().collect();
    for image in &alert.images {
        let rule = image.rule.as_ref().map(|rule| format!(", rule {rule:?}")).unwrap_or_default();
        let message = Some(&image.message).filter(|message| !message.is_empty()).map(|message| format!(": {message}")).unwrap_or_default();
        let digest = image.digest.as_ref().filter(|digest| !image.image.contains(digest.as_str()));
        let digest = digest.map(|digest| format!(" {digest}")).unwrap_or_default();
        lines.push(format!("{}{digest} (policy {}{rule}): {}{message}", image.image, image.policy, image.reason));
    }
    if alert.more_images > 0 {
        lines.push(format!("and {} more", alert.more_images));
    }
    lines
}

fn digest<'a>(alerts: impl Iterator<Item = &'a Alert> + Clone) -> Vec<String> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for alert in alerts.clone() {
        *counts.entry((verb(alert), &alert.reason)).or_default() += 1;
    }
    let mut counted: Vec<_> = counts.into_iter().collect();
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut lines: Vec<_> =
        counted.iter().take(MOST_REASONS).map(|((verb, reason), count)| format!("{count} x {verb}: {reason}")).collect();
    lines.extend(alerts.clone().take(MOST_EXAMPLES).map(headline));
    let more = alerts.count().saturating_sub(MOST_EXAMPLES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}
