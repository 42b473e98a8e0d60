//! What the documentation shows is read by the same parser as everything else.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed assertion is how a test fails")]

use std::path::Path;

use bonafide::index::{Finding, Inputs, Readiness, UnreadyReason, compile};
use bonafide::policy::{Kind, ObjectName, Observed};
use serde_json::Value;

const OPERATOR_NAMESPACE: &str = "bonafide-system";

/// YAML texts by where they stand: sample files, and the fenced blocks of the guides that are whole objects.
fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| std::fs::read_to_string(path).expect("a readable file");
    let samples = std::fs::read_dir(root.join("docs/samples")).expect("samples").flatten().map(|entry| entry.path());
    let mut texts: Vec<_> = samples.map(|path| (path.display().to_string(), read(&path))).collect();
    for guide in ["README.md", "docs/policies.md", "docs/operations.md", "docs/troubleshooting.md"] {
        let text = read(&root.join(guide));
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        texts.extend(blocks.filter(|block| block.starts_with("apiVersion:")).map(|block| (guide.to_owned(), block.to_owned())));
    }
    texts
}

fn documents(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).expect("YAML");
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

fn findings(documents: &[Value]) -> Vec<Finding> {
    let mut inputs = Inputs { operator_namespace: OPERATOR_NAMESPACE.to_owned(), ..Inputs::default() };
    for document in documents {
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
        let Some(kind) = text("/kind").and_then(Kind::from_name) else { continue };
        let name = ObjectName::new(text("/metadata/namespace").unwrap_or(OPERATOR_NAMESPACE), text("/metadata/name").expect("a name"));
        let spec = document.get("spec").cloned().unwrap_or_default();
        let observed = Observed { kind, name, generation: None, created: None, spec };
        match kind {
            Kind::ImagePolicy => inputs.policies.push(observed),
            Kind::Validator => inputs.validators.push(observed),
            Kind::TrustRoot => inputs.trust_roots.push(observed),
        }
    }
    compile(&inputs).1
}

/// Missing Secrets are no fault of a sample; a field that cannot be read is.
fn broken(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| matches!(finding.readiness, Readiness::Unready(UnreadyReason::Invalid, _))).collect()
}

#[test]
fn every_sample_and_every_whole_example_can_be_read() {
    let mut objects = 0;
    for (place, text) in texts() {
        let findings = findings(&documents(&text));
        assert!(broken(&findings).is_empty(), "{place}: {:#?}", broken(&findings));
        objects += findings.len();
    }
    assert!(objects >= 15, "only {objects} objects were found");
}

#[test]
fn a_sample_with_a_misspelt_field_would_be_noticed() {
    let text =
        "kind: ImagePolicy\nmetadata: {name: p}\nspec: {mode: Warn, unmatched: Deny, rules: [{name: a, image: ['**'], action: Deny}]}";
    assert_eq!(broken(&findings(&documents(text))).len(), 1);
}
