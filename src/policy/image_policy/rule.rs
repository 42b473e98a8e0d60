//! One rule of a policy: its patterns, and what it demands.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::trust_root::{list_problems, shape};
use super::super::validator::names;
use super::super::{Cause, ObjectName, Pattern, Problem, TagUse};
use super::delegations;
use crate::crd::{self, Action, PolicyRule};

const MAX_PATTERNS: usize = 64;
const MAX_ENTRIES: usize = 16;

/// A rule whose patterns are readable.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Where it stands, such as `spec.rules[2]`.
    pub path: String,
    /// The images that it is for.
    pub images: Vec<Pattern>,
    /// The images that it is not for.
    pub except: Vec<Pattern>,
    /// What it demands.
    pub body: Body,
}

/// What a rule demands.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `at_least` of the entries must pass, all on one digest.
    Verify {
        /// The entries, never empty.
        entries: Vec<VerifyEntry>,
        /// How many must pass; between one and all of them.
        at_least: usize,
    },
    /// The image runs unverified, until a time.
    Allow {
        /// From then on the rule matches nothing.
        until: Option<DateTime<Utc>>,
        /// Why it is exempt.
        reason: Option<String>,
    },
    /// The image is refused.
    Deny {
        /// What the user is told.
        message: Option<String>,
    },
    /// The rule cannot be read, so it refuses.
    Invalid(Vec<Problem>),
}

/// One thing to verify, its names not resolved yet.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifyEntry {
    /// The validator.
    pub validator: ObjectName,
    /// The trust roots that count; absent means the validator's own.
    pub trust_roots: Option<Vec<ObjectName>>,
    /// How many of them must have signed; absent means all.
    pub threshold: Option<usize>,
    /// Trust roots that must be among them.
    pub required: Vec<ObjectName>,
    /// Delegations of Notary v1 that must have signed besides.
    pub delegations: Vec<notary::RequiredSigner>,
}

impl Rule {
    /// Whether the rule is for this image at this time.
    pub fn selects(&self, reference: &oci::Reference, now: DateTime<Utc>) -> bool {
        let matches = |patterns: &[Pattern], tags| patterns.iter().any(|pattern| pattern.matches(reference, tags));
        // The tag beside a digest may lead to a stricter answer, never to a laxer one: not into an Allow rule,
        // and not out of any other rule.
        match &self.body {
            Body::Allow { until, .. } if until.is_some_and(|until| until <= now) => false,
            Body::Allow { .. } => matches(&self.images, TagUse::IgnoredBesideDigest) && !matches(&self.except, TagUse::Believed),
            _ => matches(&self.images, TagUse::Believed) && !matches(&self.except, TagUse::IgnoredBesideDigest),
        }
    }

    /// The length of all patterns, in bytes.
    pub(super) fn pattern_text(&self) -> usize {
        self.images.iter().chain(&self.except).map(|pattern| pattern.as_str().len()).sum()
    }

    /// Everything that is wrong with what it demands.
    pub fn problems(&self) -> &[Problem] {
        match &self.body {
            Body::Invalid(problems) => problems,
            Body::Verify { .. } | Body::Allow { .. } | Body::Deny { .. } => &[],
        }
    }
}

/// Reads a rule. An error means that the patterns or the name are unreadable; other problems stay inside the rule.
pub(super) fn parse(written: &Value, path: &str, namespace: &str, operator_namespace: &str) -> Result<Rule, Vec<Problem>> {
    let head = read_head(written, path)?;
    let body = match shape::<PolicyRule>(written, path).and_then(|rule| read_body(rule, path, namespace, operator_namespace)) {
        Ok(body) => body,
        Err(problems) => Body::Invalid(problems),
    };
    Ok(Rule { body, ..head })
}

/// The name and patterns, which must be readable even when the rest is not.
fn read_head(written: &Value, path: &str) -> Result<Rule, Vec<Problem>> {
    let mut problems = Vec::new();
    let name: String = field(written, path, "name", &mut problems).unwrap_or_default();
    if name.is_empty() {
        problems.push(Problem::new(format!("{path}.name"), Cause::Empty));
    }
    let images: Vec<String> = field(written, path, "images", &mut problems).unwrap_or_default();
    let images = patterns(&images, &format!("{path}.images"), &mut problems);
    let except: Option<Vec<String>> = field(written, path, "except", &mut problems).flatten();
    let except = except.map(|except| patterns(&except, &format!("{path}.except"), &mut problems)).unwrap_or_default();
    if problems.is_empty() { Ok(Rule { name, path: path.to_owned(), images, except, body: Body::Invalid(vec![]) }) } else { Err(problems) }
}

fn field<T: serde::de::DeserializeOwned>(written: &Value, path: &str, name: &str, problems: &mut Vec<Problem>) -> Option<T> {
    let value = written.get(name).unwrap_or(&Value::Null);
    shape(value, &format!("{path}.{name}")).map_err(|found| problems.extend(found)).ok()
}

