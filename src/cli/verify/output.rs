//! Results as text for people, or as one JSON document.

use std::io::Write;

use serde_json::{Value, json};

use crate::crd::Mode;
use crate::evaluate::{ImageDecision, PolicyResult, Verdict};

/// Prints the decisions.
pub(super) fn print(decisions: &[ImageDecision], as_json: bool) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut output, &json!({"images": decisions.iter().map(image).collect::<Vec<_>>()}))?;
        writeln!(output)?;
        return Ok(());
    }
    for decision in decisions {
        let digest = decision.digest().map(|digest| format!(" {digest}")).unwrap_or_default();
        writeln!(output, "{}: {}{digest}", decision.image.escape_debug(), answer(decision))?;
        for result in &decision.results {
            writeln!(output, "  {}", line(result))?;
        }
    }
    Ok(())
}

fn answer(decision: &ImageDecision) -> &'static str {
    match Verdict::decisive(decision.objections()) {
        None => "allowed",
        Some(Verdict::Refused(_)) => "refused",
        Some(_) => "unknown",
    }
}

fn line(result: &PolicyResult) -> String {
    let rule = result.rule.as_ref().map(|rule| format!(", rule {rule:?}")).unwrap_or_default();
    let mode = match result.policy.mode {
        Mode::Enforce => "",
        Mode::Warn => " [Warn]",
        Mode::Audit => " [Audit]",
    };
    let why = match &result.verdict {
        Verdict::Trusted(evidence) => {
            format!(": signed by {}", evidence.signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        verdict if verdict.message().is_empty() => String::new(),
        verdict => format!(": {}", verdict.message()),
    };
    format!("policy {}{rule}{mode}: {}{why}", result.policy.name, result.verdict.reason())
}

fn image(decision: &ImageDecision) -> Value {
    json!({
        "image": decision.image,
        "answer": answer(decision),
        "digest": decision.digest().map(ToString::to_string),
        "results": decision.results.iter().map(policy).collect::<Vec<_>>(),
    })
}

fn policy(result: &PolicyResult) -> Value {
    let signers = match &result.verdict {
        Verdict::Trusted(evidence) => evidence.signers.iter().map(ToString::to_string).collect(),
        _ => vec![],
    };
    json!({
        "policy": result.policy.name,
        "rule": result.rule,
        "mode": result.policy.mode,
        "validators": result.validators,
        "reason": result.verdict.reason(),
        "message": result.verdict.message(),
        "digest": result.verdict.digest().map(ToString::to_string),
        "signers": signers,
    })
}
