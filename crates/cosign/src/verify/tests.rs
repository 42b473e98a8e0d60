//! One signature object at a time; in each test a single check stands between the attacker and success.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here is a failed test")]

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::*;
use crate::testing::{Signer, another_image, bundled, doubled, evidence, image, payload, simple_signing, statement, statement_of};

fn check(candidate: &Candidate, keys: &[PublicKey]) -> Result<Verified, CandidateError> {
    verify(candidate, &image(), keys, &mut Budget::default())
}

fn refusal(candidate: &Candidate, signer: &Signer) -> CandidateError {
    check(candidate, &[signer.key()]).unwrap_err()
}

#[test]
fn a_signature_of_every_algorithm_is_verified_in_both_layouts() {
    for signer in Signer::one_of_each() {
        let keys = [signer.key()];
        let key = &keys[0];
        let legacy = check(&signer.simple_signing(&payload(&image())), &keys).unwrap();
        assert_eq!((legacy.key(), legacy.layout()), (key.fingerprint(), Layout::LegacyTag));
        let bundle = check(&signer.bundle(&statement(&image())), &keys).unwrap();
        assert_eq!((bundle.key(), bundle.layout()), (key.fingerprint(), Layout::Referrers));
        assert_eq!((bundle.digest(), bundle.evidence()), (&image(), &evidence()));
    }
}

#[test]
fn a_changed_byte_of_the_message_refuses_every_algorithm() {
    for signer in Signer::one_of_each() {
        let signature = STANDARD.encode(signer.sign(payload(&another_image()).as_bytes()));
        let altered = simple_signing(&payload(&image()), &signature);
        assert_eq!(refusal(&altered, &signer), CandidateError::UntrustedKey { claimed: None });
    }
}

#[test]
fn a_signature_by_a_key_that_nobody_trusts_is_refused() {
    let (stranger, trusted) = (Signer::p256(), Signer::p256());
    let error = refusal(&stranger.simple_signing(&payload(&image())), &trusted);
    assert_eq!(error, CandidateError::UntrustedKey { claimed: None });
    let error = refusal(&stranger.bundle(&statement(&image())), &trusted);
    assert_eq!(error, CandidateError::UntrustedKey { claimed: Some(stranger.key().fingerprint().clone()) });
}

#[test]
fn without_keys_nothing_is_verified() {
    let candidate = Signer::p256().simple_signing(&payload(&image()));
    assert_eq!(check(&candidate, &[]), Err(CandidateError::UntrustedKey { claimed: None }));
}

#[test]
fn of_several_keys_the_one_that_signed_is_named() {
    let signers = [Signer::p256(), Signer::p256(), Signer::p256()];
    let keys: Vec<PublicKey> = signers.iter().map(Signer::key).collect();
    let verified = check(&signers[2].simple_signing(&payload(&image())), &keys).unwrap();
    assert_eq!(verified.key(), keys[2].fingerprint());
}

#[test]
fn a_hint_chooses_no_key() {
    let (stranger, trusted) = (Signer::p256(), Signer::p256());
    let mut envelope = stranger.envelope(&statement(&image()));
    envelope.hint = Some(trusted.key().fingerprint().clone());
    let error = refusal(&bundled(envelope), &trusted);
    assert_eq!(error, CandidateError::InvalidSignature { claimed: trusted.key().fingerprint().clone() });
}

#[test]
fn a_false_hint_does_not_hide_a_good_signature() {
    let (signer, other) = (Signer::p256(), Signer::p256());
    let mut envelope = signer.envelope(&statement(&image()));
    envelope.hint = Some(other.key().fingerprint().clone());
    let verified = check(&bundled(envelope), &[other.key(), signer.key()]).unwrap();
    assert_eq!(verified.key(), signer.key().fingerprint());
}

#[test]
fn a_trusted_signature_of_another_image_is_a_digest_mismatch() {
    let signer = Signer::p256();
    let mismatch = CandidateError::DigestMismatch { signed: another_image() };
    assert_eq!(refusal(&signer.simple_signing(&payload(&another_image())), &signer), mismatch);
    assert_eq!(refusal(&signer.bundle(&statement(&another_image())), &signer), mismatch);
}

#[test]
fn a_strangers_signature_of_another_image_is_only_untrusted() {
    let error = refusal(&Signer::p256().simple_signing(&payload(&another_image())), &Signer::p256());
    assert_eq!(error, CandidateError::UntrustedKey { claimed: None });
}

