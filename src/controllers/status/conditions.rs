//! A finding as a status, pure: the same finding over the same stored status gives the same JSON.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::crd::{READY, WARNING};
use crate::index::{Finding, Material, Readiness};
use crate::policy::Kind;

const MOST_MESSAGE: usize = 1024;
const MOST_PROBLEMS: usize = 4;

/// Whether a webhook stands behind a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// It was read back, or none is needed.
    There,
    /// It was not read back yet.
    Pending,
    /// The namespace is exempt, so there is none.
    Exempt,
    /// This operator has none: it only verifies what runs.
    None,
}

/// The status to write. Times move only when a condition's status does.
pub(super) fn status(finding: &Finding, cover: Cover, old: &Value, now: DateTime<Utc>) -> Value {
    let mut conditions = vec![condition(READY, ready(finding, cover), finding, old, now)];
    if let Some(first) = finding.warnings.first() {
        let lines: Vec<_> = finding.warnings.iter().map(ToString::to_string).collect();
        conditions.push(condition(WARNING, ("True", first.reason(), shorten(&lines)), finding, old, now));
    }
    let mut status = Map::new();
    status.insert("conditions".to_owned(), conditions.into());
    if let Some(generation) = finding.generation {
        status.insert("observedGeneration".to_owned(), generation.into());
    }
    if finding.kind == Kind::TrustRoot {
        status.insert("keys".to_owned(), finding.keys.iter().map(material).collect());
    }
    status.into()
}

fn material(Material { name, fingerprint, algorithm, expires }: &Material) -> Value {
    let mut material = json!({"name": name, "fingerprint": fingerprint, "algorithm": algorithm});
    if let (Some(expires), Value::Object(material)) = (expires, &mut material) {
        material.insert("expires".to_owned(), expires.to_rfc3339_opts(SecondsFormat::Secs, true).into());
    }
    material
}

type Said = (&'static str, &'static str, String);

fn ready(finding: &Finding, cover: Cover) -> Said {
    match (&finding.readiness, finding.kind) {
        (Readiness::Unready(reason, problems), _) => {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            ("False", reason.as_str(), shorten(&lines))
        }
        (Readiness::Ready, Kind::ImagePolicy) if cover == Cover::Pending => {
            ("False", "WebhookPending", "the webhook that covers this policy was not read back yet".to_owned())
        }
        (Readiness::Ready, Kind::ImagePolicy) if cover == Cover::Exempt => {
            ("False", "NamespaceExempt", "no policy holds for this namespace: it is exempt".to_owned())
        }
        (Readiness::Ready, Kind::ImagePolicy) if cover == Cover::None => {
            ("True", "ReportsOnly", "what runs is verified and reported; this operator refuses nothing, whatever the mode is".to_owned())
        }
        (Readiness::Ready, Kind::ImagePolicy) => ("True", "InForce", "the policy is in force".to_owned()),
        (Readiness::Ready, Kind::Validator) => ("True", "Usable", "everything that the validator names was read".to_owned()),
        (Readiness::Ready, Kind::TrustRoot) => ("True", "Usable", "every key and certificate was read".to_owned()),
    }
}

fn condition(kind: &str, (status, reason, message): Said, finding: &Finding, old: &Value, now: DateTime<Utc>) -> Value {
    let before = old.get("conditions").and_then(Value::as_array).into_iter().flatten();
    let before = before.into_iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind));
    let unmoved = before.filter(|condition| condition.get("status").and_then(Value::as_str) == Some(status));
    let since = unmoved.and_then(|condition| condition.get("lastTransitionTime")).cloned();
    let since = since.unwrap_or_else(|| now.to_rfc3339_opts(SecondsFormat::Secs, true).into());
    let mut condition = json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since});
    if let (Some(fields), Some(generation)) = (condition.as_object_mut(), finding.generation) {
        fields.insert("observedGeneration".to_owned(), generation.into());
    }
    condition
}

fn shorten(lines: &[String]) -> String {
    let more = lines.len().saturating_sub(MOST_PROBLEMS);
    let mut text = lines.iter().take(MOST_PROBLEMS).map(String::as_str).collect::<Vec<_>>().join("; ");
    if let Some((at, _)) = text.char_indices().nth(MOST_MESSAGE) {
        text.truncate(at);
        text.push('…');
    }
    if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{UnreadyReason, Warning};
    use crate::policy::{Cause, ObjectName, Problem};

    fn finding(readiness: Readiness) -> Finding {
        Finding {
            kind: Kind::ImagePolicy,
            object: ObjectName::new("shop", "p"),
            generation: Some(3),
            readiness,
            warnings: vec![],
            keys: vec![],
        }
    }

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().unwrap_or_default()
    }

    #[test]
    fn a_policy_is_ready_only_when_its_webhook_was_read_back() {
        let pending = status(&finding(Readiness::Ready), Cover::Pending, &Value::Null, at("2026-11-21T00:00:00Z"));
        assert_eq!(pending.pointer("/conditions/0/reason"), Some(&json!("WebhookPending")));
        assert_eq!(pending.pointer("/conditions/0/status"), Some(&json!("False")));
        let ready = status(&finding(Readiness::Ready), Cover::There, &pending, at("2026-11-21T00:00:05Z"));
        assert_eq!(
            ready,
            json!({"observedGeneration": 3, "conditions": [{
                "type": "Ready", "status": "True", "reason": "InForce", "message": "the policy is in force",
                "lastTransitionTime": "2026-11-21T00:00:05Z", "observedGeneration": 3
            }]})
        );
    }

    #[test]
    fn a_policy_in_an_exempt_namespace_is_never_ready() {
        let status = status(&finding(Readiness::Ready), Cover::Exempt, &Value::Null, at("2026-11-21T00:00:00Z"));
        assert_eq!(status.pointer("/conditions/0/reason"), Some(&json!("NamespaceExempt")));
        assert_eq!(status.pointer("/conditions/0/status"), Some(&json!("False")));
    }

    #[test]
    fn the_time_moves_only_with_the_status() {
        let first = status(&finding(Readiness::Ready), Cover::There, &Value::Null, at("2026-11-21T00:00:00Z"));
        assert_eq!(status(&finding(Readiness::Ready), Cover::There, &first, at("2026-11-22T00:00:00Z")), first);
    }

    #[test]
    fn problems_and_warnings_are_told() {
        let problem = Problem::new("spec.rules", Cause::Empty);
        let mut finding = finding(Readiness::Unready(UnreadyReason::Invalid, vec![problem]));
        finding.warnings = vec![Warning::ExemptNamespaceSelected("kube-system".to_owned())];
        let status = status(&finding, Cover::There, &Value::Null, at("2026-11-21T00:00:00Z"));
        assert_eq!(status.pointer("/conditions/0/message"), Some(&json!("spec.rules: must not be empty")));
        assert_eq!(status.pointer("/conditions/1/reason"), Some(&json!("ExemptNamespaceSelected")));
    }
}