fn patterns(written: &[String], path: &str, problems: &mut Vec<Problem>) -> Vec<Pattern> {
    problems.extend(list_problems(path, written.len(), MAX_PATTERNS));
    let mut patterns = Vec::new();
    for (i, text) in written.iter().enumerate() {
        match Pattern::parse(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => problems.push(Problem::new(format!("{path}[{i}]"), Cause::Pattern(error))),
        }
    }
    patterns
}

fn read_body(rule: PolicyRule, path: &str, namespace: &str, operator_namespace: &str) -> Result<Body, Vec<Problem>> {
    let PolicyRule { name: _, images: _, except: _, verify, at_least, action, until, reason, message } = rule;
    let mut problems = Vec::new();
    let mut meaningless = |set: bool, field: &str, beside| {
        if set {
            problems.push(Problem::new(format!("{path}.{field}"), Cause::Meaningless(beside)));
        }
    };
    meaningless(until.is_some() && action != Some(Action::Allow), "until", "without action: Allow");
    meaningless(reason.is_some() && action != Some(Action::Allow), "reason", "without action: Allow");
    meaningless(message.is_some() && action != Some(Action::Deny), "message", "without action: Deny");
    meaningless(at_least.is_some() && verify.is_none(), "atLeast", "without verify");
    let body = match (verify, action) {
        (Some(entries), None) => read_verify(entries, at_least, path, namespace, operator_namespace, &mut problems),
        (None, Some(Action::Deny)) => Body::Deny { message },
        (None, Some(Action::Allow)) => Body::Allow { until: until.and_then(|text| read_time(&text, path, &mut problems)), reason },
        _ => {
            problems.push(Problem::new(path, Cause::ExactlyOne("verify and action")));
            Body::Invalid(vec![])
        }
    };
    if problems.is_empty() { Ok(body) } else { Err(problems) }
}

fn read_time(text: &str, path: &str, problems: &mut Vec<Problem>) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok();
    if time.is_none() {
        problems.push(Problem::new(format!("{path}.until"), Cause::Time));
    }
    time.map(|time| time.with_timezone(&Utc))
}

fn read_verify(
    written: Vec<crd::VerifyEntry>,
    at_least: Option<u32>,
    path: &str,
    namespace: &str,
    operator_namespace: &str,
    problems: &mut Vec<Problem>,
) -> Body {
    problems.extend(list_problems(&format!("{path}.verify"), written.len(), MAX_ENTRIES));
    let most = written.len();
    let at_least = count(at_least, most, format!("{path}.atLeast"), problems).unwrap_or(most);
    let mut entries = Vec::new();
    for (i, entry) in written.into_iter().enumerate() {
        let path = format!("{path}.verify[{i}]");
        if let Some(entry) = read_entry(entry, &path, namespace, operator_namespace, problems) {
            entries.push(entry);
        }
    }
    Body::Verify { entries, at_least }
}

fn read_entry(
    written: crd::VerifyEntry,
    path: &str,
    namespace: &str,
    operator_namespace: &str,
    problems: &mut Vec<Problem>,
) -> Option<VerifyEntry> {
    let crd::VerifyEntry { validator, trust_roots, threshold, required, delegations, delegation_keys } = written;
    let list = |field: &str, written: Option<Vec<String>>, problems: &mut Vec<Problem>| {
        written.map(|written| names(&format!("{path}.{field}"), &written, namespace, operator_namespace, problems))
    };
    let trust_roots = list("trustRoots", trust_roots, problems);
    let required = list("required", required, problems).unwrap_or_default();
    if let Some(roots) = &trust_roots {
        for name in required.iter().filter(|name| !roots.contains(name)) {
            problems.push(Problem::new(format!("{path}.required"), Cause::RequiredNotCounted(name.clone())));
        }
    }
    // Without an own list the bound is known only when the validator is; compile checks it again.
    let most = trust_roots.as_ref().map_or(usize::MAX, Vec::len);
    let threshold = count(threshold, most, format!("{path}.threshold"), problems);
    let delegations = delegations::read(delegations, delegation_keys, path, problems);
    match ObjectName::resolve(&validator, namespace, operator_namespace) {
        Ok(validator) => Some(VerifyEntry { validator, trust_roots, threshold, required, delegations }),
        Err(error) => {
            problems.push(Problem::new(format!("{path}.validator"), Cause::Name(error)));
            None
        }
    }
}

fn count(written: Option<u32>, most: usize, path: String, problems: &mut Vec<Problem>) -> Option<usize> {
    let count = usize::try_from(written?).unwrap_or(usize::MAX);
    if count == 0 || count > most {
        problems.push(Problem::new(path, Cause::OutOfRange(most.min(64))));
        return None;
    }
    Some(count)
}
