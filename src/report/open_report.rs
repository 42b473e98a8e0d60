//! The same content as a Report of `openreports.io/v1alpha1`, for tools that read those.
//!
//! Invariant: a result keeps its ID while it is about the same image by the same policy, whatever its verdict is.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ApiResource, DynamicObject};
use kube::core::{GroupVersionKind, ObjectMeta};
use serde_json::{Value, json};

use super::condition::verified_of;
use super::status;
use crate::crd::{ImageResult, ImageStatus, VerificationReport};

/// Who says it.
const SOURCE: &str = "bonafide";
const CATEGORY: &str = "Image Signature";
/// Bytes of the ID of a result.
const ID: usize = 16;

/// The kind, as tools know it.
pub(crate) fn open_reports() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("openreports.io", "v1alpha1", "Report"), "reports")
}

/// The Report with the content of one of ours; nothing for one that is about nobody.
pub(crate) fn open_report(report: &VerificationReport) -> Option<DynamicObject> {
    let owner = report.metadata.owner_references.as_ref()?.first()?;
    let namespace = report.metadata.namespace.clone()?;
    let results = report.status.as_ref().map(|status| status.images.as_slice()).unwrap_or_default();
    let seconds = verified_of(report).map_or(0, |condition| condition.last_transition_time.0.as_second());
    let count = |wanted: &str| results.iter().filter(|result| outcome(result.status) == wanted).count();
    let data = json!({
        "source": SOURCE,
        "scope": {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "namespace": namespace, "uid": owner.uid},
        "summary": {"pass": count("pass"), "fail": count("fail"), "warn": 0, "error": count("error"), "skip": count("skip")},
        "results": results.iter().enumerate().map(|(at, each)| result(each, &id(results, at, owner), seconds)).collect::<Vec<_>>(),
    });
    let metadata = ObjectMeta {
        name: Some(name(owner)),
        namespace: Some(namespace),
        labels: report.metadata.labels.clone(),
        owner_references: report.metadata.owner_references.clone(),
        ..ObjectMeta::default()
    };
    Some(DynamicObject {
        types: Some(kube::core::TypeMeta { api_version: "openreports.io/v1alpha1".to_owned(), kind: "Report".to_owned() }),
        metadata,
        data,
    })
}

/// Other tools name theirs by the uid alone.
fn name(owner: &OwnerReference) -> String {
    format!("{SOURCE}-{}", owner.uid)
}

fn outcome(status: ImageStatus) -> &'static str {
    match status {
        ImageStatus::Trusted => "pass",
        ImageStatus::Untrusted | ImageStatus::Unsupported | ImageStatus::Revoked => "fail",
        ImageStatus::Unknown => "error",
        ImageStatus::Exempt | ImageStatus::Unmatched => "skip",
    }
}

fn result(result: &ImageResult, id: &str, seconds: i64) -> Value {
    let ImageResult { image, digest, containers, status, policy, rule, validator, signers, reason, pods, message } = result;
    let said = |text: Option<String>| text.unwrap_or_default();
    let properties: serde_json::Map<String, Value> = [
        ("image", image.clone()),
        ("digest", said(digest.clone())),
        ("containers", containers.join(", ")),
        ("status", status::name(*status).to_owned()),
        ("reason", reason.clone()),
        ("validator", said(validator.clone())),
        ("signers", signers.join(", ")),
        ("pods", said(pods.map(|pods| pods.to_string()))),
        ("resultID", id.to_owned()),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(key, text)| (key.to_owned(), Value::String(text)))
    .collect();
    let message = if message.is_empty() { format!("{image}: {reason}") } else { format!("{image}: {reason}: {message}") };
    let mut said = json!({
        "source": SOURCE, "category": CATEGORY, "policy": policy, "result": outcome(*status), "scored": true, "message": message,
        "timestamp": {"seconds": seconds, "nanos": 0}, "properties": properties,
    });
    if let (Some(rule), Some(said)) = (rule, said.as_object_mut()) {
        said.insert("rule".to_owned(), json!(rule));
    }
    said
}

