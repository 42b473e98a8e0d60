//! The webhook for our own kinds: denies what the index's parser cannot read, and nothing else.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::Value;

use super::answer::{Answer, Status};
use super::review::{Operation, Request};
use crate::index::{self, CompiledPolicy, Demand, Snapshot};
use crate::policy::{Kind, ObjectName, Observed};

const MOST_PROBLEMS: usize = 16;

/// Answers a request about one of our kinds.
pub(super) fn answer(request: &Request<'_>, snapshot: Option<&Snapshot>, operator_namespace: &str) -> Answer {
    let Some(kind) = Kind::from_name(&request.kind.kind) else { return Answer::admitted() };
    match request.operation {
        Operation::Delete => warn_of_users(kind, request, snapshot),
        Operation::Create | Operation::Update => check(kind, request, operator_namespace),
        Operation::Connect => Answer::admitted(),
    }
}

fn check(kind: Kind, request: &Request<'_>, operator_namespace: &str) -> Answer {
    let Some(observed) = observed(kind, request, request.object.map(serde_json::value::RawValue::get)) else { return Answer::admitted() };
    // Labels, finalizers and status of an object that is already stored are not held up by its spec.
    let unchanged = observed_spec(request.old_object.map(serde_json::value::RawValue::get)).is_some_and(|spec| spec == observed.spec);
    if request.operation == Operation::Update && unchanged {
        return Answer::admitted();
    }
    let problems = index::check(&observed, operator_namespace);
    if problems.is_empty() {
        return Answer::admitted();
    }
    let lines: Vec<_> = problems.iter().take(MOST_PROBLEMS).map(ToString::to_string).collect();
    Answer::denied(Status::Invalid, format!("{} {} cannot be used:\n  {}", kind.as_str(), observed.name, lines.join("\n  ")))
}

/// Deleting what policies need is never denied: it makes them refuse, visibly. The person who does it is told.
fn warn_of_users(kind: Kind, request: &Request<'_>, snapshot: Option<&Snapshot>) -> Answer {
    let (Some(namespace), Some(name), Some(snapshot)) = (&request.namespace, &request.name, snapshot) else {
        return Answer::admitted();
    };
    let name = ObjectName::new(namespace, name);
    let policies = snapshot.cluster.iter().chain(snapshot.tenants.values().flatten());
    let users: BTreeSet<_> = policies.filter(|policy| uses(policy, kind, &name)).map(|policy| policy.name.to_string()).collect();
    let warning = |users: Vec<String>| format!("images under these policies are refused without it: {}", users.join(", "));
    let warnings = if users.is_empty() { vec![] } else { vec![warning(users.into_iter().take(8).collect())] };
    Answer { warnings, ..Answer::admitted() }
}

fn uses(policy: &CompiledPolicy, kind: Kind, name: &ObjectName) -> bool {
    let requirements = policy.rules.iter().flatten().flat_map(|rule| match &rule.demand {
        Demand::Verify { requirements, .. } => requirements.as_slice(),
        _ => &[],
    });
    requirements.into_iter().any(|requirement| match kind {
        Kind::Validator => requirement.validator == *name,
        Kind::TrustRoot => requirement.scheme.trust_roots().contains(&name),
        Kind::ImagePolicy => false,
    })
}

fn observed(kind: Kind, request: &Request<'_>, object: Option<&str>) -> Option<Observed> {
    let value: Value = serde_json::from_str(object?).ok()?;
    let metadata = |field: &str| value.pointer(&format!("/metadata/{field}")).and_then(Value::as_str);
    Some(Observed {
        kind,
        name: ObjectName::new(request.namespace.as_deref().unwrap_or_default(), metadata("name").unwrap_or_default()),
        generation: None,
        created: metadata("creationTimestamp").and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(Into::into),
        spec: value.get("spec").cloned().unwrap_or_default(),
    })
}

fn observed_spec(object: Option<&str>) -> Option<Value> {
    let value: Value = serde_json::from_str(object?).ok()?;
    value.get("spec").cloned()
}