#[test]
fn a_simple_signing_payload_of_another_type_is_no_image_signature() {
    let signer = Signer::p256();
    for kind in ["atomic container signature", "cosign container image signature ", ""] {
        let text = payload(&image()).replace("cosign container image signature", kind);
        assert_eq!(refusal(&signer.simple_signing(&text), &signer), CandidateError::NotAnImageSignature);
    }
}

#[test]
fn an_attestation_by_a_trusted_key_is_no_image_signature() {
    let signer = Signer::p256();
    let subject = json!([{"digest": {"sha256": image().hex()}}]);
    for predicate in ["https://spdx.dev/Document", "https://sigstore.dev/cosign/sign/v1/", "https://sigstore.dev/cosign/sign/v2", ""] {
        let candidate = signer.bundle(&statement_of(predicate, &subject));
        assert_eq!(refusal(&candidate, &signer), CandidateError::NotAnImageSignature);
    }
}

#[test]
fn a_signature_over_the_bare_statement_is_none_over_its_envelope() {
    let signer = Signer::p256();
    let mut envelope = signer.envelope(&statement(&image()));
    envelope.signature = STANDARD.encode(signer.sign(&envelope.payload));
    envelope.hint = None;
    let error = refusal(&bundled(envelope), &signer);
    assert_eq!(error, CandidateError::UntrustedKey { claimed: None });
}

#[test]
fn a_signature_over_a_longer_payload_type_does_not_cover_the_statement() {
    // The same bytes after the lengths, cut at another place between type and payload.
    let signer = Signer::p256();
    let mut envelope = signer.envelope(&statement(&image()));
    let shifted = format!("application/vnd.in-toto+json {} {}", envelope.payload.len(), statement(&image()));
    let message = crate::dsse::pre_authentication_encoding(&shifted, b"");
    envelope.signature = STANDARD.encode(signer.sign(&message));
    envelope.hint = None;
    let error = refusal(&bundled(envelope), &signer);
    assert_eq!(error, CandidateError::UntrustedKey { claimed: None });
}

#[test]
fn an_enveloped_payload_does_not_pass_as_simple_signing() {
    let signer = Signer::p256();
    let error = refusal(&signer.simple_signing(&statement(&image())), &signer);
    assert_eq!(error, MalformedSignature::Payload.into());
}

#[test]
fn a_payload_that_names_a_member_twice_is_malformed() {
    let signer = Signer::p256();
    for path in ["/critical/image/docker-manifest-digest", "/critical/image", "/critical/type", "/critical"] {
        let text = doubled(&payload(&image()), path);
        assert_eq!(refusal(&signer.simple_signing(&text), &signer), MalformedSignature::Payload.into(), "{path}");
    }
}

#[test]
fn a_statement_that_names_a_member_twice_is_malformed() {
    let signer = Signer::p256();
    for path in ["/subject/0/digest/sha256", "/subject/0/digest", "/subject", "/predicateType", "/_type"] {
        let text = doubled(&statement(&image()), path);
        assert_eq!(refusal(&signer.bundle(&text), &signer), MalformedSignature::Payload.into(), "{path}");
    }
}

#[test]
fn a_statement_without_readable_subjects_is_malformed() {
    use MalformedSignature::{Digest, NoSubject, Payload};
    let signer = Signer::p256();
    let ours = json!({"digest": {"sha256": image().hex()}});
    for (subject, expected) in [
        (json!(null), Payload),
        (json!({}), Payload),
        (json!([null]), Payload),
        (json!([ours, null]), Payload),
        (json!([{"digest": null}]), Payload),
        (json!([{"name": "app"}]), Payload),
        (json!([]), NoSubject),
        (json!([{"digest": {"sha512": "00"}}]), NoSubject),
        (json!([{"digest": {"sha256": image().to_string()}}]), Digest),
        (json!([{"digest": {"sha256": image().hex().to_uppercase()}}]), Digest),
        (json!([ours, {"digest": {"sha256": ""}}]), Digest),
    ] {
        let candidate = signer.bundle(&statement_of("https://sigstore.dev/cosign/sign/v1", &subject));
        assert_eq!(refusal(&candidate, &signer), expected.into(), "{subject}");
    }
}

#[test]
fn a_statement_with_several_subjects_vouches_for_each_of_them() {
    let signer = Signer::p256();
    let subject = json!([{"digest": {"sha256": another_image().hex()}}, {"digest": {"sha256": image().hex()}}]);
    let candidate = signer.bundle(&statement_of("https://sigstore.dev/cosign/sign/v1", &subject));
    assert_eq!(check(&candidate, &[signer.key()]).unwrap().digest(), &image());
}