/// Of what is specified alone: the digest is known only while it runs, or was verified. Pods of one workload may run
/// several digests of one image; those are numbered.
fn id(results: &[ImageResult], at: usize, owner: &OwnerReference) -> String {
    let Some((result, before)) = results.get(..=at).and_then(<[ImageResult]>::split_last) else { return String::new() };
    let about = |result: &ImageResult| (result.policy.clone(), result.image.clone(), result.containers.clone());
    let number = before.iter().filter(|other| about(other) == about(result)).count().to_string();
    let containers = result.containers.join(",");
    let of = [owner.uid.as_str(), &result.policy, &result.image, &containers, &number];
    let mut id = String::new();
    for byte in digest(&SHA256, of.join("\n").as_bytes()).as_ref().iter().take(ID) {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn report(results: &Value) -> VerificationReport {
        let summary =
            json!({"ratio": "", "trusted": 0, "untrusted": 0, "unknown": 0, "unsupported": 0, "revoked": 0, "exempt": 0, "unmatched": 0});
        let condition =
            json!({"type": "Verified", "status": "False", "reason": "R", "message": "", "lastTransitionTime": "1970-01-01T00:01:40Z"});
        let owner = json!({"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": "u1"});
        serde_json::from_value(json!({
            "apiVersion": "bonafide.dev/v1alpha1", "kind": "VerificationReport",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app.kubernetes.io/managed-by": "bonafide"}, "ownerReferences": [owner]},
            "pod": {"name": "web", "uid": "u1"}, "status": {"conditions": [condition], "summary": summary, "images": results}
        }))
        .unwrap()
    }

    fn said(status: &str) -> Value {
        json!({"image": "a.io/x:1", "digest": "sha256:aa", "containers": ["a", "b"], "status": status, "policy": "a/p", "rule": "all", "reason": "Why", "message": "because"})
    }

    #[test]
    fn the_same_content_in_the_words_of_openreports() {
        let open = open_report(&report(&json!([said("Untrusted")]))).unwrap();
        assert_eq!(open.metadata.name.as_deref(), Some("bonafide-u1"));
        assert_eq!(open.data["scope"], json!({"apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": "shop", "uid": "u1"}));
        let result = &open.data["results"][0];
        assert_eq!((&result["result"], &result["policy"], &result["rule"]), (&json!("fail"), &json!("a/p"), &json!("all")));
        assert_eq!(result["message"], "a.io/x:1: Why: because");
        assert_eq!(result["timestamp"], json!({"seconds": 100, "nanos": 0}));
        assert_eq!(result["properties"]["containers"], "a, b");
        assert!(result["properties"].get("signers").is_none(), "what is empty is not there");
    }

    #[test]
    fn every_status_has_a_result_and_all_are_counted() {
        let all = ["Trusted", "Untrusted", "Unknown", "Unsupported", "Revoked", "Exempt", "Unmatched"];
        let open = open_report(&report(&Value::Array(all.map(said).into()))).unwrap();
        assert_eq!(open.data["summary"], json!({"pass": 1, "fail": 3, "warn": 0, "error": 1, "skip": 2}));
    }

    #[test]
    fn a_result_keeps_its_id_whatever_its_verdict_is_and_another_one_has_another() {
        let ids = |results: &[Value]| -> Vec<String> {
            let open = open_report(&report(&Value::Array(results.to_vec()))).unwrap();
            let results = open.data["results"].as_array().unwrap().clone();
            results.iter().map(|result| result["properties"]["resultID"].as_str().unwrap().to_owned()).collect()
        };
        let mut unresolved = said("Unknown");
        unresolved.as_object_mut().unwrap().remove("digest");
        assert_eq!(ids(&[said("Trusted")]), ids(&[unresolved]));
        let mut other_image = said("Trusted");
        other_image["image"] = json!("a.io/y:1");
        let mut other_digest = said("Trusted");
        other_digest["digest"] = json!("sha256:bb");
        let ids = ids(&[said("Trusted"), other_image, other_digest]);
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
    }
}
