//! What the outside of a bundle must look like before anything in it is a candidate.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use serde_json::{Value, json};

use super::*;
use crate::testing::{bundle_json, doubled, image, statement, statement_of};

const IN_TOTO: &str = "application/vnd.in-toto+json";

fn signature_bundle() -> Value {
    bundle_json(IN_TOTO, &statement(&image()))
}

fn skipped(bundle: &Value) -> SkipReason {
    open(bundle.to_string().as_bytes()).unwrap_err()
}

#[test]
fn a_signature_bundle_opens_in_both_spellings_of_version_0_3() {
    let mut bundle = signature_bundle();
    assert_eq!(open(bundle.to_string().as_bytes()).unwrap().payload, statement(&image()).as_bytes());
    bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.3");
    assert!(open(bundle.to_string().as_bytes()).is_ok());
}

#[test]
fn a_bundle_of_another_version_is_passed_over() {
    for version in ["application/vnd.dev.sigstore.bundle+json;version=0.1", "application/vnd.dev.sigstore.bundle.v0.4+json", ""] {
        let mut bundle = signature_bundle();
        bundle["mediaType"] = json!(version);
        assert_eq!(skipped(&bundle), SkipReason::MediaType);
    }
}

#[test]
fn an_attestation_is_passed_over() {
    let subject = json!([{"digest": {"sha256": image().hex()}}]);
    let bundle = bundle_json(IN_TOTO, &statement_of("https://slsa.dev/provenance/v1", &subject));
    assert_eq!(skipped(&bundle), SkipReason::Attestation);
}

#[test]
fn an_envelope_of_another_payload_type_is_passed_over() {
    for payload_type in ["application/json", "application/vnd.in-toto+json ", "application/vnd.in-toto+\u{458}son", ""] {
        assert_eq!(skipped(&bundle_json(payload_type, &statement(&image()))), SkipReason::OtherPayload);
    }
}

#[test]
fn the_signature_of_a_file_is_passed_over() {
    let mut bundle = signature_bundle();
    bundle["messageSignature"] = json!({"messageDigest": {"algorithm": "SHA2_256", "digest": "AA=="}, "signature": "AA=="});
    assert_eq!(skipped(&bundle), SkipReason::MalformedBundle, "both at once");
    bundle.as_object_mut().unwrap().remove("dsseEnvelope");
    assert_eq!(skipped(&bundle), SkipReason::MessageSignature);
}

#[test]
fn a_bundle_without_exactly_one_signature_is_malformed() {
    for signatures in [json!([]), json!([{"sig": "AAAA"}, {"sig": "AAAA"}]), json!(null), json!([null])] {
        let mut bundle = signature_bundle();
        bundle["dsseEnvelope"]["signatures"] = signatures;
        assert_eq!(skipped(&bundle), SkipReason::MalformedBundle);
    }
}

#[test]
fn a_member_that_occurs_twice_makes_a_bundle_malformed() {
    let envelope = ["", "/payload", "/payloadType", "/signatures", "/signatures/0/sig"].map(|it| format!("/dsseEnvelope{it}"));
    let material = ["", "/publicKey", "/publicKey/hint"].map(|it| format!("/verificationMaterial{it}"));
    for path in envelope.iter().chain(&material).map(String::as_str).chain(["/mediaType"]) {
        let text = doubled(&signature_bundle().to_string(), path);
        assert_eq!(open(text.as_bytes()).unwrap_err(), SkipReason::MalformedBundle, "{path}");
    }
}

#[test]
fn bytes_that_are_no_bundle_are_malformed() {
    let deep = "[".repeat(100_000);
    for text in ["", "{}", "[]", "null", r#"{"mediaType":{}}"#, &deep] {
        assert_eq!(open(text.as_bytes()).unwrap_err(), SkipReason::MalformedBundle);
    }
    let mut bundle = signature_bundle();
    bundle["dsseEnvelope"]["payload"] = json!("not base64");
    assert_eq!(skipped(&bundle), SkipReason::MalformedBundle);
}

#[test]
fn the_key_hint_is_read_when_it_is_a_fingerprint() {
    let mut bundle = signature_bundle();
    bundle["verificationMaterial"]["publicKey"]["hint"] = json!(STANDARD.encode([0xab; 32]));
    let hint = open(bundle.to_string().as_bytes()).unwrap().hint.unwrap();
    assert_eq!(hint.to_string(), format!("SHA256:{}", "ab".repeat(32)));
    for other in [json!("my-key"), json!(""), json!(STANDARD.encode([0xab; 31]))] {
        bundle["verificationMaterial"]["publicKey"]["hint"] = other;
        assert_eq!(open(bundle.to_string().as_bytes()).unwrap().hint, None);
    }
}