#[test]
fn a_statement_of_version_0_1_counts_and_of_an_unknown_one_does_not() {
    let signer = Signer::p256();
    let old = statement(&image()).replace("/v1\",\"predicate", "/v0.1\",\"predicate");
    let old = old.replace("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1");
    assert!(check(&signer.bundle(&old), &[signer.key()]).is_ok());
    let unknown = statement(&image()).replace("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v2");
    assert_eq!(refusal(&signer.bundle(&unknown), &signer), MalformedSignature::StatementVersion.into());
}

#[test]
fn an_empty_or_unreadable_signature_is_malformed() {
    let key = Signer::p256();
    for (signature, expected) in [
        ("", MalformedSignature::Empty),
        ("!!!!", MalformedSignature::Encoding),
        ("AAA", MalformedSignature::Encoding),
        ("AAAA\n", MalformedSignature::Encoding),
    ] {
        let candidate = simple_signing(&payload(&image()), signature);
        assert_eq!(refusal(&candidate, &key), expected.into(), "{signature:?}");
    }
}

#[test]
fn payloads_that_are_no_json_of_the_format_are_malformed() {
    let signer = Signer::p256();
    let deep = "[".repeat(100_000);
    for text in ["", "null", "[]", "{}", r#"{"critical":null}"#, r#"{"critical":[]}"#, r#"[{"type":""}]"#, "\u{0}", &deep] {
        assert_eq!(refusal(&signer.simple_signing(text), &signer), MalformedSignature::Payload.into());
        assert_eq!(refusal(&signer.bundle(text), &signer), MalformedSignature::Payload.into());
    }
    let wrong = payload(&image()).replace(&image().to_string(), "sha512:00");
    assert_eq!(refusal(&signer.simple_signing(&wrong), &signer), MalformedSignature::Digest.into());
}

#[test]
fn a_broken_signature_beside_a_good_one_neither_helps_nor_vetoes() {
    let signer = Signer::p256();
    let keys = [signer.key()];
    let broken = simple_signing("{}", "AAAA");
    let good = signer.simple_signing(&payload(&image()));
    let mut budget = Budget::default();
    let verdicts = [&broken, &good, &broken].map(|it| verify(it, &image(), &keys, &mut budget).is_ok());
    assert_eq!(verdicts, [false, true, false]);
}

#[test]
fn more_signatures_than_the_budget_are_not_checked() {
    let signer = Signer::p256();
    let keys = [signer.key()];
    let foreign = Signer::p256().simple_signing(&payload(&image()));
    let mut budget = Budget::default();
    for _ in 0..2000 {
        let refusal = verify(&foreign, &image(), &keys, &mut budget).unwrap_err();
        assert_eq!(refusal, CandidateError::UntrustedKey { claimed: None });
    }
    let good = signer.simple_signing(&payload(&image()));
    assert_eq!(verify(&good, &image(), &keys, &mut budget), Err(CandidateError::BudgetExhausted));
}

#[test]
fn each_key_and_each_hash_costs_one_check() {
    let signers = Signer::one_of_each();
    let keys: Vec<PublicKey> = signers.iter().map(Signer::key).collect();
    let mut budget = Budget::new(100);
    let foreign = Signer::p256().simple_signing(&payload(&image()));
    verify(&foreign, &image(), &keys, &mut budget).unwrap_err();
    // P-256 and RSA once each; P-384, P-521 and Ed25519 twice.
    assert_eq!(budget.left(), 100 - (3 + 2 * 5));
}

#[test]
fn a_candidate_that_can_never_count_costs_no_check() {
    let mut budget = Budget::new(0);
    let candidate = Signer::p256().simple_signing("{}");
    let refusal = verify(&candidate, &image(), &[Signer::p256().key()], &mut budget).unwrap_err();
    assert_eq!(refusal, MalformedSignature::Payload.into());
}

#[test]
fn the_most_telling_refusal_has_the_highest_rank() {
    let claimed = Signer::p256().key().fingerprint().clone();
    let ascending = [
        CandidateError::Malformed(MalformedSignature::Empty),
        CandidateError::NotAnImageSignature,
        CandidateError::UntrustedKey { claimed: None },
        CandidateError::InvalidSignature { claimed },
        CandidateError::DigestMismatch { signed: image() },
        CandidateError::BudgetExhausted,
    ];
    assert!(ascending.iter().map(CandidateError::rank).is_sorted());
}
