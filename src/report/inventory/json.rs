//! A row as JSON, for `bonafide images` and for `/results`. Whatever was said of an image is escaped (security rule 28).

use serde_json::{Map, Value, json};

use super::{Image, Row, Verdict};
use crate::report;
use crate::text;

/// What a report holds at most of anything.
const MOST: usize = 1024;

/// Text of a report, fit for being shown.
pub(crate) fn shown(text: &str) -> String {
    text::shown(text, MOST)
}

/// Everything unshortened, of lists no more than `most`; what is left out is counted.
pub(crate) fn json<P>((image, runs): &Row<'_, P>, most: usize) -> Map<String, Value> {
    let Image { reference, digest } = image;
    let namespaces = runs.namespaces.iter().map(|(name, pods)| json!({"name": shown(name), "pods": pods}));
    let mut row = Map::from_iter([
        ("status".to_owned(), report::name(runs.status).into()),
        ("image".to_owned(), shown(reference).into()),
        ("digest".to_owned(), digest.as_deref().map(shown).into()),
        ("pods".to_owned(), runs.pods().into()),
        ("reasons".to_owned(), runs.reasons().into_iter().take(most).map(shown).collect()),
    ]);
    list(&mut row, "namespaces", namespaces, most);
    list(&mut row, "verdicts", runs.verdicts.iter().map(|(verdict, pods)| of_verdict(verdict, *pods)), most);
    row
}

fn list(row: &mut Map<String, Value>, name: &str, items: impl ExactSizeIterator<Item = Value>, most: usize) {
    if items.len() > most {
        row.insert(format!("{name}LeftOut"), (items.len() - most).into());
    }
    row.insert(name.to_owned(), items.take(most).collect());
}

fn of_verdict(verdict: &Verdict, pods: usize) -> Value {
    let Verdict { status, reason, policy, rule, validator, signers, message } = verdict;
    json!({
        "policy": shown(policy),
        "rule": rule.as_deref().map(shown),
        "validator": validator.as_deref().map(shown),
        "signers": signers.iter().map(|signer| shown(signer)).collect::<Vec<_>>(),
        "status": report::name(*status),
        "reason": shown(reason),
        "message": shown(message),
        "pods": pods,
    })
}
