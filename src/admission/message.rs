//! What people read: the denial, the warnings, the audit annotations.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::images::ImageUse;
use crate::crd::Mode;
use crate::evaluate::{ImageDecision, PolicyResult, Verdict};
use crate::text;

/// Lines of a denial; the rest is counted.
const MOST_LINES: usize = 32;
const MOST_IMAGE: usize = 256;
const MOST_TEXT: usize = 512;
const MOST_WARNING: usize = 250;
const MOST_ANNOTATION: usize = 4096;

/// An image decision with the places that use the image.
pub(super) type Judged<'a> = (Vec<&'a ImageUse>, &'a ImageDecision);

/// The denial: every failing image, where it is, which policy and rule, why.
pub fn denial(judged: &[Judged<'_>]) -> String {
    let refused = judged.iter().filter(|(_, decision)| decision.is_refused());
    let (mut images, mut lines) = (0, Vec::new());
    for (uses, decision) in refused {
        images += 1;
        let refusals = decision.of_mode(Mode::Enforce).filter(|result| !result.verdict.accepts());
        lines.extend(refusals.map(|result| format!("  {}: {}", places(uses), line(decision, result))));
    }
    let total = judged.len();
    let mut text = match (images, total) {
        (1, 1) => "the image may not run:".to_owned(),
        _ => format!("{images} of {total} images may not run:"),
    };
    let more = lines.len().saturating_sub(MOST_LINES);
    for line in lines.into_iter().take(MOST_LINES) {
        text.push('\n');
        text.push_str(&line);
    }
    if more > 0 {
        let _ = write!(text, "\n  and {more} more");
    }
    text
}

/// One warning per image and policy that only warns.
pub fn warnings(judged: &[Judged<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (uses, decision) in judged {
        for result in decision.of_mode(Mode::Warn).filter(|result| !result.verdict.accepts()) {
            warnings.push(text::shown(&format!("{}: {}", places(uses), line(decision, result)), MOST_WARNING));
        }
    }
    for (uses, decision) in judged {
        for (result, outage) in decision.results.iter().filter_map(|result| Some((result, result.outage.as_ref()?))) {
            let text = format!("{}: {}: the last verdict stands, because of {}", places(uses), line(decision, result), outage.reason());
            warnings.push(text::shown(&text, MOST_WARNING));
        }
    }
    warnings
}

/// Policy, digest and verdict of every image, for the audit log.
pub fn annotations(judged: &[Judged<'_>]) -> BTreeMap<String, String> {
    if judged.is_empty() {
        return BTreeMap::new();
    }
    let refused = judged.iter().any(|(_, decision)| decision.is_refused());
    let mut lines = Vec::new();
    for (_, decision) in judged {
        for result in &decision.results {
            let digest = result.verdict.digest().map(|digest| format!(" {digest}")).unwrap_or_default();
            let mode = mode_name(result.policy.mode);
            let last = if result.outage.is_some() { " (last verdict)" } else { "" };
            lines.push(format!("{}{digest} {} {mode} {}{last}", shown(decision), result.policy.name, result.verdict.reason()));
        }
    }
    let verdict = if refused { "refused" } else { "admitted" };
    [("verdict".to_owned(), verdict.to_owned()), ("images".to_owned(), text::shown(&lines.join("; "), MOST_ANNOTATION))].into()
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "Enforce",
        Mode::Warn => "Warn",
        Mode::Audit => "Audit",
    }
}

/// `registry.example.com/a:v1 (policy ns/name, rule "apps"): Reason: text`
fn line(decision: &ImageDecision, result: &PolicyResult) -> String {
    let rule = result.rule.as_ref().map(|rule| format!(", rule {rule:?}")).unwrap_or_default();
    let reason = result.verdict.reason();
    let text = text::shown(&result.verdict.message(), MOST_TEXT);
    let why = match &result.verdict {
        Verdict::Refused(_) | Verdict::Fault(_) if !text.is_empty() => format!("{reason}: {text}"),
        _ => reason.to_string(),
    };
    format!("{} (policy {}{rule}): {why}", shown(decision), result.policy.name)
}

/// `container "app"`, or `containers "a", "b", init container "c"`.
fn places(uses: &[&ImageUse]) -> String {
    const MOST: usize = 8;
    let mut text = uses.iter().take(MOST).map(|image| format!("{} {:?}", image.field, image.name)).collect::<Vec<_>>().join(", ");
    if uses.len() > MOST {
        let _ = write!(text, " and {} more", uses.len() - MOST);
    }
    text
}

/// An image as it may be shown, in quotes where its author wrote something that is no reference.
fn shown(decision: &ImageDecision) -> String {
    match decision.reference {
        Ok(_) => text::shown(&decision.image, MOST_IMAGE),
        Err(_) => format!("{:?}", text::shown(&decision.image, MOST_IMAGE)),
    }
}
