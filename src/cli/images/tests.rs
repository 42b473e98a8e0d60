//! Reports of every kind, told and signed.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod output;
mod reading;
mod rows;
mod script;

use serde_json::{Value, json};

use super::read::Found;
use crate::crd::VerificationReport;

/// What one policy says of one image of a pod.
fn said(image: &str, digest: Option<&str>, status: &str) -> Value {
    json!({"image": image, "digest": digest, "containers": ["main"], "status": status, "policy": "bonafide-system/production",
           "rule": "all", "signers": [], "reason": format!("Because{status}"), "message": ""})
}

fn report(namespace: &str, pod: &str, images: &[Value]) -> VerificationReport {
    let summary =
        json!({"ratio": "0/0", "trusted": 0, "untrusted": 0, "unknown": 0, "unsupported": 0, "revoked": 0, "exempt": 0, "unmatched": 0});
    serde_json::from_value(json!({
        "apiVersion": "bonafide.dev/v1alpha1", "kind": "VerificationReport", "metadata": {"namespace": namespace, "name": pod},
        "pod": {"name": pod, "uid": pod}, "status": {"conditions": [], "summary": summary, "images": images}
    }))
    .unwrap()
}

fn found(reports: impl IntoIterator<Item = VerificationReport>) -> Found {
    let mut found = Found::default();
    reports.into_iter().for_each(|report| found.add(report));
    found
}

/// Each image in a pod of its own.
fn running(images: &[Value]) -> Found {
    found(images.iter().enumerate().map(|(at, image)| report("shop", &format!("pod-{at}"), std::slice::from_ref(image))))
}

fn digest(of: &str) -> String {
    oci::Digest::of(of.as_bytes()).to_string()
}
